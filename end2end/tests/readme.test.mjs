// The README's "Your first delivery in five minutes", word by word: its commands and what it says to type and to click are read
// from it. Only what depends on the machine is replaced: the path of the binary, and the two ports.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { eventually } from "../support/eventually.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { startProgram } from "../support/program.mjs";
import { freePort, PASSWORD } from "../support/server.mjs";

const BINARY = "target/release/service-hooks";

test.use({ portal: "readme", role: "nobody" });

test("the README's five minutes end in deliveries that are seen", async ({ page, server }) => {
  const { steps, blocks } = await fiveMinutes();
  const binary = resolve(process.env.SERVICE_HOOKS_BIN);
  const port = await freePort();
  const local = (words) =>
    words.replaceAll(BINARY, binary).replaceAll("127.0.0.1:4000", `127.0.0.1:${port}`).replaceAll("http://127.0.0.1:3000", server.url);

  // Run it: "The first start prints a one-time link. Open it to create the administrator account."
  await page.goto(await eventually("the link is printed", () => server.said().match(/http\S+\/setup\?token=\S+/)?.[0]));
  await page.getByLabel("Name").fill("Ann");
  await page.getByLabel("Email").fill("ann@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();

  // 1. The test receiver.
  const [command, ...args] = local(blocks[0]).split(/\s+/);
  const listener = await startProgram(command, [...args, "--port", String(port)], server.environment, `http://127.0.0.1:${port}/`);
  try {
    // 2. The hook: the words in bold are clicked, those in code are typed.
    const [add, on, create] = bold(steps[1]);
    const [name, url, key] = code(steps[1]);
    const [event] = steps[1].match(/(?<=\s\*)[^*]+(?=\*)/);
    await page.goto("/");
    await page.getByRole("link", { name: add }).first().click();
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Event", { exact: true }).selectOption({ label: await labelOf(page, event) });
    await page.getByLabel("Callback URL").fill(local(url));
    await page.getByLabel("API key").fill(key);
    await page.getByRole("switch", { name: on }).check();
    await page.getByRole("button", { name: create }).click();
    await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();

    // 3. The test.
    await page.getByText(bold(steps[2])[0], { exact: true }).and(page.getByRole("button").or(page.getByRole("link"))).first().click();
    const shown = () => listener.said().match(/^work_item\.closed( \(test\))?  id \S+  key good/gm) ?? [];
    await eventually("the receiver prints the test", () => shown().length === 1);
    await expect(page.locator("main").getByText("200").first()).toBeVisible();

    // 4. The events: with the command line, then with curl.
    const said = await shell(blocks.slice(1).map(local).join("\n"), server.environment);
    await eventually("the receiver prints both events", () => shown().length === 3);
    expect(said, "the answer to curl").toContain('"deliveries":1');
    await page.goto("/integration/deliveries?state=delivered");
    await expect(page.getByRole("row").filter({ hasText: "My first hook" })).toHaveCount(3);
  } finally {
    await listener.stop();
  }
});

/** The numbered steps, as text without line breaks, and the code blocks with their lines joined. */
async function fiveMinutes() {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const [, section] = readme.match(/^## Your first delivery in five minutes\n(.*?)^## /ms);
  const steps = section.split(/^\d\. /m).slice(1).map((step) => step.replaceAll(/\s+/g, " "));
  const blocks = section.match(/(?:^ {4,}\S.*\n)+/gm).map((block) => block.replaceAll(/^ {4,8}/gm, "").trim());
  expect(steps.length).toBe(4);
  return { steps, blocks };
}

const bold = (step) => [...step.matchAll(/\*\*([^*]+)\*\*/g)].map(([, words]) => words);
const code = (step) => [...step.matchAll(/`([^`]+)`/g)].map(([, words]) => words);

/** The option of the list of events that begins with these words. */
async function labelOf(page, words) {
  const labels = await page.getByLabel("Event", { exact: true }).locator("option").allTextContents();
  return labels.find((label) => label.includes(words));
}

/** Runs commands as one types them, and returns what they print. */
async function shell(commands, env) {
  const child = spawn("bash", ["-euc", commands], { env, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (status !== 0) throw new Error(`${commands}\nended with ${status}: ${err}`);
  return out;
}
