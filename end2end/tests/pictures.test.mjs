// Every page as a picture beside the one that was kept: what nobody meant to change is seen. `npm run baselines` keeps
// new ones. What differs from run to run (numbers, ids, charts) is made the same first, and the font is always one.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { after, before, it } from "node:test";
import { fileURLToPath } from "node:url";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";
import { awake, cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { ROLES, ROUTES, visit } from "../support/routes.mjs";
import { fill } from "../support/scene.mjs";
import { startServer } from "../support/server.mjs";

const KEPT = fileURLToPath(new URL("../baselines/", import.meta.url));
const SEEN = fileURLToPath(new URL("../shots/differ/", import.meta.url));
const RENEW = process.env.BASELINES === "renew";
/** Nothing is tried again while pictures are taken. */
const SETTINGS = { SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE: '["6h"]' };
const LOOK = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 0.5, reducedMotion: "reduce", timezoneId: "UTC" };
/** Of the pixels, as many may differ: edges of letters, between versions of a browser. */
const TOLERATED = 0.001;
const TALLEST = 6400;
const SAME = `:root { --font: "DejaVu Sans" !important; --mono: "DejaVu Sans Mono" !important }
  svg { visibility: hidden !important } * { caret-color: transparent !important }`;

let server, receiver, browser, scene;
const cookies = {};

before(async () => {
  server = await startServer(SETTINGS);
  receiver = await startReceiver();
  browser = await launchBrowser();
  for (const role of ROLES) cookies[role] = await cookiesOf(browser, server, await server.user(role));
  scene = await fill(server, receiver);
  if (RENEW) await rm(KEPT, { recursive: true, force: true });
  await rm(SEEN, { recursive: true, force: true });
  await mkdir(KEPT, { recursive: true });
});

after(async () => {
  await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
});

for (const colorScheme of ["light", "dark"]) {
  it(`looks as it did, ${colorScheme}`, async () => {
    const differ = [];
    for (const role of ["nobody", ...ROLES]) {
      const { context, page } = await newVisitor(browser, server, { ...LOOK, storageState: cookies[role], colorScheme });
      for (const entry of ROUTES.filter(({ as }) => (as ?? "administrator") === role)) {
        await visit(page, entry, scene);
        if ((await page.locator("leptos-island").count()) > 0) await awake(page);
        await page.evaluate(makeSame, SAME);
        const fault = await compare(`${entry.name}-${colorScheme}.png`, await picture(page));
        if (fault) differ.push(fault);
      }
      await context.close();
    }
    assert.equal(differ.length, 0, `${differ.join("\n")}\nSee ${SEEN}. If it is meant, run: npm --prefix end2end run baselines`);
  });
}

it("keeps no picture of what is gone", async () => {
  const names = ROUTES.flatMap(({ name }) => [`${name}-light.png`, `${name}-dark.png`]);
  assert.deepEqual((await readdir(KEPT)).filter((file) => !names.includes(file)), []);
});

/** Runs in the page: takes away what is different each time, and nothing of how it looks. */
function makeSame(css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [sheet];
  const same = (text) => text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|…[0-9a-f]{8}/g, "an id").replaceAll(/\d[\d.,:]*/g, "0");
  for (const time of document.querySelectorAll("time")) time.textContent = time.classList.contains("exact") ? "2026-11-22 14:03:11 UTC" : "a while ago";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) node.data = same(node.data);
  for (const field of document.querySelectorAll("input[value], textarea")) field.value = same(field.value);
  document.activeElement?.blur();
  window.scrollTo(0, 0);
}

/** The page in half its size and fewer colours: enough to see what moved, little to keep. */
async function picture(page) {
  const height = Math.min(TALLEST, await page.evaluate(() => document.documentElement.scrollHeight));
  await page.setViewportSize({ ...LOOK.viewport, height });
  const png = PNG.sync.read(await page.screenshot({ animations: "disabled" }));
  await page.setViewportSize(LOOK.viewport);
  for (let at = 0; at < png.data.length; at += 4) {
    for (const channel of [0, 1, 2]) png.data[at + channel] &= 0xf0;
  }
  return png;
}

async function compare(file, now) {
  if (RENEW) return void (await writeFile(KEPT + file, PNG.sync.write(now, { colorType: 2, deflateLevel: 9 })));
  const before = await readFile(KEPT + file).then((bytes) => PNG.sync.read(bytes), () => undefined);
  if (!before) return `${file}: none is kept`;
  if (before.width !== now.width || before.height !== now.height) {
    await show(file, now);
    return `${file}: was ${before.width} by ${before.height}, is ${now.width} by ${now.height}`;
  }
  const difference = new PNG({ width: now.width, height: now.height });
  const count = pixelmatch(before.data, now.data, difference.data, now.width, now.height, { threshold: 0.15 });
  const part = count / (now.width * now.height);
  if (part <= TOLERATED) return undefined;
  await show(file, now, difference);
  return `${file}: ${(part * 100).toFixed(2)} % differ`;
}

async function show(file, now, difference) {
  await mkdir(SEEN, { recursive: true });
  await writeFile(SEEN + file, PNG.sync.write(now));
  if (difference) await writeFile(`${SEEN}${file.replace(".png", ".differ.png")}`, PNG.sync.write(difference));
}
