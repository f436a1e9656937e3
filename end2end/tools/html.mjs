// The W3C checker (vnu) on every page of a realistic installation, as the server sends it. scripts/html runs it.
// What Leptos writes between nodes to find them again is left out: comments such as <!>, and its own elements around islands.

import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "../support/fixtures.mjs";
import { morePages } from "../support/realistic.mjs";
import { addressOf, ROUTES } from "../support/routes.mjs";

/** What may stay, and why. */
const KNOWN = [
  // Leptos' own marks.
  /^Bogus comment/,
  /leptos-(island|children)/,
  // The checker knows role=switch on type=button only; ARIA in HTML allows it on every button, and ours submits a form.
  /^Bad value “submit” for attribute “type” on element “button”/,
  // What somebody typed into the address: it is kept, and marked as wrong beside the field.
  /^Bad value “(soon|x)” for attribute “value” on element “input”/,
  // The style guide shows several notices, each of which would be alone on its page.
  /both have the “autofocus” attribute/,
];

test.use({ portal: "html", realistic: true, screenshot: "off" });

test("every page is valid HTML", async ({ visitor, api, scene }) => {
  const jar = process.env.VNU_JAR;
  if (!jar) throw new Error("Run scripts/html: it gets the checker.");
  const folder = await mkdtemp(join(tmpdir(), "service-hooks-html-"));
  const addresses = new Map();
  const keep = async (role, address) => {
    if ([...addresses.values()].includes(`${role} ${address}`)) return;
    const { context } = await open(role);
    const answer = await context.request.get(address, { headers: { accept: "text/html" } });
    const file = `${addresses.size}.html`;
    await writeFile(join(folder, file), await answer.text());
    addresses.set(file, `${role} ${address}`);
  };
  const visitors = new Map();
  const open = async (role) => {
    if (!visitors.has(role)) visitors.set(role, await visitor({ role }));
    return visitors.get(role);
  };
  for (const entry of ROUTES) await keep(entry.as ?? "administrator", addressOf(entry, scene));
  for (const address of await morePages(api, scene)) await keep("administrator", address);
  const run = spawnSync("java", ["-jar", jar, "--format", "json", folder], { encoding: "utf8", maxBuffer: 1 << 28 });
  await rm(folder, { recursive: true });
  const { messages } = JSON.parse(run.stderr);
  const found = new Map();
  for (const { type, subType, message, extract, url } of messages) {
    if (type === "info" && subType !== "warning") continue;
    if (KNOWN.some((known) => known.test(message))) continue;
    const address = addresses.get(url.split("/").at(-1));
    const before = found.get(message) ?? { pages: new Set(), extract };
    before.pages.add(address);
    found.set(message, before);
  }
  const lines = [...found].map(([message, { pages, extract }]) => `${message}\n    ${pages.size} pages, such as ${[...pages][0]}\n    ${extract?.replaceAll(/\s+/g, " ")}`);
  console.log(`${addresses.size} pages, ${lines.length} kinds of faults`);
  expect(lines.length, lines.join("\n")).toBe(0);
});
