// Steps of the administrator's journey that are the same, or differ, with and without scripts.

import { awake } from "./browser.mjs";
import { expect } from "./fixtures.mjs";

/** The slider in a hook's row. */
export function sliderOf(page, hook) {
  return page.getByRole("switch", { name: `${hook} turned on` });
}

/** With scripts the slider saves by itself: the page stays, and says so. */
export async function slideInPlace(page, hook) {
  await awake(page);
  const address = page.url();
  await page.evaluate(() => (window.samePage = true));
  const row = page.getByRole("row").filter({ hasText: hook });
  await expect(row.getByText("Off").first()).toBeVisible();
  await expect(sliderOf(page, hook)).not.toBeChecked();
  await sliderOf(page, hook).click();
  await expect(sliderOf(page, hook)).toBeChecked();
  await expect(row.getByRole("status").filter({ hasText: "Saved" })).toBeVisible();
  expect(await page.evaluate(() => window.samePage), "the page was not left").toBe(true);
  expect(page.url()).toBe(address);
}

/** Without scripts it is a form with one button, which comes back to the row. */
export async function slideByForm(page, hook) {
  const { pathname } = new URL(page.url());
  await expect(sliderOf(page, hook)).not.toBeChecked();
  await sliderOf(page, hook).click();
  await expect(page.getByRole("status").filter({ hasText: `"${hook}" turned on.` })).toBeVisible();
  await expect(sliderOf(page, hook)).toBeChecked();
  const address = new URL(page.url());
  expect(address.pathname).toBe(pathname);
  await expect(page.locator(`[id="${address.hash.slice(1)}"]`)).toContainText(hook);
}

/** Every value of a header, as it was on the wire. */
export function rawValues({ rawHeaders }, name) {
  const isValue = (_, at) => at % 2 === 1 && rawHeaders[at - 1].toLowerCase() === name;
  return rawHeaders.filter(isValue);
}
