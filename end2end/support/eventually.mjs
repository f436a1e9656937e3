// Waits for a condition instead of for a time.

import { setTimeout as pause } from "node:timers/promises";

const BETWEEN_MS = 25;
/** How long anything may take before it is said never to happen. The one limit there is: no test depends on a machine's speed. */
export const PATIENCE_MS = 120_000;

/** Asks until the answer is truthy and returns it. Fails with `what` when `within` milliseconds were not enough. */
export async function eventually(what, ask, within = PATIENCE_MS) {
  const end = Date.now() + within;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() >= end) throw new Error(`Waited ${within} ms in vain until ${what}.`);
    await pause(BETWEEN_MS);
  }
}
