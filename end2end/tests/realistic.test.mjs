// Every page of a realistic installation (60 hooks in every condition, 5,000 deliveries, hard names), light and dark, at four
// widths and for people in other time zones: nothing is cut or scrolls sideways, nothing reads like a program's mistake, axe
// finds nothing, the console is silent. `npm run gallery` keeps pictures of the same pages.

import { axeIn } from "../support/axe.mjs";
import { cut } from "../support/boxes.mjs";
import { ready } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { morePages } from "../support/realistic.mjs";
import { addressOf, ROLES, ROUTES, routesOf } from "../support/routes.mjs";

const WIDTHS = [1920, 1280, 768, 360];
const AXE_WIDTHS = [1280, 360];

test.use({ portal: "realistic", realistic: true, trace: "off", screenshot: "off" });

test.describe("a realistic installation", () => {
  for (const colorScheme of ["light", "dark"]) {
    test(`every page, ${colorScheme}`, async ({ visitor, scene }) => {
      const faults = [];
      for (const role of ROLES) {
        const entries = routesOf(role).filter(({ act }) => !act);
        const addresses = entries.map((entry) => [addressOf(entry, scene), entry.status ?? 200]);
        faults.push(...(await look(visitor, { role, colorScheme }, addresses, AXE_WIDTHS)));
      }
      expect(faults.length, `${faults.length} faults:\n${faults.join("\n")}`).toBe(0);
    });
  }

  test("every hook in its condition and every kind of delivery", async ({ visitor, api, scene }) => {
    const addresses = (await morePages(api, scene)).map((address) => [address, 200]);
    const faults = await look(visitor, { role: "administrator", colorScheme: "light" }, addresses, []);
    expect(faults.length, `${faults.length} faults:\n${faults.join("\n")}`).toBe(0);
  });

  for (const [role, zone] of [
    ["integration-manager", "America/New_York"],
    ["developer", "Asia/Kathmandu"],
  ]) {
    test(`the main pages in ${zone}`, async ({ visitor, scene }) => {
      const names = ["hooks", "hook", "hook-failing", "delivery", "delivery-failing", "deliveries", "jobs", "job", "status", "account"];
      const entries = ROUTES.filter(({ name }) => names.includes(name));
      const addresses = entries.map((entry) => [addressOf(entry, scene), 200]);
      const faults = await look(visitor, { role, timezoneId: zone }, addresses, []);
      expect(faults.length, `${faults.length} faults:\n${faults.join("\n")}`).toBe(0);
      const { page } = await visitor({ role, timezoneId: zone });
      await page.goto(addressOf({ route: "/integration/hooks/{id}/deliveries/{delivery}" }, scene));
      await expect(page.locator("time").first()).toHaveAttribute("title", new RegExp(zone));
    });
  }

  test("everything that was counted is there", async ({ api, server, scene }) => {
    const { deliveries, hooks } = server.filled;
    expect(scene.hooks.length, "all but the deleted one").toBe(hooks - 1);
    for (const state of Object.keys(deliveries)) {
      const { items } = await api.call("GET", `/deliveries?state=${state}&limit=200`, 200);
      expect(items.length, state).toBeGreaterThan(0);
    }
  });
});

/** Goes through addresses as one visitor and returns every fault, with the pages that have it. */
async function look(visitor, options, addresses, axeWidths) {
  const { page, problems, context } = await visitor(options);
  const faults = new Map();
  const note = (fault, address) => faults.set(fault, [...(faults.get(fault) ?? []), address]);
  for (const [address, status] of addresses) {
    await page.setViewportSize({ width: WIDTHS[0], height: 800 });
    const answer = await page.goto(address);
    if (answer.status() !== status) note(`answers ${answer.status()}, not ${status}`, address);
    await ready(page);
    for (const mistake of await mistakes(page)) note(mistake, address);
    const run = axeWidths.length > 0 ? await axeIn(page) : undefined;
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      for (const fault of await cut(page)) note(`${width} px: ${fault}`, address);
      if (!run || !axeWidths.includes(width)) continue;
      const { violations } = await run();
      for (const { id, target } of violations) note(`${width} px: axe ${id}: ${target}`, address);
    }
    const isTold = (problem) => status !== 200 && /Failed to load resource/.test(problem);
    for (const problem of problems.splice(0)) if (!isTold(problem)) note(problem, address);
  }
  await context.close();
  return [...faults].map(([fault, where]) => `${where.length > 3 ? `${where[0]} and ${where.length - 1} more` : where.join(", ")}: ${fault}`);
}

/** What a program writes when it has no value. */
function mistakes(page) {
  return page.evaluate(() => {
    const words = /\b(undefined|NaN|Infinity)\b|\[object |Some\(|None\b/;
    const payload = "pre, code, textarea, .mono";
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest(`script, style, ${payload}`)) continue;
      if (words.test(node.data)) found.push(`reads "${node.data.trim().slice(0, 60)}"`);
    }
    return found;
  });
}
