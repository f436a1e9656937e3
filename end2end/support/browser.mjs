// Chromium as a person uses it, and a record of everything that goes wrong in it.

import { chromium } from "playwright-core";
import { PATIENCE_MS } from "./eventually.mjs";

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launchBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
}

/**
 * A visitor of their own: new cookies, empty cache. `options` are Playwright's, such as `javaScriptEnabled`.
 * `problems` gathers what must not happen on any page of this context.
 */
export async function newVisitor(browser, server, options = {}) {
  const context = await browser.newContext({ baseURL: server.url, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const problems = await recordProblems(context, options.javaScriptEnabled !== false);
  return { context, problems, page: await context.newPage() };
}

async function recordProblems(context, hasScripts) {
  const problems = [];
  if (hasScripts) await recordPolicyViolations(context, problems);
  context.on("page", (page) => {
    page.on("pageerror", (error) => problems.push(`page error: ${error.stack}`));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("requestfailed", (request) => {
      const { errorText } = request.failure();
      // Not a fault: the browser gave up a request because the page was left, or made it a download.
      if (errorText !== "net::ERR_ABORTED") problems.push(`request failed: ${request.url()}: ${errorText}`);
    });
    page.on("dialog", async (dialog) => {
      problems.push(`dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
  });
  return problems;
}

async function recordPolicyViolations(context, problems) {
  await context.exposeFunction("recordViolation", (violation) => problems.push(`policy violation: ${violation}`));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.recordViolation(`${event.violatedDirective} by ${event.blockedURI} at ${event.sourceFile}`);
    });
  });
}

/** Signs in on the page that asks for it, wherever that page leads afterwards. */
export async function fillSignIn(page, email, password) {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** A visitor who is signed in and looks at the hooks. */
export async function signedIn(browser, server, user, options = {}) {
  const visitor = await newVisitor(browser, server, options);
  await visitor.page.goto("/integration/hooks");
  await fillSignIn(visitor.page, user.email, user.password);
  await visitor.page.waitForURL("**/integration/hooks");
  return visitor;
}

/** What a signed-in browser remembers, for `newVisitor`'s `storageState`: signing in once is enough for a file. */
export async function cookiesOf(browser, server, user) {
  const { context } = await signedIn(browser, server, user);
  const storageState = await context.storageState();
  await context.close();
  return storageState;
}

/** Until the page's islands can be used; without scripts there is nothing to wait for. */
export async function awake(page) {
  await page.locator("html[data-awake]").waitFor({ state: "attached" });
}
