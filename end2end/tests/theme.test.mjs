// The look: the first paint is in the reader's theme, right to left mirrors it, times are in the reader's zone, nothing
// moves for whoever wants nothing to move, and paper gets a page that can be read.

import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { PNG } from "pngjs";
import { awake, cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { fill } from "../support/scene.mjs";
import { startServer } from "../support/server.mjs";

const HOOKS = "/integration/hooks";
const GROUND = { light: [255, 255, 255], dark: [14, 18, 24] };

let server, receiver, browser, scene, storageState;

before(async () => {
  server = await startServer();
  receiver = await startReceiver();
  browser = await launchBrowser();
  storageState = await cookiesOf(browser, server, await server.user("administrator"));
  scene = await fill(server, receiver);
});

after(async () => {
  await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
});

it("paints in the chosen theme from the first frame on, signed in and signed out (V3)", async () => {
  for (const [theme, other] of [["dark", "light"], ["light", "dark"]]) {
    const { context, page } = await newVisitor(browser, server, { storageState, colorScheme: other });
    await page.goto("/account");
    await page.getByRole("radio", { name: theme, exact: false }).check();
    await page.getByRole("button", { name: "Save preferences" }).click();
    await page.locator(`html[data-theme=${theme}]`).waitFor();
    assert.deepEqual(await grounds(page, HOOKS), [GROUND[theme]], theme);
    await context.clearCookies({ name: "sid" });
    assert.deepEqual(await grounds(page, "/sign-in"), [GROUND[theme]], `${theme}, signed out`);
    await context.close();
  }
  const { context, page } = await newVisitor(browser, server, { storageState });
  await page.goto(HOOKS);
  await page.getByRole("button", { name: "Theme" }).click();
  await page.getByRole("button", { name: "As the system" }).click();
  await page.locator("html:not([data-theme])").waitFor();
  await context.close();
});

it("mirrors where the script runs from right to left (V2)", async () => {
  const { context, page } = await newVisitor(browser, server, { storageState, reducedMotion: "reduce" });
  await page.goto(HOOKS);
  await awake(page);
  const knob = page.locator("[role=switch][aria-checked=true] .knob").first();
  const side = async (locator) => (await locator.boundingBox()).x;
  const [nav, main] = [page.getByRole("navigation", { name: "Main" }), page.getByRole("main")];
  const track = page.locator("[role=switch][aria-checked=true]").first();
  assert.ok((await side(nav)) < (await side(main)));
  assert.ok((await side(knob)) - (await side(track)) >= 18, "on is at the right");
  await page.evaluate(() => (document.documentElement.dir = "rtl"));
  assert.ok((await side(nav)) > (await side(main)), "the navigation changes sides");
  assert.ok((await side(knob)) - (await side(track)) <= 6, "on is at the left");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
  await context.close();
});

it("moves nothing for whoever wants that (A8)", async () => {
  const { context, page } = await newVisitor(browser, server, { storageState, reducedMotion: "reduce" });
  await page.goto(HOOKS);
  await awake(page);
  await page.getByRole("switch").first().click();
  await page.getByRole("status").filter({ hasText: "Saved" }).waitFor();
  const moving = await page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === "running").length);
  assert.equal(moving, 0);
  await context.close();
});

it("tells a slider's states apart in the reader's own colours (A8)", async () => {
  const { context, page } = await newVisitor(browser, server, { storageState, forcedColors: "active", reducedMotion: "reduce" });
  await page.goto("/styleguide");
  await awake(page);
  const picture = async (on) => {
    const png = await page.locator(`[role=switch][aria-checked=${on}]`).first().screenshot();
    return PNG.sync.read(png).data.toString("base64");
  };
  assert.notEqual(await picture(true), await picture(false));
  await context.close();
});

it("shows times in the reader's zone and tells machines UTC (V6)", async () => {
  const { context, page } = await newVisitor(browser, server, { storageState, javaScriptEnabled: false });
  await page.goto("/account");
  await page.getByLabel("Time zone").selectOption("Asia/Kathmandu");
  await page.getByRole("radio", { name: "12 hours" }).check();
  await page.getByRole("button", { name: "Save preferences" }).click();
  await page.getByRole("status").filter({ hasText: "saved" }).waitFor();
  const shown = page.getByRole("main").locator("time.exact").last();
  assert.match(await shown.innerText(), /^\d{4}-\d\d-\d\d \d{1,2}:\d\d:\d\d [ap]m \+05:45 Asia\/Kathmandu$/);
  await page.goto(`${HOOKS}/${scene.hook}/deliveries/${scene.delivery}`);
  const times = await page.locator("time").evaluateAll((all) => all.map(({ dateTime, title, textContent }) => [dateTime, title || textContent]));
  assert.ok(times.length > 0);
  for (const [machine, person] of times) {
    assert.match(machine, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const local = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Kathmandu", dateStyle: "short" }).format(new Date(machine));
    assert.ok(person.startsWith(local) && person.endsWith("+05:45 Asia/Kathmandu"), `${machine}: ${person}`);
  }
  await context.close();
});

it("prints the page without what is around it", async () => {
  const { context, page } = await newVisitor(browser, server, { storageState, colorScheme: "dark" });
  for (const address of [HOOKS, `${HOOKS}/${scene.hook}`, `${HOOKS}/${scene.hook}/deliveries/${scene.delivery}`]) {
    await page.goto(address);
    await page.emulateMedia({ media: "print" });
    for (const around of ["header.top", "nav#nav", ".skip"]) assert.equal(await page.locator(around).isVisible(), false, around);
    assert.ok(await page.getByRole("heading", { level: 1 }).isVisible());
    const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    assert.equal(ground, "rgb(255, 255, 255)");
    const boxed = await page.locator("pre, .scroll").evaluateAll((boxes) => boxes.filter((box) => box.checkVisibility() && getComputedStyle(box).overflowX !== "visible").length);
    assert.equal(boxed, 0, "nothing is hidden in a box that scrolls");
    await page.emulateMedia({ media: "screen" });
  }
  await context.close();
});

/** Just after a navigation the page may still be on its way from one process to another, and cannot be filmed. */
async function startScreencast(page, session, tries = 20) {
  try {
    await session.send("Page.startScreencast", { format: "png", everyNthFrame: 1 });
  } catch (error) {
    if (tries === 0) throw error;
    await page.evaluate(() => new Promise(requestAnimationFrame));
    await startScreencast(page, session, tries - 1);
  }
}

/** The different colours that a corner of the window had in the frames while a page was loaded. */
async function grounds(page, address) {
  await page.goto("about:blank");
  const session = await page.context().newCDPSession(page);
  const frames = [];
  session.on("Page.screencastFrame", ({ data, metadata, sessionId }) => {
    frames.push({ data, at: metadata.timestamp });
    session.send("Page.screencastFrameAck", { sessionId }).catch(() => {});
  });
  await page.goto(address, { waitUntil: "commit" });
  await startScreencast(page, session);
  await page.waitForLoadState("load");
  await page.getByRole("heading", { level: 1 }).waitFor();
  // A last frame, so that there is one at all.
  await page.mouse.wheel(0, 1);
  const last = PNG.sync.read(await page.screenshot());
  await session.send("Page.stopScreencast");
  await session.detach();
  const pictures = [...frames.map(({ data }) => PNG.sync.read(Buffer.from(data, "base64"))), last];
  // The lower right corner is the page's ground on every page.
  const colours = pictures.map(({ data, width, height }) => [...data.subarray((width * (height - 4) - 4) * 4).subarray(0, 3)]);
  return [...new Map(colours.map((colour) => [colour.join(), colour])).values()];
}
