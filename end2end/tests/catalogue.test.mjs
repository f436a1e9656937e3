// The event catalogue: a developer reads what an event holds and takes its schema away, with the
// keyboard only, with scripts and without.

import { readFile } from "node:fs/promises";
import { expect, test } from "../support/fixtures.mjs";
import { press, tabTo } from "../support/keyboard.mjs";

const EVENTS = "/integration/events";
const KEYS = ["conversation.abandoned", "outbound_call.initiated", "work_item.closed"];
const LANGUAGES = [
  ["Python", "hmac.compare_digest"],
  ["Java", "MessageDigest.isEqual"],
  ["Rust (axum)", "ct_eq"],
];

test.use({ portal: "catalogue", role: "developer" });

test.describe("the catalogue", { tag: "@both" }, () => {
  test("gives a schema whose bytes are the registered ones (K7)", async ({
    page,
    api,
    problems,
  }) => {
    await page.goto(EVENTS);
    await press(page, page.getByRole("link", { name: "Work item closed", exact: true }));
    await expect(page.getByRole("heading", { name: "Work item closed", level: 1 })).toBeVisible();
    const schema = await registered(api, "work_item.closed", "");
    expect(await downloaded(page, "Download JSON Schema")).toEqual(schema);
    const old = await downloaded(page, "draft-07");
    expect(old).toEqual(await registered(api, "work_item.closed", "?draft=07"));
    expect(JSON.parse(old).$schema).toMatch(/draft-07/);
    expect(JSON.parse(await downloaded(page, "2020-12")).$schema).toMatch(/2020-12/);
    const sample = JSON.parse(await downloaded(page, "Download sample"));
    expect(sample).toEqual(JSON.parse(old).examples[0]);
    expect(problems).toEqual([]);
  });

  test("gives all schemas in one file, the same bytes each time", async ({ page, api }) => {
    await page.goto(EVENTS);
    const first = await downloaded(page, "Download all schemas");
    expect(first.subarray(0, 2).toString()).toBe("PK");
    expect(await downloaded(page, "Download all schemas")).toEqual(first);
    for (const key of KEYS) {
      // Nothing is compressed: what is registered stands in the file as it is.
      expect(first.includes(await registered(api, key, "")), key).toBe(true);
      expect(first.includes(await registered(api, key, "?draft=07")), key).toBe(true);
    }
  });

  test("names every field, and leads to each", async ({ page, api, problems }) => {
    await page.goto(`${EVENTS}/work_item.closed`);
    const table = page.getByRole("table", { name: "Fields" });
    const { properties } = JSON.parse(await registered(api, "work_item.closed", ""));
    const names = Object.entries(properties).flatMap(([name, { properties: inner = {} }]) => [
      name,
      ...Object.keys(inner).map((member) => `${name}.${member}`),
    ]);
    await expect(table.getByRole("rowheader")).toHaveText(names, { useInnerText: true });
    await press(page, table.getByRole("link", { name: "agent.email" }));
    await expect(page).toHaveURL(/#field-agent\.email$/);
    const row = page.locator("tr:target");
    for (const said of ["string or null", "optional", "john@agent.com"]) {
      await expect(row.getByText(said).first()).toBeVisible();
    }
    expect(problems).toEqual([]);
  });

  test("shows the receiver in another language without leaving the place", async ({ page }) => {
    await page.goto(`${EVENTS}/conversation.abandoned`);
    for (const [name, line] of LANGUAGES) {
      const languages = page.getByRole("navigation", { name: "Language" });
      const link = languages.getByRole("link", { name, exact: true });
      await press(page, link);
      await expect(page.locator("#snippet")).toContainText(line);
      await expect(page.locator("#snippet")).toContainText("conversation.abandoned");
      await expect(page).toHaveURL(/#receive$/);
      await expect(link).toHaveAttribute("aria-current", "true");
    }
  });
});

test("fits every width", async ({ page }) => {
  for (const width of [320, 768, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    for (const address of [EVENTS, ...KEYS.map((key) => `${EVENTS}/${key}?lang=java`)]) {
      await page.goto(address);
      const needed = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(needed, address).toBeLessThanOrEqual(width);
    }
  }
});

/** What a link gives, taken with the keyboard. */
async function downloaded(page, name) {
  const link = page.getByRole("link", { name, exact: true }).first();
  await tabTo(page, link);
  const coming = page.waitForEvent("download");
  await page.keyboard.press("Enter");
  return readFile(await (await coming).path());
}

/** The bytes that the API has for a schema. */
async function registered(api, key, query) {
  return Buffer.from(await api.text(`/event-types/${key}/schema${query}`));
}
