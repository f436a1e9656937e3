// The look's promises: every state has a sign of its own that is really drawn, also where the
// reader chooses the colours; the font is the portal's own; on paper every column stands under its
// heading and there is nothing to press.

import { expect, test } from "../support/fixtures.mjs";

test.use({ portal: "look" });

const BADGES = ".sample .buttons .badge";

for (const forcedColors of ["none", "active"]) {
  test.describe(`signs, forced colours ${forcedColors}`, () => {
    test.use({ forcedColors });

    test("are drawn, one for each state", async ({ page }) => {
      await page.goto("/styleguide");
      const icons = page.locator(".icons .icon");
      const names = await page.locator(".icons code").allTextContents();
      const drawn = await picturesOf(icons);
      expect(names.length).toBeGreaterThan(30);
      expectDifferent(names, drawn);

      const badges = page.locator(BADGES);
      const words = await badges.allTextContents();
      expect(words).toContain("Held");
      const masks = await badges.evaluateAll((all) =>
        all.map((badge) => getComputedStyle(badge, "::before").maskImage),
      );
      expectDifferent(words, masks);
      for (const mask of masks) expect(mask).toContain("data:image/svg+xml");
      const grounds = await badges.evaluateAll((all) =>
        all.map((badge) => getComputedStyle(badge, "::before").backgroundColor),
      );
      const canvas = await page
        .locator("html")
        .evaluate((html) => getComputedStyle(html).backgroundColor);
      for (const ground of grounds) expect(ground).not.toBe(canvas);
    });
  });
}

test("brings its own font, which browsers keep", async ({ page }) => {
  await page.goto("/sign-in");
  const [href, isLoaded] = await page.evaluate(async () => {
    await document.fonts.load("16px Inter");
    const { href } = document.querySelector("link[rel=preload][as=font]");
    return [href, document.fonts.check("600 16px Inter", "Ő 1")];
  });
  expect(isLoaded).toBe(true);
  const answer = await page.request.get(href);
  expect(answer.headers()["content-type"]).toBe("font/woff2");
  expect(answer.headers()["cache-control"]).toContain("immutable");
  expect((await answer.body()).length).toBeLessThanOrEqual(45_000);
});

test("prints columns under their headings, and nothing to press", async ({
  page,
  scene,
}) => {
  await page.setViewportSize({ width: 700, height: 1000 });
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  const hook = `/integration/hooks/${scene.failing}`;
  const pages = ["/integration/hooks", "/integration/deliveries", hook];
  for (const address of pages) {
    await page.goto(address);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, address).toBeLessThanOrEqual(700);
    await expect(page.locator("body")).toHaveCSS("color", "rgb(0, 0, 0)");
    await expect(page.locator("html")).toHaveCSS("background-color", "rgb(255, 255, 255)");
    const pressed = page.locator("button, .button, nav, input, .export, .views, .numbers, .page-size").filter({ visible: true });
    await expect(pressed).toHaveCount(0);
    expect(await page.locator("table").evaluateAll(crooked), address).toEqual([]);
  }
});

/** Runs in the page: cells that begin elsewhere than the heading of their column. */
function crooked(tables) {
  const faults = [];
  const seen = (cell) => cell.getClientRects().length > 0;
  for (const table of tables.filter(seen)) {
    const heads = [...table.querySelectorAll("thead > tr > *")].filter(seen);
    for (const row of table.querySelectorAll("tbody > tr:not(.group)")) {
      [...row.cells].filter(seen).forEach((cell, at) => {
        const [here, there] = [cell, heads[at]].map((one) => one?.getBoundingClientRect().left);
        if (here !== there) faults.push(`${cell.textContent}: ${here}, its heading ${there}`);
      });
    }
  }
  return faults;
}

/** A picture of each element, as text. */
async function picturesOf(elements) {
  const pictures = [];
  for (const element of await elements.all()) {
    pictures.push((await element.screenshot()).toString("base64"));
  }
  return pictures;
}

/** No two of these look the same: at most one could be empty, and not in both lists. */
function expectDifferent(names, pictures) {
  expect(pictures.length).toBe(names.length);
  pictures.forEach((picture, at) => {
    const first = pictures.indexOf(picture);
    expect(first, `${names[at]} looks like ${names[first]}`).toBe(at);
  });
}
