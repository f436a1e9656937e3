// Whose browser is in another time zone than they chose is offered that zone, and gets it with
// one press.

import { expect, test } from "../support/fixtures.mjs";

test.use({ portal: "zone", role: "developer" });

test.describe("in Kathmandu", () => {
  test.use({ timezoneId: "Asia/Kathmandu" });

  test("offers the browser's zone until it is the chosen one", async ({ page, problems }) => {
    await page.goto("/account");
    const zone = page.getByLabel("Time zone");
    await expect(zone).toHaveValue("UTC");
    const name = /^Use your browser's time zone, Asia\/Kath?mandu$/;
    await page.getByRole("button", { name }).click();
    await expect(page.getByText("Preferences saved.")).toBeVisible();
    await expect(zone).toHaveValue(/^Asia\/Kat/);
    await expect(page.locator("dl")).toContainText("+05:45");
    await expect(page.getByRole("button", { name: /^Use / })).toHaveCount(0);
    expect(problems).toEqual([]);
  });
});

test.describe("without a script", () => {
  test.use({ timezoneId: "America/Lima", javaScriptEnabled: false });

  test("is silent without a script", async ({ page }) => {
    await page.goto("/account");
    await expect(page.getByRole("button", { name: /^Use / })).toHaveCount(0);
  });
});
