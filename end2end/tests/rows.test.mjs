// Single keys on the list of deliveries and on the page of one: they move a focus that can be seen, never while the user
// types, and through refreshes.

import { awake } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { expect, test } from "../support/fixtures.mjs";

test.use({ portal: "rows", settings: { SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE: "[]" } });

const LOG = "/integration/deliveries";
const CALL = JSON.stringify({ agentID: "1", targetPhoneNumber: "+1", Timestamp: "2022-03-08T07:39:47Z" });

test.beforeAll(async ({ api, receiver }) => {
  const callback_url = `${receiver.origin}/rows`;
  await api.createHook({ name: "Rows", event_type: "outbound_call.initiated", callback_url, enabled: true });
  receiver.status = 503;
  for (let number = 0; number < 3; number += 1) await api.emit("outbound_call.initiated", CALL);
  await settled(api, "failed", 3);
  receiver.status = 200;
});

async function settled(api, state, number) {
  await eventually(`${number} are ${state}`, async () => {
    const { items } = await api.call("GET", `/deliveries?state=${state}`, 200);
    return items.length >= number;
  });
}

const links = (page) => page.locator("table.log tbody th a");

test("j and k move through the rows, x selects, o and Enter open", async ({ page, problems }) => {
  await page.goto(LOG);
  await awake(page);
  const row = links(page);
  await page.keyboard.press("j");
  await expect(row.nth(0)).toBeFocused();
  const outline = await row.nth(0).evaluate((link) => getComputedStyle(link).outlineStyle);
  expect(outline, "the focus can be seen").not.toBe("none");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await expect(row.nth(2), "the last row is the end").toBeFocused();
  await page.keyboard.press("x");
  const boxes = page.getByRole("checkbox", { name: /^Select / });
  for (const [at, is] of [false, true, true].entries()) await expect(boxes.nth(at)).toBeChecked({ checked: is });
  await page.keyboard.press("x");
  await expect(boxes.nth(2)).not.toBeChecked();
  await page.keyboard.press("k");
  await expect(row.nth(1)).toBeFocused();
  const href = await row.nth(1).getAttribute("href");
  await page.keyboard.press("o");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("to Rows");
  expect(new URL(page.url()).pathname).toBe(href.split("?")[0]);
  await page.goBack();
  await awake(page);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("to Rows");
  expect(problems).toEqual([]);
});

test("on a delivery j leads to the older one and k to the newer one", async ({ page }) => {
  await page.goto(LOG);
  const all = await links(page).evaluateAll((found) => found.map((link) => link.pathname));
  await links(page).nth(1).click();
  await awake(page);
  await page.keyboard.press("j");
  await expect.poll(() => new URL(page.url()).pathname).toBe(all[2]);
  await awake(page);
  await page.keyboard.press("k");
  await expect.poll(() => new URL(page.url()).pathname).toBe(all[1]);
});

test("nothing happens while one types, with Ctrl, or where single keys are off", async ({ page }) => {
  await page.goto(LOG);
  await awake(page);
  const field = page.locator("main input[type=search], main input[type=text]").filter({ visible: true }).first();
  await field.fill("");
  await field.pressSequentially("jxko");
  await expect(field).toHaveValue("jxko");
  await expect(field).toBeFocused();
  await field.evaluate((element) => element.blur());
  await page.keyboard.press("Control+j");
  await page.evaluate(() => localStorage.setItem("keys", "off"));
  await page.keyboard.press("j");
  // Keys are handled in order: had the one before moved the focus, this would find it elsewhere.
  await page.evaluate(() => localStorage.removeItem("keys"));
  await expect(page.locator("body")).toBeFocused();
  await page.keyboard.press("j");
  await expect(links(page).first()).toBeFocused();
  await page.goto("/shortcuts");
  await expect(page.getByRole("row", { name: "j Deliveries: the next row" })).toBeVisible();
});

test("the focus and the selection stay when the page reads itself again", async ({ page, api }) => {
  await page.goto(`${LOG}?state=failed`);
  await awake(page);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  const { items } = await api.call("GET", "/deliveries?state=failed", 200);
  await api.call("POST", `/deliveries/${items[0].id}/redeliver`, 202, "{}");
  await expect(page.getByText("The list has changed.").first()).toBeVisible();
  await expect(links(page).nth(1)).toBeFocused();
  await expect(page.getByRole("checkbox", { name: /^Select / }).nth(1)).toBeChecked();
  await page.keyboard.press("j");
  await expect(links(page).nth(2)).toBeFocused();
});
