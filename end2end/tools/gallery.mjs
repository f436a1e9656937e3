// Pictures of every page of a realistic installation, light and dark, at four widths, for a person to look at, in
// test-results/gallery/:
//   SERVICE_HOOKS_BIN=... npm --prefix end2end run gallery [-- -g NAME]

import { fileURLToPath } from "node:url";
import { ready } from "../support/browser.mjs";
import { test } from "../support/fixtures.mjs";
import { morePages } from "../support/realistic.mjs";
import { ROUTES, visit } from "../support/routes.mjs";

const WIDTHS = [1920, 1280, 768, 360];
const FOLDER = fileURLToPath(new URL("../test-results/gallery/", import.meta.url));

test.use({ portal: "gallery", realistic: true });

for (const entry of ROUTES) {
  test(entry.name, async ({ visitor, scene }) => {
    await shoot(visitor, entry.as, entry.name, (page) => visit(page, entry, scene));
  });
}

test("more", async ({ visitor, api, scene }) => {
  for (const [at, address] of (await morePages(api, scene)).entries()) {
    const name = `more-${String(at).padStart(3, "0")}-${address.replaceAll(/[^a-z]+/g, "-").slice(-40)}`;
    await shoot(visitor, undefined, name, (page) => page.goto(address));
  }
});

async function shoot(visitor, role = "administrator", name, go) {
  for (const colorScheme of ["light", "dark"]) {
    const { page, context } = await visitor({ role, colorScheme });
    await go(page);
    await ready(page);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: `${FOLDER}${name}-${colorScheme}-${width}.png`, fullPage: true });
    }
    await context.close();
  }
}
