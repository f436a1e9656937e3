// A user looks after their own account: password, sessions, API tokens.

import { axeIn } from "../support/axe.mjs";
import { fillSignIn } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";

test.use({ portal: "account", role: "developer" });

const NEW = "purple staple 91 wagon";

async function expectAccessible(page) {
  const run = await axeIn(page);
  expect((await run()).violations).toEqual([]);
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled });

    test("makes a token that is shown once, and revokes it", async ({ page, server, problems }) => {
      await page.goto("/account");
      await page.getByText("New token").click();
      await page.getByLabel("Token name").fill("Wallboard");
      await page.getByRole("button", { name: "Create token" }).click();
      await expect(page.getByRole("alert")).toContainText("Choose at least one permission.");
      await expect(page.getByLabel("Token name")).toHaveValue("Wallboard");
      await page.getByLabel("View hooks, the event catalogue and schemas").check();
      await page.getByRole("button", { name: "Create token" }).click();
      const created = page.getByRole("region", { name: "Token Wallboard created" });
      const secret = await created.locator("code").innerText();
      const ask = () =>
        fetch(`${server.url}/api/v1/hooks`, { headers: { authorization: `Bearer ${secret}` } });
      expect((await ask()).status).toBe(200);
      if (javaScriptEnabled) await expectAccessible(page);
      await page.reload();
      await expect(created).toHaveCount(0);
      await page.getByRole("button", { name: "Revoke token Wallboard" }).click();
      await expect(page.getByText("Token revoked.")).toBeVisible();
      expect((await ask()).status).toBe(401);
      expect(problems).toEqual([]);
    });
  });
}

test("ends another session, whose open page says so", async ({ page, visitor, accounts }) => {
  const user = await accounts.user("developer");
  const other = await visitor({ role: "nobody" });
  await other.page.goto("/integration/hooks");
  await fillSignIn(other.page, user);
  await other.page.waitForURL("**/integration/hooks");
  await page.goto("/account");
  await expect(page.getByText("This session")).toBeVisible();
  await page.getByRole("button", { name: "End all other sessions" }).click();
  await expect(page.getByRole("status").filter({ hasText: /sessions? ended\./ })).toBeVisible();
  await expect(other.page.getByText("You are signed out.").first()).toBeVisible();
});

test("changes the password and stays signed in", async ({ page, visitor, accounts, problems }) => {
  const user = await accounts.user("developer");
  await page.goto("/account");
  const change = async (current, wanted) => {
    await page.getByLabel("Current password").fill(current);
    await page.getByLabel("New password").fill(wanted);
    await page.getByRole("button", { name: "Change password" }).click();
  };
  await change("not this one", NEW);
  await expect(page.getByRole("alert")).toContainText("This is not your current password.");
  await expectAccessible(page);
  await change(user.password, NEW);
  await expect(page.getByText("Password changed.")).toBeVisible();
  const other = await visitor({ role: "nobody" });
  await other.page.goto("/account");
  await fillSignIn(other.page, { ...user, password: NEW });
  await expect(other.page.getByRole("heading", { name: "Your account" })).toBeVisible();
  expect(problems).toEqual([]);
});
