// Verifies a signature as a receiver does: written from the Standard Webhooks specification, not from our code.

import { createHmac, timingSafeEqual } from "node:crypto";

const PREFIX = "whsec_";
const TOLERANCE_S = 300;

/** Throws unless the request was signed with `secret` for exactly this body, and lately. */
export function verify(secret, request) {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = request.headers;
  if (!id || !timestamp || !signatures) throw new Error("a header of Standard Webhooks is missing");
  if (!/^\d+$/.test(timestamp)) throw new Error(`webhook-timestamp is not in whole seconds: ${timestamp}`);
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (age > TOLERANCE_S) throw new Error(`webhook-timestamp is ${age} s away`);
  const expected = sign(secret, id, timestamp, request.body);
  const fits = signatures.split(" ").some((signature) => isSame(signature, expected));
  if (!fits) throw new Error(`no signature fits: ${signatures}`);
}

/** The value of `webhook-signature`. */
export function sign(secret, id, timestamp, body) {
  if (!secret.startsWith(PREFIX)) throw new Error("a secret starts with whsec_");
  const key = Buffer.from(secret.slice(PREFIX.length), "base64");
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return `v1,${digest}`;
}

function isSame(a, b) {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
