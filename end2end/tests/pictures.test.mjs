// Compares a picture of every page with the kept one, so that unintended changes are seen. `npm
// run baselines` keeps new ones. What differs from run to run (numbers, ids, charts) is made the
// same first, and the font is always one.

import { readdir } from "node:fs/promises";
import { ready } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { ROLES, ROUTES, routesOf, visit } from "../support/routes.mjs";
import { makeSame } from "../support/same.mjs";

const KEPT = new URL("../baselines/", import.meta.url);

/** Half the size is enough to see what moved, and little to keep. */
const LOOK = {
  viewport: { width: 1280, height: 800 },
  deviceScaleFactor: 0.5,
  timezoneId: "UTC",
};

test.use({
  portal: "pictures",
  // Nothing is tried again while pictures are taken.
  settings: { SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE: '["6h"]' },
  reducedMotion: "reduce",
  trace: "off",
});

for (const colorScheme of ["light", "dark"]) {
  test(`looks as it did, ${colorScheme}`, async ({ visitor, scene }) => {
    for (const role of ROLES) {
      const { context, page } = await visitor({ role, colorScheme, ...LOOK });
      for (const entry of routesOf(role)) {
        await visit(page, entry, scene);
        await ready(page);
        await makeSame(page);
        const name = `${entry.name}-${colorScheme}.png`;
        // Soft: one run shows every page that changed.
        await expect.soft(page).toHaveScreenshot(name, { fullPage: true });
      }
      await context.close();
    }
  });
}

test("keeps no picture of what is gone", async () => {
  const names = ROUTES.flatMap(({ name }) => [`${name}-light.png`, `${name}-dark.png`]);
  expect((await readdir(KEPT)).filter((file) => !names.includes(file))).toEqual([]);
});
