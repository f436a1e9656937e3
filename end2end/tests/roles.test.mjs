// What each role sees and does not see in the portal.

import { expect, test } from "../support/fixtures.mjs";

const HOOKS = "/integration/hooks";
const SCHEMA = "/integration/events/work_item.closed/schema.json";
const NAME = "Secret partner";

test.use({ portal: "roles" });

let hook, hookPage;

test.beforeAll(async ({ api, receiver }) => {
  const callback_url = `${receiver.origin}/partner`;
  hook = await api.createHook({
    name: NAME,
    event_type: "work_item.closed",
    callback_url,
    enabled: true,
  });
  hookPage = `${HOOKS}/${hook.id}`;
});

test.describe("as an agent", () => {
  test.use({ role: "agent" });

  test("an agent sees nothing of the hooks", async ({ page }) => {
    const changing = [`${HOOKS}/new`, `${hookPage}/settings`, `${hookPage}/delete`];
    for (const address of [HOOKS, hookPage, ...changing, "/integration/events"]) {
      const answer = await page.goto(address);
      expect(answer.status(), address).toBe(403);
      expectNoHookData(await answer.text(), address);
      await expect(page.getByRole("heading", { name: "You don't have access" })).toBeVisible();
      await expect(page.getByRole("navigation", { name: "Main" }), address).toHaveCount(0);
    }
    const schema = await page.request.get(SCHEMA);
    expect(schema.status()).toBe(403);
    expect(await schema.text()).not.toContain("$id");
  });
});

test.describe("as an auditor", () => {
  test.use({ role: "auditor" });

  test("an auditor sees the hooks and cannot change them", async ({ page }) => {
    await page.goto(HOOKS);
    const row = page.getByRole("row").filter({ hasText: NAME });
    await expect(row.getByRole("cell").filter({ hasText: /^On$/ })).toHaveText(/^On$/);
    await expect(page.getByRole("switch")).toHaveCount(0);
    await expect(page.getByRole("link", { name: "New hook" })).toHaveCount(0);
    await expect(page.getByRole("link", { name: /^Edit/ })).toHaveCount(0);
    await expect(page.getByRole("link", { name: /^Set up/ })).toHaveCount(0);
    await page.goto(hookPage);
    await expect(page.getByRole("heading", { name: NAME, level: 1 })).toBeVisible();
    await expect(page.getByRole("button", { name: "Send test" })).toHaveCount(0);
    await expectNoWayToChange(page);
    expect((await page.request.get(SCHEMA)).status()).toBe(200);
  });
});

test.describe("as a developer", () => {
  test.use({ role: "developer" });

  test("a developer can send a test and cannot change a hook", async ({ page, receiver }) => {
    await page.goto(HOOKS);
    await expect(page.getByRole("row").filter({ hasText: NAME })).toBeVisible();
    await expect(page.getByRole("link", { name: "New hook" })).toHaveCount(0);
    await page.goto(hookPage);
    await expectNoWayToChange(page);
    await page.getByRole("button", { name: "Send test" }).click();
    const result = page.getByRole("region", { name: "Test" });
    await expect(result.getByText("Delivered (test)")).toBeVisible();
    expect((await receiver.next()).headers["x-service-hook-test"]).toBe("true");
    const refusal = "Your role can't view event payloads.";
    await expect(page.getByText(refusal)).toBeVisible();
  });
});

function expectNoHookData(html, where) {
  for (const text of [NAME, hook.callback_url, hook.api_key_hint, "work_item.closed"]) {
    expect(html, `${text} on ${where}`).not.toContain(text);
  }
}

/** Neither a control on the hook's page nor the pages that such a control leads to. */
async function expectNoWayToChange(page) {
  await expect(page.getByRole("switch")).toHaveCount(0);
  for (const name of ["Edit", "Clone", "Delete"]) {
    await expect(page.getByRole("link", { name }), name).toHaveCount(0);
  }
  const at = page.url();
  for (const address of [`${HOOKS}/new`, `${hookPage}/settings`, `${hookPage}/delete`]) {
    expect((await page.goto(address)).status(), address).toBe(403);
  }
  await page.goto(at);
}
