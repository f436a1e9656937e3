// The figures of speed and weight, as a table, against their budgets. Run it on a release build:
//   SERVICE_HOOKS_BIN=$PWD/target/release/service-hooks npm --prefix end2end run figures

import { awake } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { makeHooks, MOBILE, seenBy, settled, watch, weightOf } from "../support/weigh.mjs";

const HOOKS = "/integration/hooks";
const RUNS = 5;
const ASKED = 300;
/** For how long after the page is awake shifts and long tasks still count. */
const LATER_MS = 5_000;

test.use({ portal: "figures", screenshot: "off" });

test("the figures of speed and weight", async ({ visitor, server, accounts, api }) => {
  await makeHooks(api, 50);
  const mobile = await several(() => view(visitor, MOBILE, { slow: true }));
  const desktop = await several(() => view(visitor, {}, {}));
  const answers = await timesToFirstByte(server, await accounts.cookies("administrator"));
  console.table(table(mobile, desktop, answers));
});

function table(mobile, desktop, answers) {
  const { weight, second } = desktop.at(-1);
  const of = (views, figure) => views.map((view) => view[figure]);
  const shifts = [...of(mobile, "shift"), ...of(desktop, "shift")];
  return [
    row("P1", "LCP, mobile profile", median(of(mobile, "largest")), 1200, "ms"),
    row("P2", "LCP, desktop", median(of(desktop, "largest")), 300, "ms"),
    row("P3", "CLS, load and a toggle", Math.max(...shifts), 0, ""),
    row("P4", "TBT, mobile profile", median(of(mobile, "blocking")), 100, "ms"),
    row("P5", "a toggle until the next paint, mobile", median(of(mobile, "toggle")), 100, "ms"),
    row("P6", "time to first byte, p95", at(answers, 0.95), 40, "ms"),
    row("P7", "HTML", weight.html / 1000, 30, "KB"),
    row("P8", "CSS", weight.css / 1000, 14, "KB"),
    row("P9", "JS", weight.js / 1000, 12, "KB"),
    row("P10", "WASM", weight.wasm / 1000, 110, "KB"),
    row("P11", "first view", weight.total / 1000, 180, "KB"),
    row("P11", "requests", weight.requests, 8, ""),
    row("P12", "elements", desktop[0].nodes, 1400, ""),
    row("P13", "second view", second.total / 1000, 35, "KB"),
  ];
}

/**
 * The page once, as a first-time visitor sees it: what it weighs, when it can be read,
 * what a toggle takes.
 */
async function view(visitor, options, profile) {
  const { context, page } = await visitor(options);
  const requests = await watch(page, profile);
  await page.goto(HOOKS);
  await awake(page);
  await page.waitForTimeout(LATER_MS);
  const weight = weightOf([...requests.values()]);
  const seen = await seenBy(page);
  // A real click: a shift that a user asked for is not unexpected.
  const painted = page.evaluate(untilPaintedAfterClick);
  await page.getByRole("switch").first().click();
  const toggle = await painted;
  await expect(page.getByRole("status").filter({ hasText: "Saved" })).toBeVisible();
  const { shift } = await seenBy(page);
  requests.clear();
  await page.goto("/integration/events");
  await settled(requests);
  const second = weightOf([...requests.values()]);
  await context.close();
  return { ...seen, shift, toggle, weight, second };
}

/** Runs in the page. */
function untilPaintedAfterClick() {
  return new Promise((done) => {
    const listen = () => {
      const begun = performance.now();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
    };
    addEventListener("click", listen, { once: true, capture: true });
  });
}

async function several(measure) {
  const results = [];
  for (let run = 0; run < RUNS; run += 1) results.push(await measure());
  return results;
}

async function timesToFirstByte(server, { cookies }) {
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const times = [];
  for (let asked = 0; asked < ASKED; asked += 1) {
    const begun = performance.now();
    const answer = await fetch(`${server.url}${HOOKS}`, {
      headers: { cookie, accept: "text/html" },
    });
    times.push(performance.now() - begun);
    await answer.text();
  }
  return times;
}

function at(values, part) {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1];
}

function median(values) {
  return at(values, 0.5);
}

function row(id, figure, value, budget, unit) {
  const measured = `${Number(value.toFixed(3))} ${unit}`;
  return { id, figure, measured, budget: `${budget} ${unit}`, kept: value <= budget };
}
