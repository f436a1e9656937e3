// What the first view of the hooks costs a browser that has nothing in its cache, counted on the wire.

import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { awake, cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { startServer } from "../support/server.mjs";

const KB = 1000;
const LARGEST_PAGE = 160 * KB;
const LARGEST_WASM = 100 * KB;
const MOST_REQUESTS = 8;

let server, browser;

before(async () => {
  server = await startServer();
  browser = await launchBrowser();
});

after(async () => {
  await Promise.all([browser?.close(), server?.stop()]);
});

it("costs little to look at the hooks for the first time", async (t) => {
  await makeHooks();
  const page = await coldPage();
  const requests = await recordRequests(page);
  await page.goto("/integration/hooks");
  await awake(page);
  // The browser asks for the icon when it likes: everything that has begun must have ended.
  await page.waitForLoadState("networkidle");

  const all = [...requests.values()];
  const total = all.reduce((sum, request) => sum + request.bytes, 0);
  const report = all.map(({ url, bytes }) => `${String(bytes).padStart(7)} ${url}`).join("\n");
  t.diagnostic(`${all.length} requests, ${total} bytes\n${report}`);
  const wasm = all.find((request) => new URL(request.url).pathname.endsWith(".wasm"));
  assert.ok(wasm?.bytes > 0, `no WASM was loaded:\n${report}`);
  assert.ok(wasm.bytes <= LARGEST_WASM, `WASM of ${wasm.bytes} bytes`);
  assert.ok(total <= LARGEST_PAGE, `${total} bytes:\n${report}`);
  assert.ok(all.length <= MOST_REQUESTS, `${all.length} requests:\n${report}`);
  assert.deepEqual(all.filter((request) => new URL(request.url).origin !== server.url), []);
  assert.deepEqual(all.filter((request) => !request.isDone), []);
});

/** One hook an event: a list as it looks in use, with sliders to wake. */
async function makeHooks() {
  const api = await server.api("hooks:write");
  for (const event_type of ["conversation.abandoned", "outbound_call.initiated", "work_item.closed"]) {
    await api.createHook({ name: event_type, event_type, callback_url: "http://127.0.0.1:4000/", enabled: true });
  }
}

/** Signed in, but by another visitor's cookies: nothing was loaded here before. */
async function coldPage() {
  const storageState = await cookiesOf(browser, server, await server.user("administrator"));
  return (await newVisitor(browser, server, { storageState })).page;
}

/** Every request with the bytes of its answer as they came over the network, head included. */
async function recordRequests(page) {
  const requests = new Map();
  const session = await page.context().newCDPSession(page);
  session.on("Network.requestWillBeSent", ({ requestId, request }) => {
    // A redirect keeps its id: it is a request of its own all the same.
    const key = requests.has(requestId) ? `${requestId} ${requests.size}` : requestId;
    requests.set(key, { url: request.url, bytes: 0, isDone: key !== requestId });
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    Object.assign(requests.get(requestId) ?? {}, { bytes: encodedDataLength, isDone: true });
  });
  await session.send("Network.enable");
  return requests;
}
