// Receives and verifies work_item.closed. Needs Node 18 or newer, no dependencies:
//   API_KEY=... SIGNING_SECRET=whsec_... node receiver.mjs

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { API_KEY, SIGNING_SECRET, PORT = "4000" } = process.env;
if (!API_KEY || !SIGNING_SECRET) throw new Error("Set API_KEY and SIGNING_SECRET.");
const PATH = "/service-hooks";
const TOLERANCE_S = 5 * 60;
const LARGEST = 1024 * 1024;
const secret = Buffer.from(SIGNING_SECRET.replace(/^whsec_/, ""), "base64");

/** Ids of events already received. In production, use a unique database column. */
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
  // Respond immediately and process later. In production, store the event before you respond.
  answer(204);
  // Acknowledge a duplicate, but do not process it again.
  if (isNew) setImmediate(() => console.log(`work_item.closed ${id}: ${event["id"]}`));
}).listen(Number(PORT), "127.0.0.1"); // Run it behind TLS: the portal requires an https:// URL.

/** Verifies API key, timestamp and signature. */
function isGenuine(headers, body) {
  const { "x-api-key": key = "", "webhook-id": id, "webhook-timestamp": timestamp } = headers;
  if (!isSame(key, API_KEY)) return false;
  if (!id || !/^\d+$/.test(timestamp ?? "")) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_S) return false;
  const expected = `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest("base64")}`;
  // During secret rotation the header has several signatures, separated by spaces.
  return (headers["webhook-signature"] ?? "").split(" ").some((signature) => isSame(signature, expected));
}

/** Compares hashes in constant time: the inputs must have the same length. */
function isSame(a, b) {
  const hash = (text) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

/** The raw bytes of the body. The signature covers these, not JSON that was serialised again. */
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
