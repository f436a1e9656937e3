// Boxes, not rules: at every width, with the longest names and hooks in every condition, no table
// is cut, and every entry of every menu lies inside its panel and the window.

import { cut, menus } from "../support/boxes.mjs";
import { awake, ready } from "../support/browser.mjs";
import { crowd, SETTINGS } from "../support/crowd.mjs";
import { expect, test } from "../support/fixtures.mjs";

const WIDTHS = [360, 768, 1024, 1280, 1920];
const HOOKS = "/integration/hooks";
const LONG = {
  email: `${"long.".repeat(12)}name@${"example.".repeat(6)}org`,
  name: "Anna-Maria ".repeat(9) + "x",
};

test.use({ portal: "boxes", trace: "off", settings: SETTINGS, people: { administrator: LONG } });

let scene;

test.beforeAll(async ({ api, receiver }) => {
  scene = await crowd(api, receiver);
});

/** Every page with a table or a menu. */
function pages() {
  const { hook, failing, delivery, failed, key } = scene;
  return [
    HOOKS,
    `${HOOKS}?sort=name`,
    `${HOOKS}?sort=condition`,
    `${HOOKS}/${hook}`,
    `${HOOKS}/${failing}`,
    `${HOOKS}/${hook}/test`,
    `${HOOKS}/${hook}/settings`,
    `${HOOKS}/${hook}/deliveries`,
    `${HOOKS}/${hook}/deliveries/${delivery}`,
    `${HOOKS}/${failing}/deliveries/${failed}`,
    `${HOOKS}/${hook}/recover?since=24h&delivered=true&pace=5`,
    "/integration/deliveries",
    "/integration/deliveries?state=delivered",
    "/integration/deliveries/recover",
    "/integration/undelivered",
    "/integration/jobs",
    "/integration/events",
    `/integration/events/${key}`,
    "/status",
    "/account",
  ];
}

for (const role of ["administrator", "auditor"]) {
  for (const width of WIDTHS) {
    test.describe(`${role}, ${width} px`, () => {
      test.use({ role, viewport: { width, height: 800 } });

      test("nothing is cut and every menu can be used", async ({ page }) => {
        const faults = [];
        const opened = new Set();
        for (const address of pages()) {
          const answer = await page.goto(address);
          if (answer.status() === 403) continue;
          expect(answer.status(), address).toBe(200);
          await ready(page);
          const found = [...(await cut(page)), ...(await menus(page, opened))];
          faults.push(...found.map((fault) => `${address}: ${fault}`));
        }
        // The header's two, the navigation's where it is one, and one for each hook.
        expect(opened.size, [...opened].join()).toBe((width <= 768 ? 3 : 2) + 10);
        expect(faults.length, `${faults.length} faults:\n${faults.join("\n")}`).toBe(0);
      });
    });
  }
}

test("the row menu of a hook shows its six entries, and each leads somewhere", async ({
  page,
}) => {
  await page.goto(HOOKS);
  await awake(page);
  const button = page.locator(`#h-${scene.hook}`).getByRole("link", { name: "Actions for" });
  for (const [entry, path] of [
    ["Deliveries", `/${scene.hook}/deliveries`],
    ["Send test", `/${scene.hook}/test`],
    ["Redeliver", `/${scene.hook}/recover`],
    ["Edit", `/${scene.hook}/settings`],
    ["Clone", `/new?clone=${scene.hook}`],
    ["Delete", `/${scene.hook}/delete`],
  ]) {
    await button.click();
    await page
      .locator(`#m-${scene.hook}`)
      .getByRole("link", { name: entry, exact: true })
      .click();
    await expect(page).toHaveURL(`${HOOKS}${path}`);
    await page.goBack();
  }
});
