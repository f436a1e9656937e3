// Lighthouse on every page of a realistic installation, desktop and mobile, as a table. On a release build, and an idle machine:
//   SERVICE_HOOKS_BIN=$PWD/target/release/service-hooks npm --prefix end2end run lighthouse [-- -g desktop]
// It is not in package.json: it is large, and nothing else needs it. The first run installs it into target/tools.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import { expect, test } from "../support/fixtures.mjs";
import { addressOf, ROUTES } from "../support/routes.mjs";
import { freePort } from "../support/server.mjs";

const VERSION = "13.5.0";
const FOLDER = fileURLToPath(new URL("../../target/tools/lighthouse/", import.meta.url));
const LEAST = { desktop: 98, mobile: 95 };
const LONGEST_LCP_MS = 1200;
const LONGEST_TBT_MS = 100;
/** Lighthouse's own settings for a desktop (its `desktop-config.js`). */
const DESKTOP = {
  formFactor: "desktop",
  screenEmulation: { mobile: false, width: 1350, height: 940, deviceScaleFactor: 1, disabled: false },
  throttling: { rttMs: 40, throughputKbps: 10240, cpuSlowdownMultiplier: 1, requestLatencyMs: 0, downloadThroughputKbps: 0, uploadThroughputKbps: 0 },
};

test.use({ portal: "lighthouse", realistic: true, screenshot: "off" });

for (const form of ["desktop", "mobile"]) {
  test(form, async ({ server, accounts, scene }) => {
    const lighthouse = await load();
    const { cookies } = await accounts.cookies("administrator");
    const Cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    const port = await freePort();
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [`--remote-debugging-port=${port}`, "--disable-gpu"],
    });
    const rows = {};
    const faults = new Set();
    const entries = ROUTES.filter(({ act, as, status }) => !act && !status && (as ?? "nobody") === "nobody");
    for (const entry of entries) {
      const options = {
        port,
        output: "json",
        logLevel: "error",
        extraHeaders: entry.as === "nobody" ? {} : { Cookie },
        onlyCategories: ["performance", "accessibility", "best-practices"],
        ...(form === "desktop" ? DESKTOP : {}),
      };
      const { lhr } = await lighthouse(`${server.url}${addressOf(entry, scene)}`, options);
      // A measurement that failed, as on a busy machine, says so instead of giving figures.
      if (lhr.runtimeError) throw new Error(`${entry.name}: ${lhr.runtimeError.message}`);
      rows[entry.name] = rowOf(lhr);
      console.log(form, entry.name, JSON.stringify(rows[entry.name]));
      for (const fault of faultsOf(lhr)) faults.add(`${entry.name}: ${fault}`);
    }
    await browser.close();
    console.table(rows);
    console.log([...faults].join("\n"));
    const slow = Object.entries(rows).filter(([, row]) => row.performance < LEAST[form]);
    expect(slow.map(([name]) => name), "slower than wanted").toEqual([]);
    const late = Object.entries(rows).filter(([, row]) => form === "desktop" && (row.lcp > LONGEST_LCP_MS || row.tbt > LONGEST_TBT_MS));
    expect(late.map(([name]) => name), "shown or ready later than wanted").toEqual([]);
    const imperfect = Object.entries(rows).filter(([, row]) => row.accessibility < 100 || row.practices < 100);
    expect(imperfect.map(([name]) => name), "not accessible, or against best practices").toEqual([]);
  });
}

function rowOf({ categories, audits }) {
  const score = (name) => Math.round(categories[name].score * 100);
  const value = (name) => Math.round(audits[name].numericValue);
  return {
    performance: score("performance"),
    accessibility: score("accessibility"),
    practices: score("best-practices"),
    lcp: value("largest-contentful-paint"),
    tbt: value("total-blocking-time"),
    cls: Number(audits["cumulative-layout-shift"].numericValue?.toFixed(3)),
  };
}

/** What keeps accessibility and best practices from 100. */
function faultsOf({ categories, audits }) {
  const refs = ["accessibility", "best-practices"].flatMap((name) => categories[name].auditRefs);
  const bad = refs.filter(({ id, weight }) => weight > 0 && audits[id].score !== null && audits[id].score < 1);
  return bad.map(({ id }) => `${id}: ${audits[id].title} ${JSON.stringify(audits[id].details?.items?.slice(0, 2) ?? []).slice(0, 300)}`);
}

async function load() {
  const entry = `${FOLDER}node_modules/lighthouse/core/index.js`;
  if (!existsSync(entry)) {
    execFileSync("npm", ["install", "--silent", "--no-save", "--ignore-scripts", "--prefix", FOLDER, `lighthouse@${VERSION}`], { stdio: "inherit" });
  }
  return (await import(entry)).default;
}
