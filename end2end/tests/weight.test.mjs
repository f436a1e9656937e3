// What the hooks page with fifty hooks costs a browser that has nothing in its cache: counted, not timed. (Times are in
// `npm run figures`.)

import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { awake, cookiesOf, launchBrowser } from "../support/browser.mjs";
import { startServer } from "../support/server.mjs";
import { coldVisitor, makeHooks, MOBILE, seenBy, weightOf } from "../support/weigh.mjs";

const KB = 1000;
/** Most of each that the page may weigh, in bytes on the wire. */
const BUDGET = { total: 180 * KB, wasm: 110 * KB, js: 12 * KB, css: 14 * KB, html: 30 * KB, requests: 8 };
/** Fifty rows with slider, chart, menu and links each: 36 elements a row. */
const MOST_ELEMENTS = 1900;
const SECOND_VIEW = 35 * KB;

let server, browser, storageState;

before(async () => {
  server = await startServer();
  browser = await launchBrowser();
  storageState = await cookiesOf(browser, server, await server.user("administrator"));
  await makeHooks(server, 50);
});

after(async () => {
  await Promise.all([browser?.close(), server?.stop()]);
});

it("costs little to look at fifty hooks for the first time, and less to go on", async (t) => {
  const { context, page, requests } = await coldVisitor(browser, server, storageState);
  await page.goto("/integration/hooks");
  await awake(page);
  // The browser asks for the icon when it likes: everything that has begun must have ended.
  await page.waitForLoadState("networkidle");
  const first = [...requests.values()];
  const weight = weightOf(first);
  const report = first.map(({ url, bytes }) => `${String(bytes).padStart(7)} ${url}`).join("\n");
  t.diagnostic(`${JSON.stringify(weight)}\n${report}`);
  assert.ok(weight.wasm > 0, `no WASM was loaded:\n${report}`);
  for (const [kind, most] of Object.entries(BUDGET)) {
    assert.ok(weight[kind] <= most, `${kind}: ${weight[kind]}, at most ${most}:\n${report}`);
  }
  assert.deepEqual(first.filter(({ url }) => new URL(url).origin !== server.url), []);
  assert.deepEqual(first.filter(({ isDone }) => !isDone), []);
  const { nodes } = await seenBy(page);
  t.diagnostic(`${nodes} elements`);
  assert.ok(nodes <= MOST_ELEMENTS, `${nodes} elements`);

  requests.clear();
  await page.getByRole("link", { name: "Event catalogue" }).click();
  await page.waitForLoadState("networkidle");
  const second = weightOf([...requests.values()]);
  t.diagnostic(`second view: ${JSON.stringify(second)}`);
  assert.ok(second.total <= SECOND_VIEW, JSON.stringify(second));
  await context.close();
});

it("moves nothing that is being looked at", async () => {
  for (const options of [{}, MOBILE]) {
    const { context, page } = await coldVisitor(browser, server, storageState, options);
    await page.goto("/integration/hooks");
    await awake(page);
    await page.waitForLoadState("networkidle");
    assert.equal((await seenBy(page)).shift, 0, "while it loads");
    const slider = page.getByRole("switch").first();
    await slider.click();
    await page.getByRole("status").filter({ hasText: "Saved" }).waitFor();
    assert.equal((await seenBy(page)).shift, 0, "when a slider is moved");
    await page.goto("/integration/hooks?q=Department+1");
    await page.waitForLoadState("networkidle");
    assert.equal((await seenBy(page)).shift, 0, "when the list is narrowed");
    await context.close();
  }
});
