// The people of a portal, each made when first asked for, and signed in once.

import { fillSignIn } from "./browser.mjs";
import { PATIENCE_MS } from "./eventually.mjs";

export class Accounts {
  #browser;
  #server;
  #people;
  #users = new Map();
  #cookies = new Map();

  constructor(browser, server, people) {
    this.#browser = browser;
    this.#server = server;
    this.#people = people;
  }

  /** The user of a role. */
  user(role) {
    const known = this.#server.people?.[role];
    if (!this.#users.has(role))
      this.#users.set(role, known ?? this.#server.user(role, this.#people[role]));
    return this.#users.get(role);
  }

  /** What the browser of a signed-in user remembers, as `storageState`; of "nobody", nothing. */
  cookies(role) {
    if (role === "nobody") return undefined;
    if (!this.#cookies.has(role)) this.#cookies.set(role, this.#signIn(role));
    return this.#cookies.get(role);
  }

  async #signIn(role) {
    const user = await this.user(role);
    // The test's own options must not count here.
    const context = await this.#browser.newContext({
      baseURL: this.#server.url,
      storageState: undefined,
      javaScriptEnabled: true,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    await page.goto("/integration/hooks");
    await fillSignIn(page, user);
    await page.waitForURL("**/integration/hooks");
    const storageState = await context.storageState();
    await context.close();
    return storageState;
  }
}
