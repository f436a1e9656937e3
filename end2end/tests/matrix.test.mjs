// Every page in every state, light and dark, on three widths: axe finds nothing, the structure is sound, nothing scrolls
// sideways, targets can be hit, the policy is kept and the console is silent. Then the same HTML as a browser without
// scripts gets it.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { axeIn } from "../support/axe.mjs";
import { awake, cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { listedPages, ROLES, ROUTES, visit } from "../support/routes.mjs";
import { fill } from "../support/scene.mjs";
import { startServer } from "../support/server.mjs";
import { clipped, crowded, namelessOrAmbiguous, structure } from "../support/inspect.mjs";

const WIDTHS = [1280, 768, 320];
const SCHEMES = ["light", "dark"];
/** What axe cannot decide by itself, looked at by a person: rule, how it says so, and (as comment) why it is right. */
const REVIEWED = [
  // Signs such as ▾ and ✓ beside the words that say the same, in the colour of those words.
  ["color-contrast", "Element content contains only non-text characters"],
  // Rows that a region scrolls, and words that are there for a reader's ear only. What is covered in truth is caught by
  // the walk with Tab, which asks what lies at the middle of every stop.
  ["color-contrast", "partially obscured by another element"],
  ["link-in-text-block", "because of element overlap"],
  // ⋯ on a button that is named in words.
  ["label-content-name-mismatch", "Unable to determine if the visible text"],
];

describe("the matrix of pages", () => {
  let server, receiver, browser, cookies;

  before(async () => {
    server = await startServer();
    receiver = await startReceiver();
    browser = await launchBrowser();
    cookies = { nobody: undefined };
    for (const role of ROLES) cookies[role] = await cookiesOf(browser, server, await server.user(role));
  });

  after(async () => {
    await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
  });

  it("has a line for every page the server has", async () => {
    const shown = new Set(ROUTES.map(({ route }) => route));
    assert.deepEqual((await listedPages()).filter((page) => !shown.has(page)), []);
  });

  for (const colorScheme of SCHEMES) {
    it(`empty, ${colorScheme}`, () => look(ROUTES.filter(({ empty }) => empty), {}, { colorScheme }));
  }

  describe("in use", () => {
    let scene;
    before(async () => {
      scene = await fill(server, receiver);
    });

    for (const colorScheme of SCHEMES) {
      it(`full and in error, ${colorScheme}`, () => look(ROUTES, scene, { colorScheme }));
    }
    it("in forced colours", () => look(ROUTES, scene, { forcedColors: "active" }, [1280]));
    it("with more contrast", () => look(ROUTES, scene, { contrast: "more" }, [320]));
    it("as the HTML that a browser without scripts gets", () => look(ROUTES, scene, { withoutScripts: true }, [768]));
  });

  /** Visits the pages of the table, role by role, and asserts all that holds for every page. */
  async function look(entries, scene, { withoutScripts, ...options }, widths = WIDTHS) {
    // The colours are the reader's own then; axe computes with ours.
    const inForcedColors = options.forcedColors === "active";
    const faults = new Map();
    for (const role of ["nobody", ...ROLES]) {
      const mine = entries.filter(({ as }) => (as ?? "administrator") === role);
      if (mine.length === 0) continue;
      const visitor = await newVisitor(browser, server, { storageState: cookies[role], ...options });
      if (withoutScripts) await removeScripts(visitor.context);
      for (const entry of mine) {
        const found = await inspect(visitor, entry, scene, widths, inForcedColors);
        for (const fault of found) faults.set(fault, [...(faults.get(fault) ?? []), entry.name]);
      }
      await visitor.context.close();
    }
    const report = [...faults].map(([fault, pages]) => `${pages.join(", ")}: ${fault}`);
    assert.equal(report.length, 0, `${report.length} faults:\n${report.join("\n")}`);
  }

  async function inspect({ page, problems }, entry, scene, widths, inForcedColors) {
    const faults = [];
    await page.setViewportSize({ width: widths[0], height: 800 });
    const { answer, address } = await visit(page, entry, scene);
    if (!entry.act) assert.equal(answer.status(), entry.status ?? 200, address);
    if ((await page.locator("leptos-island").count()) > 0 && (await page.locator("script").count()) > 0) await awake(page);
    faults.push(...(await structure(page)), ...(await namelessOrAmbiguous(page)));
    const run = await axeIn(page, inForcedColors ? ["color-contrast"] : []);
    for (const width of widths) {
      await page.setViewportSize({ width, height: 800 });
      const { violations, incomplete } = await run();
      const isReviewed = ({ id, failureSummary }) => REVIEWED.some(([rule, words]) => id === rule && failureSummary.includes(words));
      faults.push(...violations.map((fault) => `${width}: ${words(fault)}`));
      faults.push(...incomplete.filter((fault) => !isReviewed(fault)).map((fault) => `${width}: to be reviewed: ${words(fault)}`));
      faults.push(...(await crowded(page)).map((fault) => `${width}: ${fault}`));
      if (width === 320) faults.push(...(await clipped(page)).map((fault) => `320: ${fault}`));
    }
    // A page that says 403, 404 or 410 is reported by the browser as one.
    const told = problems.splice(0).filter((problem) => !(entry.status && /Failed to load resource.*status of 4(0[34]|10)/.test(problem)));
    return [...faults, ...told];
  }
});

function words({ id, target, failureSummary }) {
  return `${id}: ${target}: ${failureSummary.split("\n").map((line) => line.trim()).slice(1).join("; ")}`;
}

/** Every page arrives as a browser without scripts has it: what scripts would do is not done. */
async function removeScripts(context) {
  await context.route("**/*", async (route) => {
    if (route.request().resourceType() !== "document") return route.continue();
    const response = await route.fetch({ maxRedirects: 0 });
    const body = (await response.text()).replaceAll(/<script\b.*?<\/script>/gs, "");
    await route.fulfill({ response, body });
  });
}
