// A film of a page while it loads: what a user sees before it is complete.

import { expect } from "@playwright/test";

/**
 * The frames, as pictures, from the first that was painted to one of the page when it has loaded.
 */
export async function framesOf(page, address) {
  await page.goto("about:blank");
  const session = await page.context().newCDPSession(page);
  const frames = [];
  session.on("Page.screencastFrame", ({ data, sessionId }) => {
    frames.push(Buffer.from(data, "base64"));
    session.send("Page.screencastFrameAck", { sessionId }).catch(() => {});
  });
  await page.goto(address, { waitUntil: "commit" });
  await start(page, session);
  await page.waitForLoadState("load");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  // A last frame, so that there is one at all.
  await page.mouse.wheel(0, 1);
  const last = await page.screenshot();
  await session.send("Page.stopScreencast");
  await session.detach();
  return [...frames, last];
}

/**
 * Just after a navigation the page may still be on its way from one process to another, and
 * cannot be filmed.
 */
async function start(page, session, tries = 20) {
  try {
    await session.send("Page.startScreencast", { format: "png", everyNthFrame: 1 });
  } catch (error) {
    if (tries === 0) throw error;
    await page.evaluate(() => new Promise(requestAnimationFrame));
    await start(page, session, tries - 1);
  }
}
