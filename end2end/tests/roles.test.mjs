// What each role sees and does not see in the portal.

import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { launchBrowser, signedIn } from "../support/browser.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { startServer } from "../support/server.mjs";

const HOOKS = "/integration/hooks";
const SCHEMA = "/integration/events/work_item.closed/schema.json";
const NAME = "Secret partner";

let server, receiver, browser, hook, hookPage;

before(async () => {
  server = await startServer();
  receiver = await startReceiver();
  browser = await launchBrowser();
  const api = await server.api("hooks:write");
  const callback_url = `${receiver.origin}/partner`;
  hook = await api.createHook({ name: NAME, event_type: "work_item.closed", callback_url, enabled: true });
  hookPage = `${HOOKS}/${hook.id}`;
});

after(async () => {
  await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
});

it("an agent sees nothing of the hooks", async () => {
  const { context, page } = await as("agent");
  for (const address of [HOOKS, `${HOOKS}/new`, hookPage, `${hookPage}/settings`, `${hookPage}/delete`, "/integration/events"]) {
    const answer = await page.goto(address);
    assert.equal(answer.status(), 403, address);
    assertNoHookData(await answer.text(), address);
    await page.getByRole("heading", { name: "You may not see this" }).waitFor();
    assert.equal(await page.getByRole("navigation", { name: "Main" }).count(), 0, address);
  }
  const schema = await context.request.get(SCHEMA);
  assert.equal(schema.status(), 403);
  assert.ok(!(await schema.text()).includes("$id"));
  await context.close();
});

it("an auditor sees the hooks and cannot change them", async () => {
  const { context, page } = await as("auditor");
  const row = page.getByRole("row").filter({ hasText: NAME });
  assert.match(await row.getByRole("cell").filter({ hasText: /^On$/ }).innerText(), /^On$/);
  assert.equal(await page.getByRole("switch").count(), 0);
  assert.equal(await page.getByRole("link", { name: "New hook" }).count(), 0);
  assert.equal(await page.getByRole("link", { name: /^Edit/ }).count(), 0);
  assert.equal(await page.getByRole("link", { name: /^Set up/ }).count(), 0);
  await page.goto(hookPage);
  await page.getByRole("heading", { name: NAME, level: 1 }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Send test" }).count(), 0);
  await assertCannotChange(page);
  assert.equal((await context.request.get(SCHEMA)).status(), 200);
  await context.close();
});

it("a developer can send a test and cannot change a hook", async () => {
  const { context, page } = await as("developer");
  assert.equal(await page.getByRole("link", { name: "New hook" }).count(), 0);
  await page.goto(hookPage);
  await assertCannotChange(page);
  await page.getByRole("button", { name: "Send test" }).click();
  await page.getByRole("region", { name: "Test" }).getByText("Delivered (test)").waitFor();
  assert.equal((await receiver.next()).headers["x-service-hook-test"], "true");
  await page.getByText("Your role does not let you see the bodies of events.").waitFor();
  await context.close();
});

async function as(role) {
  return signedIn(browser, server, await server.user(role));
}

function assertNoHookData(html, where) {
  for (const text of [NAME, hook.callback_url, hook.api_key_hint, "work_item.closed"]) {
    assert.ok(!html.includes(text), `${text} on ${where}`);
  }
}

/** Neither a control on the hook's page nor the pages that such a control leads to. */
async function assertCannotChange(page) {
  assert.equal(await page.getByRole("switch").count(), 0);
  for (const name of ["Edit", "Clone", "Delete"]) {
    assert.equal(await page.getByRole("link", { name }).count(), 0, name);
  }
  const at = page.url();
  for (const address of [`${HOOKS}/new`, `${hookPage}/settings`, `${hookPage}/delete`]) {
    assert.equal((await page.goto(address)).status(), 403, address);
  }
  await page.goto(at);
}
