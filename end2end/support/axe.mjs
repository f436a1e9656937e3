// axe-core in a page.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const source = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/**
 * Puts axe into the document that a page shows now. Returns a function that runs it, without the
 * rules in `but`.
 */
export async function axeIn(page, but = []) {
  // Not as a script of the page: its policy would not let one in.
  await page.evaluate(source);
  const options = {
    runOnly: TAGS,
    rules: Object.fromEntries(but.map((rule) => [rule, { enabled: false }])),
    resultTypes: ["violations", "incomplete"],
  };
  return () => page.evaluate(run, options);
}

/** Runs in the page. */
async function run(options) {
  const { violations, incomplete } = await window.axe.run(document, options);
  const short = (rules) =>
    rules.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => ({
        id,
        target: target.join(" "),
        failureSummary,
      })),
    );
  return { violations: short(violations), incomplete: short(incomplete) };
}
