// Whose browser is in another time zone than they chose is offered that zone, and gets it with one press.

import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { startServer } from "../support/server.mjs";

let server, browser, storageState;

before(async () => {
  server = await startServer();
  browser = await launchBrowser();
  storageState = await cookiesOf(browser, server, await server.user("developer"));
});

after(async () => {
  await Promise.all([browser?.close(), server?.stop()]);
});

it("offers the browser's zone until it is the chosen one", async () => {
  const { context, page, problems } = await newVisitor(browser, server, { storageState, timezoneId: "Asia/Kathmandu" });
  await page.goto("/account");
  const zone = page.getByLabel("Time zone");
  assert.equal(await zone.inputValue(), "UTC");
  await page.getByRole("button", { name: /^Use your browser's time zone, Asia\/Kath?mandu$/ }).click();
  await page.getByText("Your preferences were saved.").waitFor();
  assert.match(await zone.inputValue(), /^Asia\/Kat/);
  assert.match(await page.locator("dl").innerText(), /\+05:45/);
  assert.equal(await page.getByRole("button", { name: /^Use / }).count(), 0);
  assert.deepEqual(problems, []);
  await context.close();
});

it("is silent without a script", async () => {
  const options = { storageState, timezoneId: "America/Lima", javaScriptEnabled: false };
  const { context, page } = await newVisitor(browser, server, options);
  await page.goto("/account");
  assert.equal(await page.getByRole("button", { name: /^Use / }).count(), 0);
  await context.close();
});
