// Someone who has only a keyboard: moves with Tab, presses Enter and Space, types. No mouse event is ever made.

const MOST_STOPS = 120;

/** Tabs until what has the focus is `locator`. Fails when it cannot be reached. */
export async function tabTo(page, locator) {
  for (let stop = 0; stop < MOST_STOPS; stop += 1) {
    if (await locator.evaluate((it) => it === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${locator} within ${MOST_STOPS} stops of ${page.url()}`);
}

/** Goes to a field and types over what is in it. */
export async function typeInto(page, locator, text) {
  await tabTo(page, locator);
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.type(text);
}

/** Goes to a link or button and presses it. */
export async function press(page, locator, key = "Enter") {
  await tabTo(page, locator);
  await page.keyboard.press(key);
}

/** Goes to a list of choices and types the beginning of one. */
export async function choose(page, locator, beginning) {
  await tabTo(page, locator);
  await page.keyboard.type(beginning);
}
