// axe-core in a page, put there through the debugger: a page's own policy would not let a script in.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const run = (rules) => `axe.run(document, { runOnly: ${JSON.stringify(TAGS)}, rules: ${JSON.stringify(rules)}, resultTypes: ["violations", "incomplete"] }).then((found) => {
  const short = (rules) => rules.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => ({ id, target: target.join(" "), failureSummary })));
  return { violations: short(found.violations), incomplete: short(found.incomplete) };
})`;

/** Puts axe into the document that a page shows now, and returns a function that runs it, without the rules in `but`. */
export async function axeIn(page, but = []) {
  const rules = Object.fromEntries(but.map((rule) => [rule, { enabled: false }]));
  const session = await page.context().newCDPSession(page);
  await evaluate(session, source);
  return () => evaluate(session, run(rules));
}

async function evaluate(session, expression) {
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}
