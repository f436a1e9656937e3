// Not a test: pictures of every page, light and dark, wide and narrow, for a person to look at. They land in shots/.
// Run: SERVICE_HOOKS_BIN=... npm run shots [NAME...]      (names as in support/routes.mjs; all unless said)

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { awake, cookiesOf, launchBrowser, newVisitor } from "./support/browser.mjs";
import { startReceiver } from "./support/receiver.mjs";
import { ROLES, ROUTES, visit } from "./support/routes.mjs";
import { fill } from "./support/scene.mjs";
import { startServer } from "./support/server.mjs";

const WIDTHS = [1280, 768, 320];
const SCHEMES = ["light", "dark"];
const FOLDER = fileURLToPath(new URL("shots/", import.meta.url));

const wanted = process.argv.slice(2);
const server = await startServer();
const receiver = await startReceiver();
const browser = await launchBrowser();
try {
  await mkdir(FOLDER, { recursive: true });
  const cookies = {};
  for (const role of ROLES) cookies[role] = await cookiesOf(browser, server, await server.user(role));
  await shoot(ROUTES.filter(({ empty }) => empty), {}, cookies, "-empty");
  await shoot(ROUTES, await fill(server, receiver), cookies, "");
} finally {
  await Promise.all([browser.close(), receiver.stop(), server.stop()]);
}

async function shoot(entries, scene, cookies, suffix) {
  for (const entry of entries.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    for (const colorScheme of SCHEMES) {
      const storageState = cookies[entry.as ?? "administrator"];
      const { context, page, problems } = await newVisitor(browser, server, { storageState, colorScheme });
      await visit(page, entry, scene);
      if ((await page.locator("leptos-island").count()) > 0) await awake(page);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        const file = `${entry.name}${suffix}-${colorScheme}-${width}.png`;
        await page.screenshot({ path: `${FOLDER}${file}`, fullPage: true });
        await warnIfWider(page, width, file);
      }
      for (const problem of problems) console.warn(`${entry.name}: ${problem}`);
      await context.close();
    }
  }
}

/** A page that has to be scrolled sideways is broken, and easy to miss in a picture. */
async function warnIfWider(page, width, file) {
  const needed = await page.evaluate(() => document.documentElement.scrollWidth);
  if (needed > width) console.warn(`${file}: needs ${needed} px`);
}
