// Boxes, not rules: at every width, with the longest names and hooks in every condition, no table is cut, and every entry of
// every menu lies inside its panel and the window.

import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { cut, menus } from "../support/boxes.mjs";
import { awake, cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { crowd, SETTINGS } from "../support/crowd.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { startServer } from "../support/server.mjs";

const WIDTHS = [360, 768, 1024, 1280, 1920];
const HOOKS = "/integration/hooks";
const LONG = { email: `${"long.".repeat(12)}name@${"example.".repeat(6)}org`, name: "Anna-Maria ".repeat(9) + "x" };

let server, receiver, browser, scene;
const cookies = {};

before(async () => {
  server = await startServer(SETTINGS);
  receiver = await startReceiver();
  browser = await launchBrowser();
  cookies.administrator = await cookiesOf(browser, server, await server.user("administrator", LONG));
  cookies.auditor = await cookiesOf(browser, server, await server.user("auditor"));
  scene = await crowd(server, receiver);
});

after(async () => {
  await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
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
    it(`nothing is cut and every menu can be used: ${role}, ${width} px`, async () => {
      const { context, page } = await newVisitor(browser, server, { storageState: cookies[role], viewport: { width, height: 800 } });
      const faults = [];
      const opened = new Set();
      for (const address of pages()) {
        const answer = await page.goto(address);
        if (answer.status() === 403) continue;
        assert.equal(answer.status(), 200, address);
        if ((await page.locator("leptos-island").count()) > 0) await awake(page);
        faults.push(...[...(await cut(page)), ...(await menus(page, opened))].map((fault) => `${address}: ${fault}`));
      }
      await context.close();
      // The header's two, the navigation's where it is one, and one for each hook.
      assert.equal(opened.size, (width <= 768 ? 3 : 2) + 10, [...opened].join());
      assert.equal(faults.length, 0, `${faults.length} faults:\n${faults.join("\n")}`);
    });
  }
}

it("the row menu of a hook shows its six entries, and each leads somewhere", async () => {
  const { context, page } = await newVisitor(browser, server, { storageState: cookies.administrator, viewport: { width: 1280, height: 800 } });
  await page.goto(HOOKS);
  const button = page.locator(`#h-${scene.hook}`).getByRole("button", { name: "Actions for" });
  for (const [entry, path] of [
    ["Deliveries", `/${scene.hook}/deliveries`],
    ["Send test", `/${scene.hook}/test`],
    ["Recover", `/${scene.hook}/recover`],
    ["Edit", `/${scene.hook}/settings`],
    ["Clone", `/new?clone=${scene.hook}`],
    ["Delete", `/${scene.hook}/delete`],
  ]) {
    await button.click();
    await page.locator(`#m-${scene.hook}`).getByRole("link", { name: entry, exact: true }).click();
    await page.waitForURL(`**${HOOKS}${path}`);
    await page.goBack();
  }
  await context.close();
});
