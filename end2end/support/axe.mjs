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
  // A chart has 24 links side by side, narrower than 24 px. The table below it has the same links (WCAG 2.5.8, "Equivalent").
  const inTable = new Set([...document.querySelectorAll("table a")].map(({ href }) => href));
  const isElsewhere = ({ target }) => {
    const link = document.querySelector(target.at(-1));
    return link.closest(".slots-over") && inTable.has(link.href);
  };
  for (const rule of violations) {
    if (rule.id === "target-size") rule.nodes = rule.nodes.filter((node) => !isElsewhere(node));
  }
  // axe can't tell the colour behind a text that its cell cuts. The pairs of colours have a test of their own.
  const isCut = ({ target }) => {
    const element = document.querySelector(target.at(-1));
    const boxes = [element, element.parentElement];
    return element.closest("table.hooks") && boxes.some((box) => box.scrollWidth > box.clientWidth);
  };
  for (const rule of incomplete) {
    if (rule.id === "color-contrast") rule.nodes = rule.nodes.filter((node) => !isCut(node));
  }
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
