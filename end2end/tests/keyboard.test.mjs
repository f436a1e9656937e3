// The portal without a mouse: every stop of the walk with Tab can be seen and stands out, and the
// journeys end where they should, with scripts and without.

import { awake, ready } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { focused, press, tabTo, walk } from "../support/keyboard.mjs";
import { ROLES, routesOf, visit } from "../support/routes.mjs";

const HOOKS = "/integration/hooks";
const NAME = "CRM call-backs";

test.use({ portal: "keyboard", trace: "off" });

for (const [width, colorScheme] of [
  [1280, "light"],
  [320, "dark"],
]) {
  test(`every stop of the walk can be seen: ${width} px, ${colorScheme}`, async ({
    visitor,
    scene,
  }) => {
    const faults = [];
    for (const role of ROLES) {
      const { context, page } = await visitor({
        role,
        colorScheme,
        viewport: { width, height: 800 },
      });
      for (const entry of routesOf(role)) {
        await visit(page, entry, scene);
        await ready(page);
        const walked = await walk(page);
        faults.push(...walked.faults.map((fault) => `${entry.name}: ${fault}`));
        if (walked.stops === 0) faults.push(`${entry.name}: nothing to stop at`);
      }
      await context.close();
    }
    expect(faults.length, `${faults.length} faults:\n${faults.join("\n")}`).toBe(0);
  });
}

test.describe("by keyboard alone", { tag: "@both" }, () => {
  test.describe("a visitor", () => {
    test.use({ role: "nobody" });

    test("signs in and lands on the hooks (K1)", async ({ page, accounts }) => {
      const user = await accounts.user("administrator");
      await page.goto(HOOKS);
      await tabTo(page, page.getByLabel("Email"));
      await page.keyboard.type(user.email);
      await page.keyboard.press("Tab");
      await page.keyboard.type(user.password);
      await page.keyboard.press("Enter");
      await expect(page.getByRole("heading", { name: "Service hooks", level: 1 })).toBeVisible();
    });
  });

  test("skips to the content in two presses (K2)", async ({ page }) => {
    await page.goto(HOOKS);
    await page.keyboard.press("Tab");
    expect((await focused(page)).name).toBe("Skip to content");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("main")).toBeFocused();
  });

  test("slides a hook off and on in the list (K5, A4)", async ({
    page,
    scene,
    api,
    javaScriptEnabled,
  }) => {
    const slider = page.getByRole("switch", { name: `${NAME} turned on` });
    await page.goto(HOOKS);
    if (javaScriptEnabled) await awake(page);
    for (const enabled of [false, true]) {
      await press(page, slider, enabled ? "Enter" : "Space");
      await expect(slider).toBeChecked({ checked: enabled });
      const hook = await api.call("GET", `/hooks/${scene.hook}`, 200);
      expect(hook.enabled, "the switch tells the truth").toBe(enabled);
      const status = page.getByRole("status");
      if (javaScriptEnabled) {
        await expect(slider, "the focus stays").toBeFocused();
        await expect(status.filter({ hasText: "Saved" }), "it is said once").toHaveCount(1);
      } else {
        const said = status.filter({ hasText: `"${NAME}" turned ${enabled ? "on" : "off"}.` });
        await expect(said).toBeVisible();
        expect(await tabTo(page, slider, 12), "the walk goes on at the row").toBeLessThan(12);
      }
    }
  });

  test("asks before it deletes, with the focus on the safe choice (K10)", async ({
    page,
    scene,
    api,
  }) => {
    await page.goto(`${HOOKS}/${scene.hook}`);
    await press(page, page.getByRole("main").getByRole("link", { name: "Delete" }));
    await expect(page.getByRole("heading", { name: `Delete ${NAME}?` })).toBeVisible();
    await expect(page.getByRole("link", { name: "Keep hook" })).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { name: NAME, level: 1 })).toBeVisible();
    expect((await api.call("GET", `/hooks/${scene.hook}`, 200)).name).toBe(NAME);
  });

  test.describe("an auditor", () => {
    test.use({ role: "auditor" });

    test("changes the theme and signs out from the menus; Esc closes one and gives the focus back", async ({
      page,
    }) => {
      await page.goto("/integration/events");
      const menu = page.getByRole("button", { name: "Theme" });
      const asTheSystem = page.getByRole("button", { name: "System" });
      await press(page, menu);
      await expect(page.getByRole("button", { name: "Dark" })).toBeVisible();
      await page.keyboard.press("Tab");
      await expect(asTheSystem).toBeFocused();
      await page.keyboard.press("Escape");
      await expect(menu).toBeFocused();
      await page.keyboard.press("Enter");
      await press(page, page.getByRole("button", { name: "Dark" }));
      await expect(page.locator("html[data-theme=dark]")).toBeVisible();
      await expect(page).toHaveURL("/integration/events");
      await press(page, menu);
      await press(page, asTheSystem);
      await expect(page.locator("html:not([data-theme])")).toBeVisible();
    });
  });
});
