// What scripts add is comfort only: without them nothing is missing, nothing is dead, and the
// same is said.

import { ready, isCutTransition } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { addressOf, ROLES, routesOf, visit } from "../support/routes.mjs";

const HOOKS = "/integration/hooks";
const TIME = /\b(just now|in \d+ \w+|\d+ \w+ ago|\d{1,2}:\d\d:\d\d)\b/g;
/** What the machine has left may change from one look to the next. */
const SIZE = /\d[\d.]* (?:[KMGT]i?)?B\b|\(\d+ %\)/g;
/** What only a script can do says so, and is the only difference there may be. */
const ONLY_WITH_SCRIPTS = /^(Copy|Copied|Show|Hide|Follow|Turn single-key shortcuts)\b/;

// No retry changes what the pages say from one look to the next.
test.use({ portal: "scriptless", trace: "off", settings: { SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE: '["6h"]' } });

test("has no button that does nothing (N2)", async ({ visitor, scene }) => {
  await everywhere(visitor, { javaScriptEnabled: false }, async (page, entry) => {
    await visit(page, entry, scene);
    const dead = await page.locator("button").evaluateAll(deadOnes);
    // The style guide shows buttons for their looks.
    if (entry.name !== "styleguide") expect(dead, entry.name).toEqual([]);
    const inline = page.locator("[onclick], [onchange], [onsubmit], a[href^='javascript:']");
    expect(await inline.count(), entry.name).toBe(0);
  });
});

test("says the same with and without scripts (N4)", async ({ visitor, scene }) => {
  const said = new Map();
  const isRead = ({ act, name }) => !act && name !== "styleguide";
  for (const javaScriptEnabled of [false, true]) {
    await everywhere(visitor, { javaScriptEnabled }, async (page, entry) => {
      if (!isRead(entry)) return;
      await page.goto(addressOf(entry, scene));
      if (javaScriptEnabled) await ready(page);
      const text = (await page.locator("body").innerText())
        .replaceAll(TIME, "TIME")
        .replaceAll(SIZE, "SIZE");
      const all = text.split("\n").map((line) => line.trim());
      // The link that reads the page again is only there without scripts.
      const lines = all.filter((line) => !["", "Refresh"].includes(line) && !ONLY_WITH_SCRIPTS.test(line));
      if (!javaScriptEnabled) said.set(entry.name, lines);
      else expect(lines, entry.name).toEqual(said.get(entry.name));
    });
  }
});

test("works when the browser's half is blocked or not there (N5)", async ({ visitor, scene }) => {
  const ways = {
    blocked: (route) => route.abort(),
    missing: (route) => route.fulfill({ status: 404, body: "" }),
  };
  const at = `#h-${scene.failing}`;
  for (const [way, answer] of Object.entries(ways)) {
    const { page } = await visitor();
    const said = [];
    page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
    const crashes = [];
    page.on("pageerror", (error) => isCutTransition(error) || crashes.push(error.message));
    await page.route("**/*.wasm*", answer);
    await page.goto(HOOKS);
    const isSaid = () => said.some((line) => line.includes("works without its script"));
    await eventually("the page says that it goes without", isSaid);
    const slider = page.locator(at).getByRole("switch", { name: "Wallboard turned on" });
    const before = (await slider.getAttribute("aria-checked")) === "true";
    await slider.click();
    const status = page.getByRole("status").filter({ hasText: /"Wallboard" turned (on|off)\./ });
    await expect(status).toBeVisible();
    await expect(slider, way).toBeChecked({ checked: !before });
    await slider.click();
    await expect(slider).toBeChecked({ checked: before });
    expect(crashes, way).toEqual([]);
    const ours = said.filter((line) => !/Failed to load resource|ERR_FAILED/.test(line));
    expect(
      ours.filter((line) => !line.startsWith("warning")),
      way,
    ).toEqual([]);
  }
});

test("repeats nothing that was sent when the page is loaded again or left and come back to (S7)", async ({
  visitor,
  api,
  receiver,
}) => {
  for (const javaScriptEnabled of [true, false]) {
    const { page } = await visitor({ javaScriptEnabled });
    const count = async () => (await api.call("GET", "/hooks", 200)).items.length;
    await page.goto(`${HOOKS}/new`);
    await page.getByLabel("Name").fill(`Once only ${javaScriptEnabled}`);
    await page.getByLabel("Event", { exact: true }).selectOption("work_item.closed");
    await page.getByLabel("Callback URL").fill(`${receiver.origin}/once`);
    await page.getByLabel("API key").fill("once-0123456789");
    const before = await count();
    await page.getByRole("button", { name: "Create hook" }).click();
    await expect(page.getByRole("status").filter({ hasText: "created." })).toBeVisible();
    const posts = [];
    page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
    await page.reload();
    await page.goBack();
    await page.goForward();
    await page.reload();
    expect(posts).toEqual([]);
    expect(await count()).toBe(before + 1);
  }
});

/** Runs in the page: the buttons that neither send a form nor open anything. */
function deadOnes(buttons) {
  const isDead = (button) => {
    const opens = button.popoverTargetElement !== null || button.hasAttribute("command");
    const submits = button.type === "submit" && button.form !== null;
    return !opens && !submits;
  };
  return buttons.filter(isDead).map((button) => button.outerHTML);
}

async function everywhere(visitor, options, look) {
  for (const role of ROLES) {
    const { context, page } = await visitor({ role, ...options });
    for (const entry of routesOf(role)) await look(page, entry);
    await context.close();
  }
}
