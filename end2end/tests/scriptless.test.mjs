// What scripts add is comfort only: without them nothing is missing, nothing is dead, and the same is said.

import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { awake, cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { addressOf, ROLES, ROUTES, visit } from "../support/routes.mjs";
import { fill } from "../support/scene.mjs";
import { startServer } from "../support/server.mjs";

const HOOKS = "/integration/hooks";

let server, receiver, browser, scene;
const cookies = {};

before(async () => {
  server = await startServer();
  receiver = await startReceiver();
  browser = await launchBrowser();
  for (const role of ROLES) cookies[role] = await cookiesOf(browser, server, await server.user(role));
  scene = await fill(server, receiver);
});

after(async () => {
  await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
});

it("has no button that does nothing (N2)", async () => {
  await everywhere({ javaScriptEnabled: false }, async (page, entry) => {
    await visit(page, entry, scene);
    const dead = await page.locator("button").evaluateAll((buttons) =>
      buttons
        .filter((button) => {
          const opens = button.popoverTargetElement !== null || button.hasAttribute("command");
          const submits = button.type === "submit" && button.form !== null;
          return !opens && !submits;
        })
        .map((button) => button.outerHTML),
    );
    // The style guide shows buttons for their looks.
    if (entry.name !== "styleguide") assert.deepEqual(dead, [], entry.name);
    assert.equal(await page.locator("[onclick], [onchange], [onsubmit], a[href^='javascript:']").count(), 0, entry.name);
  });
});

it("says the same with and without scripts (N4)", async () => {
  const said = new Map();
  const isRead = ({ act, name }) => !act && name !== "styleguide";
  for (const javaScriptEnabled of [false, true]) {
    await everywhere({ javaScriptEnabled }, async (page, entry) => {
      if (!isRead(entry)) return;
      await page.goto(addressOf(entry, scene));
      if (javaScriptEnabled && (await page.locator("leptos-island").count()) > 0) await awake(page);
      const text = (await page.locator("body").innerText()).replaceAll(/\b(just now|in \d+ \w+|\d+ \w+ ago|\d{1,2}:\d\d:\d\d)\b/g, "TIME");
      // What only a script can do says so, and is the only difference there may be.
      const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !/^(Copy|Copied|Show|Hide|Follow)\b/.test(line));
      if (!javaScriptEnabled) said.set(entry.name, lines);
      else assert.deepEqual(lines, said.get(entry.name), entry.name);
    });
  }
});

it("works when the browser's half is blocked or not there (N5)", async () => {
  const ways = { blocked: (route) => route.abort(), missing: (route) => route.fulfill({ status: 404, body: "" }) };
  for (const [way, answer] of Object.entries(ways)) {
    const { context, page } = await newVisitor(browser, server, { storageState: cookies.administrator });
    const warnings = [];
    page.on("console", (message) => warnings.push(`${message.type()}: ${message.text()}`));
    const crashes = [];
    page.on("pageerror", (error) => crashes.push(error.message));
    await page.route("**/*.wasm*", answer);
    await page.goto(HOOKS);
    await eventually("the page says that it goes without", () => warnings.some((warning) => warning.includes("works without its script")));
    const slider = page.getByRole("switch", { name: "Wallboard enabled" });
    const before = await slider.getAttribute("aria-checked");
    await slider.click();
    await page.getByRole("status").filter({ hasText: /^.?\s*Wallboard is (on|off)\.$/ }).waitFor();
    assert.notEqual(await slider.getAttribute("aria-checked"), before, way);
    await slider.click();
    await page.locator(`[role=switch][aria-label="Wallboard enabled"][aria-checked="${before}"]`).waitFor();
    assert.deepEqual(crashes, [], way);
    const ours = warnings.filter((warning) => !/Failed to load resource|ERR_FAILED/.test(warning));
    assert.ok(ours.every((warning) => warning.startsWith("warning")), `${way}: ${ours.join("\n")}`);
    await context.close();
  }
});

it("repeats nothing that was sent when the page is loaded again or left and come back to (S7)", async () => {
  for (const javaScriptEnabled of [true, false]) {
    const { context, page } = await newVisitor(browser, server, { storageState: cookies.administrator, javaScriptEnabled });
    const count = async () => (await scene.api.call("GET", "/hooks", 200)).items.length;
    await page.goto(`${HOOKS}/new`);
    await page.getByLabel("Name").fill(`Once only ${javaScriptEnabled}`);
    await page.getByLabel("Event", { exact: true }).selectOption("work_item.closed");
    await page.getByLabel("Callback URL").fill(`${receiver.origin}/once`);
    await page.getByLabel("API key").fill("once-0123456789");
    const before = await count();
    await page.getByRole("button", { name: "Create hook" }).click();
    await page.getByRole("status").filter({ hasText: "was created" }).waitFor();
    const posts = [];
    page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
    await page.reload();
    await page.goBack();
    await page.goForward();
    await page.reload();
    assert.deepEqual(posts, []);
    assert.equal(await count(), before + 1);
    await context.close();
  }
});

async function everywhere(options, look) {
  for (const role of ["nobody", ...ROLES]) {
    const { context, page } = await newVisitor(browser, server, { storageState: cookies[role], ...options });
    for (const entry of ROUTES.filter(({ as }) => (as ?? "administrator") === role)) await look(page, entry);
    await context.close();
  }
}
