// What the hooks page with fifty hooks costs a browser that has nothing in its cache: counted,
// not timed. (Times are in `npm run figures`.)

import { awake } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { makeHooks, MOBILE, seenBy, settled, watch, weightOf } from "../support/weigh.mjs";

const KB = 1000;
/** Most of each that the page may weigh, in bytes on the wire. */
const BUDGET = {
  total: 180 * KB,
  wasm: 110 * KB,
  js: 14 * KB,
  css: 14 * KB,
  html: 30 * KB,
  // The stream that keeps the page true is one of them.
  requests: 9,
};
/** Fifty rows of at most 24 elements, with slider, chart and links each. */
const MOST_ELEMENTS = 1400;
/** The height of the page with them, at 1280 px: fifty rows of 44 px, and 400 px for all else. */
const TALLEST = 2600;
const SECOND_VIEW = 35 * KB;
/** The server may have written something since the page was made. The page then reads itself again, after the first view. */
const isReread = ({ url, type }) => type === "Fetch" && new URL(url).pathname === "/integration/hooks";

// A trace makes requests of its own.
test.use({ portal: "weight", trace: "off" });

test.beforeAll(async ({ api }) => {
  await makeHooks(api, 50);
});

test("costs little to look at fifty hooks for the first time, and less to go on", async ({
  page,
  server,
}) => {
  const requests = await watch(page);
  await page.goto("/integration/hooks");
  await awake(page);
  // The browser asks for the icon when it likes: everything that has begun must have ended.
  await settled(requests);
  const first = [...requests.values()].filter((request) => !isReread(request));
  const weight = weightOf(first);
  const report = first.map(({ url, bytes }) => `${String(bytes).padStart(7)} ${url}`).join("\n");
  note("first view", `${JSON.stringify(weight)}\n${report}`);
  expect(weight.wasm, `no WASM was loaded:\n${report}`).toBeGreaterThan(0);
  for (const [kind, most] of Object.entries(BUDGET)) {
    expect(weight[kind], `${kind}:\n${report}`).toBeLessThanOrEqual(most);
  }
  expect(first.filter(({ url }) => new URL(url).origin !== server.url)).toEqual([]);
  const isStream = ({ url }) => new URL(url).pathname === "/live";
  expect(first.filter((request) => !request.isDone && !isStream(request))).toEqual([]);
  const { nodes } = await seenBy(page);
  note("elements", String(nodes));
  expect(nodes).toBeLessThanOrEqual(MOST_ELEMENTS);
  const heights = await page.locator("tr.hook").evaluateAll((rows) => rows.map((row) => row.offsetHeight));
  expect(new Set(heights), "every hook is one line of 44 px").toEqual(new Set([44]));
  expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(TALLEST);

  requests.clear();
  await page.getByRole("link", { name: "Event catalogue" }).click();
  await settled(requests);
  const second = weightOf([...requests.values()]);
  note("second view", JSON.stringify(second));
  expect(second.total, JSON.stringify(second)).toBeLessThanOrEqual(SECOND_VIEW);
});

test("moves nothing that is being looked at", async ({ visitor }) => {
  for (const options of [{}, MOBILE]) {
    const { page } = await visitor(options);
    const requests = await watch(page);
    await page.goto("/integration/hooks");
    await awake(page);
    await settled(requests);
    expect((await seenBy(page)).shift, "while it loads").toBe(0);
    const slider = page.getByRole("switch").first();
    await slider.click();
    await expect(page.getByRole("status").filter({ hasText: "Saved" })).toBeVisible();
    // The status beside it follows a moment later, in the same row.
    expect((await seenBy(page)).shift, "when a slider is moved").toBe(0);
    requests.clear();
    await page.goto("/integration/hooks?q=Department+1");
    await settled(requests);
    expect((await seenBy(page)).shift, "when the list is narrowed").toBe(0);
  }
});

/** Adds the measurements to the report. */
function note(type, description) {
  test.info().annotations.push({ type, description });
}
