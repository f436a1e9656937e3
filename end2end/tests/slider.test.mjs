// The slider's promise, measured in pixels: on is a white knob on a blue ground, off a black knob on a white one, and
// the knob slides to the right. In a row and in the form, in light and in dark.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { awake, cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { startServer } from "../support/server.mjs";

const WHITE = "rgb(255,255,255)";
const BLACK = "rgb(0,0,0)";
const BLUE = { light: "rgb(11,87,208)", dark: "rgb(47,111,228)" };
const TRAVEL_PX = 18;

describe("the slider's colours", () => {
  let server, browser, storageState;

  before(async () => {
    server = await startServer();
    browser = await launchBrowser();
    storageState = await cookiesOf(browser, server, await server.user("administrator"));
  });

  after(async () => {
    await Promise.all([browser?.close(), server?.stop()]);
  });

  for (const colorScheme of ["light", "dark"]) {
    const options = () => ({ storageState, colorScheme, reducedMotion: "reduce", deviceScaleFactor: 1 });

    it(`in a row, ${colorScheme}`, async () => {
      const api = await server.api("hooks:write");
      const name = `Row ${colorScheme}`;
      const callback_url = "http://127.0.0.1:4000/";
      await api.createHook({ name, event_type: "work_item.closed", callback_url, enabled: false });
      const { context, page } = await newVisitor(browser, server, options());
      await page.goto("/integration/hooks");
      await awake(page);
      await assertSlides(page, page.getByRole("switch", { name: `${name} enabled` }), BLUE[colorScheme]);
      await context.close();
    });

    it(`in the form, ${colorScheme}`, async () => {
      const { context, page } = await newVisitor(browser, server, options());
      await page.goto("/integration/hooks/new");
      await assertSlides(page, page.getByRole("switch", { name: "Enabled" }), BLUE[colorScheme]);
      await context.close();
    });
  }
});

/** Looks at a slider that is off, slides it, and looks again. */
async function assertSlides(page, slider, blue) {
  const off = await look(page, slider, BLACK);
  assert.deepEqual(off.colours, { knob: BLACK, track: WHITE });
  await slider.click();
  await slider.and(page.getByRole("switch", { checked: true })).waitFor();
  const on = await look(page, slider, WHITE);
  assert.deepEqual(on.colours, { knob: WHITE, track: blue });
  assert.ok(on.centre - off.centre >= TRAVEL_PX, `the knob went from ${off.centre} to ${on.centre}`);
}

/**
 * Finds the knob in a picture of the slider: the longest run of its colour in the middle row. Returns where its centre
 * is, its colour there, and the track's colour as far from the middle on the other side.
 */
async function look(page, slider, knobColour) {
  const row = await middleRow(page, slider);
  const { start, length } = longestRun(row, knobColour);
  assert.ok(length > 0, `no knob of ${knobColour} in ${row.join(" ")}`);
  const centre = start + Math.floor(length / 2);
  return { centre, colours: { knob: row[centre], track: row[row.length - 1 - centre] } };
}

/** The colours of the picture's middle row, from left to right. */
async function middleRow(page, slider) {
  await settle(page, slider);
  const png = await slider.screenshot({ scale: "css" });
  const blank = await page.context().newPage();
  const row = await blank.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data: bytes } = canvas.getImageData(0, Math.floor(image.height / 2), image.width, 1);
    return Array.from({ length: image.width }, (_, x) => `rgb(${bytes.slice(x * 4, x * 4 + 3).join(",")})`);
  }, png.toString("base64"));
  await blank.close();
  return row;
}

/** Neither hovered nor focused nor busy, and nothing moves any more. */
async function settle(page, slider) {
  await page.mouse.move(0, 0);
  await slider.blur();
  await page.locator('[role=switch][aria-busy="true"]').waitFor({ state: "detached" });
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
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
