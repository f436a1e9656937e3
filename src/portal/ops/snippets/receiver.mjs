// Receives work_item.closed and checks it. Needs Node 18 or newer and nothing else:
//   API_KEY=... SIGNING_SECRET=whsec_... node receiver.mjs

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { API_KEY, SIGNING_SECRET, PORT = "4000" } = process.env;
if (!API_KEY || !SIGNING_SECRET) throw new Error("Set API_KEY and SIGNING_SECRET.");
const PATH = "/service-hooks";
const TOLERANCE_S = 5 * 60;
const LARGEST = 1024 * 1024;
const secret = Buffer.from(SIGNING_SECRET.replace(/^whsec_/, ""), "base64");

/** Ids that came already. In production: a unique column of your database. */
const seen = new Set();

createServer(async (request, response) => {
  const answer = (status) => response.writeHead(status).end();
  if (request.method !== "POST" || new URL(request.url, "http://x").pathname !== PATH) return answer(404);
  const body = await read(request);
  if (body === null) return answer(413);
  if (!isGenuine(request.headers, body)) return answer(401);
  let event;
  try {
    event = JSON.parse(body);
  } catch {
    return answer(400);
  }
  const id = request.headers["webhook-id"];
  const isNew = !seen.has(id);
  seen.add(id);
  // Answer at once and work afterwards. In production: store the event before you answer.
  answer(204);
  // A retry of what is here already is thanked for again, and nothing is done twice.
  if (isNew) setImmediate(() => console.log(`work_item.closed ${id}: ${event["id"]}`));
}).listen(Number(PORT), "127.0.0.1"); // Put TLS in front of it: the portal wants an https:// address.

/** Are key, time and signature right? */
function isGenuine(headers, body) {
  const { "x-api-key": key = "", "webhook-id": id, "webhook-timestamp": timestamp } = headers;
  if (!isSame(key, API_KEY)) return false;
  if (!id || !/^\d+$/.test(timestamp ?? "")) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_S) return false;
  const expected = `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest("base64")}`;
  // While a secret is being replaced there are several signatures, with spaces between.
  return (headers["webhook-signature"] ?? "").split(" ").some((signature) => isSame(signature, expected));
}

/** Compares in constant time: of two hashes, because what is compared has to be of one length. */
function isSame(a, b) {
  const hash = (text) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

/** The body's bytes as they came: the signature is over these and not over JSON that was written anew. */
async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > LARGEST) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
