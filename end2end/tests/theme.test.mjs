// The look: the first paint is in the reader's theme, right to left mirrors it, times are in the
// reader's zone, nothing moves with reduced motion, and paper gets a page that can be read.

import { awake } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { framesOf } from "../support/film.mjs";
import { rowOf } from "../support/pixels.mjs";

const HOOKS = "/integration/hooks";
const GROUND = { light: "rgb(255,255,255)", dark: "rgb(14,18,24)" };

// A trace films the page too.
test.use({ portal: "theme", trace: "off" });

test("paints in the chosen theme from the first frame on, signed in and signed out (V3)", async ({
  visitor,
}) => {
  for (const [theme, other] of [
    ["dark", "light"],
    ["light", "dark"],
  ]) {
    const { context, page } = await visitor({ colorScheme: other });
    await page.goto("/account");
    await page.getByRole("radio", { name: theme, exact: false }).check();
    await page.getByRole("button", { name: "Save preferences" }).click();
    await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
    expect(await grounds(page, HOOKS), theme).toEqual([GROUND[theme]]);
    await context.clearCookies({ name: "sid" });
    expect(await grounds(page, "/sign-in"), `${theme}, signed out`).toEqual([GROUND[theme]]);
    await context.close();
  }
  const { page } = await visitor();
  await page.goto(HOOKS);
  await page.getByRole("button", { name: "Theme" }).click();
  await page.getByRole("button", { name: "System" }).click();
  await expect(page.locator("html:not([data-theme])")).toBeVisible();
});

test.describe("with reduced motion", () => {
  test.use({ reducedMotion: "reduce" });

  test("mirrors where the script runs from right to left (V2)", async ({ page, scene }) => {
    await page.goto(HOOKS);
    await awake(page);
    await expect(page.locator(`#h-${scene.hook}`)).toBeVisible();
    const track = page.locator("[role=switch][aria-checked=true]").first();
    const knob = track.locator(".knob");
    const [nav, main] = [page.getByRole("navigation", { name: "Main" }), page.getByRole("main")];
    const side = async (locator) => (await locator.boundingBox()).x;
    const apart = async (left, right) => (await side(right)) - (await side(left));
    expect(await apart(nav, main)).toBeGreaterThan(0);
    expect(await apart(track, knob), "on is at the right").toBeGreaterThanOrEqual(18);
    await page.evaluate(() => (document.documentElement.dir = "rtl"));
    expect(await apart(main, nav), "the navigation changes sides").toBeGreaterThan(0);
    expect(await apart(track, knob), "on is at the left").toBeLessThanOrEqual(6);
    const isWider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    expect(isWider).toBe(false);
  });

  test("moves nothing (A8)", async ({ page, scene }) => {
    await page.goto(HOOKS);
    await awake(page);
    await page.locator(`#h-${scene.hook}`).getByRole("switch").click();
    await expect(page.getByRole("status").filter({ hasText: "Saved" })).toBeVisible();
    const moving = await page.evaluate(
      () => document.getAnimations().filter(({ playState }) => playState === "running").length,
    );
    expect(moving).toBe(0);
  });

  test.describe("and in colours of their own", () => {
    test.use({ forcedColors: "active" });

    test("tells a slider's states apart in the reader's own colours (A8)", async ({ page }) => {
      await page.goto("/styleguide");
      await awake(page);
      const picture = (on) =>
        page.locator(`[role=switch][aria-checked=${on}]`).first().screenshot();
      expect((await picture(true)).equals(await picture(false))).toBe(false);
    });
  });
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("shows times in the reader's zone and tells machines UTC (V6)", async ({
    page,
    scene,
  }) => {
    await page.goto("/account");
    await page.getByLabel("Time zone").selectOption("Asia/Kathmandu");
    await page.getByRole("radio", { name: "12-hour" }).check();
    await page.getByRole("button", { name: "Save preferences" }).click();
    await expect(page.getByRole("status").filter({ hasText: "saved" })).toBeVisible();
    const shown = page.getByRole("main").locator("time.exact").last();
    await expect(shown).toHaveText(
      /^\d{4}-\d\d-\d\d \d{1,2}:\d\d:\d\d [ap]m \+05:45 Asia\/Kathmandu$/,
    );
    await page.goto(`${HOOKS}/${scene.hook}/deliveries/${scene.delivery}`);
    const times = await page
      .locator("time")
      .evaluateAll((all) =>
        all.map(({ dateTime, title, textContent }) => [dateTime, title || textContent]),
      );
    expect(times.length).toBeGreaterThan(0);
    const format = { timeZone: "Asia/Kathmandu", dateStyle: "short" };
    for (const [machine, person] of times) {
      expect(machine).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const local = new Intl.DateTimeFormat("sv-SE", format).format(new Date(machine));
      expect(person.startsWith(local), `${machine}: ${person}`).toBe(true);
      expect(person.endsWith("+05:45 Asia/Kathmandu"), `${machine}: ${person}`).toBe(true);
    }
  });
});

test.describe("in the dark", () => {
  test.use({ colorScheme: "dark" });

  test("prints the page without what is around it", async ({ page, scene }) => {
    const hook = `${HOOKS}/${scene.hook}`;
    for (const address of [HOOKS, hook, `${hook}/deliveries/${scene.delivery}`]) {
      await page.goto(address);
      await page.emulateMedia({ media: "print" });
      for (const around of ["header.top", "nav#nav", ".skip"]) {
        await expect(page.locator(around), around).toBeHidden();
      }
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.locator("html")).toHaveCSS("background-color", "rgb(255, 255, 255)");
      const boxed = await page
        .locator("pre, .scroll")
        .evaluateAll(
          (boxes) =>
            boxes.filter(
              (box) => box.checkVisibility() && getComputedStyle(box).overflowX !== "visible",
            ).length,
        );
      expect(boxed, "nothing is hidden in a box that scrolls").toBe(0);
      await page.emulateMedia({ media: "screen" });
    }
  });
});

/** The different colours that a corner of the window had in the frames while a page was loaded. */
async function grounds(page, address) {
  // The lower right corner is the page's ground on every page.
  const rows = await rowOf(page, 0.99, await framesOf(page, address));
  return [...new Set(rows.map((row) => row.at(-4)))];
}
