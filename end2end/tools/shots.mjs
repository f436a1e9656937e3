// Pictures of every page, light and dark, wide and narrow, for a person to look at, in shots/:
//   SERVICE_HOOKS_BIN=... npm --prefix end2end run shots [-- -g NAME]
// The names are those of support/routes.mjs.

import { fileURLToPath } from "node:url";
import { ready } from "../support/browser.mjs";
import { test } from "../support/fixtures.mjs";
import { ROUTES, visit } from "../support/routes.mjs";

const WIDTHS = [1280, 768, 320];
const SCHEMES = ["light", "dark"];
const FOLDER = fileURLToPath(new URL("../shots/", import.meta.url));

test.use({ portal: "shots" });

// First, while the portal is empty: the others fill it.
for (const entry of ROUTES.filter(({ empty }) => empty)) {
  test(`${entry.name}, empty`, ({ visitor }) => shoot(visitor, entry, {}, "-empty"));
}

for (const entry of ROUTES) {
  test(`${entry.name}, in use`, ({ visitor, scene }) => shoot(visitor, entry, scene, ""));
}

async function shoot(visitor, entry, scene, suffix) {
  for (const colorScheme of SCHEMES) {
    const { page, problems } = await visitor({ role: entry.as ?? "administrator", colorScheme });
    await visit(page, entry, scene);
    await ready(page);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      const file = `${entry.name}${suffix}-${colorScheme}-${width}.png`;
      await page.screenshot({ path: `${FOLDER}${file}`, fullPage: true });
      await warnIfWider(page, width, file);
    }
    for (const problem of problems) console.warn(`${entry.name}: ${problem}`);
  }
}

/** A page that has to be scrolled sideways is broken, and easy to miss in a picture. */
async function warnIfWider(page, width, file) {
  const needed = await page.evaluate(() => document.documentElement.scrollWidth);
  if (needed > width) console.warn(`${file}: needs ${needed} px`);
}
