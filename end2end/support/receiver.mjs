// The third party: records every request as the bytes it is and answers what the test wants.

import { once } from "node:events";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { eventually } from "./eventually.mjs";

export async function startReceiver() {
  const receiver = new Receiver();
  await receiver.listen();
  return receiver;
}

class Receiver {
  #server = createServer((request, response) => this.#answer(request, response));
  #taken = 0;
  /** What arrived: method, url, rawHeaders, headers, body. */
  requests = [];
  /** What is answered from now on. */
  status = 200;
  body = "thank you";
  headers = {};
  /** The status for an address, where it differs from the rest. */
  statusOf = () => undefined;

  async listen() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
  }

  async #answer(request, response) {
    const body = await buffer(request);
    const { method, url, rawHeaders, headers } = request;
    this.requests.push({ method, url, rawHeaders, headers, body });
    response.writeHead(this.statusOf(url) ?? this.status, { "content-type": "text/plain", ...this.headers }).end(this.body);
  }

  /** The next request that no call has returned yet. */
  async next() {
    await eventually("the receiver is called", () => this.requests.length > this.#taken);
    this.#taken += 1;
    return this.requests[this.#taken - 1];
  }

  async stop() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
