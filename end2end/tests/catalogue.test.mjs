// The event catalogue: a developer reads what an event holds and takes its schema away, with the keyboard only, with
// scripts and without.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { press, tabTo } from "../support/keyboard.mjs";
import { startServer } from "../support/server.mjs";

const EVENTS = "/integration/events";
const KEYS = ["conversation.abandoned", "outbound_call.initiated", "work_item.closed"];

let server, browser, storageState, api;

before(async () => {
  server = await startServer();
  browser = await launchBrowser();
  storageState = await cookiesOf(browser, server, await server.user("developer"));
  api = await server.api("hooks:read");
});

after(async () => {
  await Promise.all([browser?.close(), server?.stop()]);
});

for (const javaScriptEnabled of [true, false]) {
  describe(`the catalogue ${javaScriptEnabled ? "with" : "without"} scripts`, () => {
    it("gives a schema whose bytes are the registered ones (K7)", async () => {
      const { context, page, problems } = await newVisitor(browser, server, { storageState, javaScriptEnabled });
      await page.goto(EVENTS);
      await press(page, page.getByRole("link", { name: "Work item closed", exact: true }));
      await page.getByRole("heading", { name: "Work item closed", level: 1 }).waitFor();
      assert.deepEqual(await downloaded(page, "Download JSON schema"), await registered("work_item.closed", ""));
      const old = await downloaded(page, "draft-07");
      assert.deepEqual(old, await registered("work_item.closed", "?draft=07"));
      assert.match(JSON.parse(old).$schema, /draft-07/);
      assert.match(JSON.parse(await downloaded(page, "2020-12")).$schema, /2020-12/);
      assert.deepEqual(JSON.parse(await downloaded(page, "Download the sample")), JSON.parse(old).examples[0]);
      assert.deepEqual(problems, []);
      await context.close();
    });

    it("gives all schemas in one file, the same bytes each time", async () => {
      const { context, page } = await newVisitor(browser, server, { storageState, javaScriptEnabled });
      await page.goto(EVENTS);
      const first = await downloaded(page, "Download all schemas");
      assert.equal(first.subarray(0, 2).toString(), "PK");
      assert.deepEqual(await downloaded(page, "Download all schemas"), first);
      for (const key of KEYS) {
        // Nothing is compressed: what is registered stands in the file as it is.
        assert.ok(first.includes(await registered(key, "")), key);
        assert.ok(first.includes(await registered(key, "?draft=07")), key);
      }
      await context.close();
    });

    it("names every field, and leads to each", async () => {
      const { context, page, problems } = await newVisitor(browser, server, { storageState, javaScriptEnabled });
      await page.goto(`${EVENTS}/work_item.closed`);
      const table = page.getByRole("table", { name: "Fields" });
      const names = await table.getByRole("rowheader").allInnerTexts();
      const { properties } = JSON.parse(await registered("work_item.closed", ""));
      const expected = Object.entries(properties).flatMap(([name, { properties: inner = {} }]) => [
        name,
        ...Object.keys(inner).map((member) => `${name}.${member}`),
      ]);
      assert.deepEqual(names, expected);
      await press(page, table.getByRole("link", { name: "agent.email" }));
      assert.equal(new URL(page.url()).hash, "#field-agent.email");
      const row = page.locator("tr:target");
      for (const said of ["string or null", "optional", "john@agent.com"]) {
        await row.getByText(said).first().waitFor();
      }
      assert.deepEqual(problems, []);
      await context.close();
    });

    it("shows the receiver in another language without leaving the place", async () => {
      const { context, page } = await newVisitor(browser, server, { storageState, javaScriptEnabled });
      await page.goto(`${EVENTS}/conversation.abandoned`);
      for (const [name, line] of [["Python", "hmac.compare_digest"], ["Java", "MessageDigest.isEqual"], ["Rust (axum)", "ct_eq"]]) {
        const link = page.getByRole("navigation", { name: "Language" }).getByRole("link", { name, exact: true });
        await press(page, link);
        const snippet = await page.locator("#snippet").textContent();
        assert.ok(snippet.includes(line) && snippet.includes("conversation.abandoned"), snippet);
        assert.equal(new URL(page.url()).hash, "#receive");
        assert.equal(await link.getAttribute("aria-current"), "true");
      }
      await context.close();
    });
  });
}

it("fits every width", async () => {
  for (const width of [320, 768, 1280]) {
    const { context, page } = await newVisitor(browser, server, { storageState, viewport: { width, height: 800 } });
    for (const address of [EVENTS, ...KEYS.map((key) => `${EVENTS}/${key}?lang=java`)]) {
      await page.goto(address);
      const needed = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(needed <= width, `${address} needs ${needed} of ${width} px`);
    }
    await context.close();
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
async function registered(key, query) {
  return Buffer.from(await api.text(`/event-types/${key}/schema${query}`));
}
