// Waits for what no locator can see: the API, the receiver, a program.

import { expect } from "@playwright/test";

/**
 * How long anything may take. It is far more than needed: no test depends on a machine's speed.
 */
export const PATIENCE_MS = 120_000;

/** Asks until the answer is truthy, and returns it. `what` is what the test waits for. */
export async function eventually(what, ask) {
  let answer;
  const isThere = async () => Boolean((answer = await ask()));
  const options = { message: `Waited until ${what}.`, intervals: [25], timeout: PATIENCE_MS };
  await expect.poll(isThere, options).toBe(true);
  return answer;
}
