// Every page in every state, light and dark, on three widths: axe finds nothing, the structure is
// sound, nothing scrolls sideways, targets can be hit, the policy is kept and the console is
// silent. Then the same HTML as a browser without scripts gets it.

import { axeIn } from "../support/axe.mjs";
import { ready } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { clipped, crowded, namelessOrAmbiguous, structure } from "../support/inspect.mjs";
import { listedPages, ROLES, ROUTES, routesOf, visit } from "../support/routes.mjs";

const WIDTHS = [1280, 768, 320];
const SCHEMES = ["light", "dark"];
/**
 * What axe cannot decide by itself, looked at by a person: rule, how it says so, and (as comment)
 * why it is right.
 */
const REVIEWED = [
  // Signs such as ✓ beside the words that say the same, in the colour of those words.
  ["color-contrast", "Element content contains only non-text characters"],
  // Rows that a region scrolls, and words that are there for a reader's ear only. What is covered
  // in truth is caught by the walk with Tab, which asks what lies at the middle of every stop.
  ["color-contrast", "partially obscured by another element"],
  ["link-in-text-block", "because of element overlap"],
  // ⋯ on a button that is named in words.
  ["label-content-name-mismatch", "Unable to determine if the visible text"],
];

test.use({ portal: "matrix", trace: "off" });

test.describe("the matrix of pages", () => {
  test("has a line for every page the server has", async () => {
    const shown = new Set(ROUTES.map(({ route }) => route));
    // An export is a file.
    const isPage = (path) => !path.endsWith("/export");
    expect((await listedPages()).filter((path) => isPage(path) && !shown.has(path))).toEqual([]);
  });

  // First, while the portal is empty: the others fill it.
  for (const colorScheme of SCHEMES) {
    test(`empty, ${colorScheme}`, async ({ visitor }) => {
      await look(
        visitor,
        ROUTES.filter(({ empty }) => empty),
        {},
        { colorScheme },
      );
    });
  }

  for (const colorScheme of SCHEMES) {
    test(`full and in error, ${colorScheme}`, async ({ visitor, scene }) => {
      await look(visitor, ROUTES, scene, { colorScheme });
    });
  }

  test("in forced colours", async ({ visitor, scene }) => {
    await look(visitor, ROUTES, scene, { forcedColors: "active" }, [1280]);
  });

  test("with more contrast", async ({ visitor, scene }) => {
    await look(visitor, ROUTES, scene, { contrast: "more" }, [320]);
  });

  test("as the HTML that a browser without scripts gets", async ({ visitor, scene }) => {
    await look(visitor, ROUTES, scene, { withoutScripts: true }, [768]);
  });
});

/** Visits the pages of the table, role by role, and expects all that holds for every page. */
async function look(visitor, entries, scene, { withoutScripts, ...options }, widths = WIDTHS) {
  // The colours are the reader's own then; axe computes with ours.
  const but = options.forcedColors === "active" ? ["color-contrast"] : [];
  const faults = new Map();
  for (const role of ROLES) {
    const mine = routesOf(role, entries);
    if (mine.length === 0) continue;
    const visiting = await visitor({ role, ...options });
    if (withoutScripts) await removeScripts(visiting.context);
    for (const entry of mine) {
      for (const fault of await inspect(visiting, entry, scene, widths, but)) {
        faults.set(fault, [...(faults.get(fault) ?? []), entry.name]);
      }
    }
    await visiting.context.close();
  }
  const report = [...faults].map(([fault, pages]) => `${pages.join(", ")}: ${fault}`);
  expect(report.length, `${report.length} faults:\n${report.join("\n")}`).toBe(0);
}

/** The faults of one page in one state. */
async function inspect({ page, problems }, entry, scene, widths, but) {
  await page.setViewportSize({ width: widths[0], height: 800 });
  const { answer, address } = await visit(page, entry, scene);
  if (!entry.act) expect(answer.status(), address).toBe(entry.status ?? 200);
  if ((await page.locator("script").count()) > 0) await ready(page);
  const faults = [...(await structure(page)), ...(await namelessOrAmbiguous(page))];
  const run = await axeIn(page, but);
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    const { violations, incomplete } = await run();
    const found = violations.map(words);
    found.push(
      ...incomplete
        .filter((fault) => !isReviewed(fault))
        .map((fault) => `to be reviewed: ${words(fault)}`),
    );
    found.push(...(await crowded(page)));
    if (width === 320) found.push(...(await clipped(page)));
    faults.push(...found.map((fault) => `${width}: ${fault}`));
  }
  // A page that says 403, 404 or 410 is reported by the browser as one.
  const isTold = (problem) =>
    entry.status && /Failed to load resource.*status of 4(0[34]|10)/.test(problem);
  return [...faults, ...problems.splice(0).filter((problem) => !isTold(problem))];
}

function isReviewed({ id, failureSummary }) {
  return REVIEWED.some(([rule, words]) => id === rule && failureSummary.includes(words));
}

function words({ id, target, failureSummary }) {
  return `${id}: ${target}: ${failureSummary
    .split("\n")
    .map((line) => line.trim())
    .slice(1)
    .join("; ")}`;
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
