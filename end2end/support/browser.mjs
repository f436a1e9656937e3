// Chromium as a person uses it, and a record of everything that goes wrong in it.

import { expect } from "@playwright/test";

/**
 * A visitor of their own: new cookies, empty cache. `options` are Playwright's; the test's apply
 * where they are silent. `problems` gathers what must not happen on any page of this context.
 */
export async function newVisitor(browser, options = {}) {
  const context = await browser.newContext(options);
  const problems = [];
  await record(context, problems, options.javaScriptEnabled !== false);
  return { context, problems, page: await context.newPage() };
}

/** Writes down in `problems` what goes wrong on the pages of a context. */
export async function record(context, problems, hasScripts) {
  if (hasScripts) await recordPolicyViolations(context, problems);
  context.on("page", (page) => {
    page.on("pageerror", (error) => {
      if (!isCutTransition(error)) problems.push(`page error: ${error.stack}`);
    });
    page.on("console", (message) => {
      if (message.type() !== "error") return;
      problems.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("requestfailed", (request) => {
      const { errorText } = request.failure();
      // Not a fault: the browser gave up a request because the page was left, or made it a
      // download.
      if (errorText === "net::ERR_ABORTED") return;
      problems.push(`request failed: ${request.url()}: ${errorText}`);
    });
    page.on("dialog", async (dialog) => {
      problems.push(`dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
  });
}

async function recordPolicyViolations(context, problems) {
  const note = (violation) => problems.push(`policy violation: ${violation}`);
  await context.exposeFunction("recordViolation", note);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const { violatedDirective, blockedURI, sourceFile } = event;
      window.recordViolation(`${violatedDirective} by ${blockedURI} at ${sourceFile}`);
    });
  });
}

/** Signs in on the page that asks for it, wherever that page leads afterwards. */
export async function fillSignIn(page, { email, password }) {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** The browser reports a transition between pages that another navigation cut short. */
export const isCutTransition = (error) => /^Transition was (aborted|skipped)/.test(error.message);

/** Until the page's islands can be used. */
export async function awake(page) {
  await expect(page.locator("html[data-awake]")).toBeAttached();
}

/** Until the page is as it stays: awake, if there is an island in it. */
export async function ready(page) {
  if ((await page.locator("leptos-island").count()) > 0) await awake(page);
}
