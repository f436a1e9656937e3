// The slider's promise, measured in pixels: on is a white knob on a blue ground, off a black knob
// on a white one, and the knob slides to the right. In a row and in the form, in light and in
// dark.

import { awake } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { rowOf } from "../support/pixels.mjs";

const WHITE = "rgb(255,255,255)";
const BLACK = "rgb(0,0,0)";
const BLUE = { light: "rgb(11,87,208)", dark: "rgb(47,111,228)" };
const TRAVEL_PX = 18;

test.use({ portal: "slider", reducedMotion: "reduce" });

for (const colorScheme of ["light", "dark"]) {
  test.describe(`the slider's colours, ${colorScheme}`, () => {
    test.use({ colorScheme });

    test("in a row", async ({ page, api }) => {
      const name = `Row ${colorScheme}`;
      const callback_url = "http://127.0.0.1:4000/";
      await api.createHook({
        name,
        event_type: "work_item.closed",
        callback_url,
        enabled: false,
      });
      await page.goto("/integration/hooks");
      await awake(page);
      await expectSlides(
        page,
        page.getByRole("switch", { name: `${name} turned on` }),
        BLUE[colorScheme],
      );
    });

    test("in the form", async ({ page }) => {
      await page.goto("/integration/hooks/new");
      await expectSlides(page, page.getByRole("switch", { name: "Turned on" }), BLUE[colorScheme]);
    });
  });
}

/** Looks at a slider that is off, slides it, and looks again. */
async function expectSlides(page, slider, blue) {
  const off = await look(page, slider, BLACK);
  expect(off.colours).toEqual({ knob: BLACK, track: WHITE });
  await slider.click();
  await expect(slider).toBeChecked();
  const on = await look(page, slider, WHITE);
  expect(on.colours).toEqual({ knob: WHITE, track: blue });
  const travel = on.centre - off.centre;
  expect(travel, `from ${off.centre} to ${on.centre}`).toBeGreaterThanOrEqual(TRAVEL_PX);
}

/**
 * Finds the knob in a picture of the slider: the longest run of its colour in the middle row.
 * Returns where its centre is, its colour there, and the track's colour as far from the middle on
 * the other side.
 */
async function look(page, slider, knobColour) {
  await settle(page, slider);
  const [row] = await rowOf(page, 0.5, [await slider.screenshot({ scale: "css" })]);
  const { start, length } = longestRun(row, knobColour);
  expect(length, `a knob of ${knobColour} in ${row.join(" ")}`).toBeGreaterThan(0);
  const centre = start + Math.floor(length / 2);
  return { centre, colours: { knob: row[centre], track: row[row.length - 1 - centre] } };
}

/** Neither hovered nor focused nor busy, and nothing moves any more. */
async function settle(page, slider) {
  await page.mouse.move(0, 0);
  await slider.blur();
  await expect(page.locator('[role=switch][aria-busy="true"]')).toHaveCount(0);
  await page.evaluate(() =>
    Promise.all(document.getAnimations().map(({ finished }) => finished)),
  );
}

function longestRun(row, colour) {
  let best = { start: 0, length: 0 };
  let start = 0;
  row.forEach((pixel, x) => {
    if (pixel !== colour) start = x + 1;
    else if (x + 1 - start > best.length) best = { start, length: x + 1 - start };
  });
  return best;
}
