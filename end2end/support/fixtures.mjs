// What the tests share: a portal, a receiver, people who are signed in, and a record of what goes
// wrong in the browser.

import { test as base } from "@playwright/test";
import { Accounts } from "./accounts.mjs";
import { newVisitor, record } from "./browser.mjs";
import { startReceiver } from "./receiver.mjs";
import { fill } from "./scene.mjs";
import { sceneOf, startRealistic } from "./realistic.mjs";
import { startServer } from "./server.mjs";

export { expect } from "@playwright/test";

const PERMISSIONS = [
  "hooks:read",
  "hooks:write",
  "hooks:test",
  "events:emit",
  "deliveries:read",
  "deliveries:replay",
  "payloads:read",
];

const perWorker = {
  /** A name that only one file has gives that file a worker, and so a portal, of its own. */
  portal: ["", { scope: "worker", option: true }],
  /** Variables that the portal is started with. */
  settings: [{}, { scope: "worker", option: true }],
  /** The portal is the realistic one of `service-hooks demo`, with its people and its scene. */
  realistic: [false, { scope: "worker", option: true }],

  server: [
    async ({ settings, portal, realistic }, use) => {
      if (portal === "")
        throw new Error("A test file has to name its portal: test.use({ portal }).");
      const server = await (realistic ? startRealistic : startServer)(settings);
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  receiver: [
    async ({}, use) => {
      const receiver = await startReceiver();
      await use(receiver);
      await receiver.stop();
    },
    { scope: "worker" },
  ],

  /** The API, spoken by a program that may do everything. */
  api: [async ({ server }, use) => use(await server.api(...PERMISSIONS)), { scope: "worker" }],

  /** By role, an email or a name that its user has instead of the usual one. */
  people: [{}, { scope: "worker", option: true }],
  accounts: [
    async ({ browser, server, people }, use) => use(new Accounts(browser, server, people)),
    { scope: "worker" },
  ],

  /** A portal as in use: the ids of what is in it. */
  scene: [
    async ({ api, receiver, realistic }, use) =>
      use(realistic ? await sceneOf(api) : await fill(api, receiver)),
    { scope: "worker" },
  ],
};

const perTest = {
  /** The role of the signed-in user, or "nobody". */
  role: ["administrator", { option: true }],
  baseURL: async ({ server }, use) => use(server.url),
  storageState: async ({ accounts, role }, use) => use(await accounts.cookies(role)),

  /** What must not happen on any page of this test's visitors. */
  problems: async ({}, use) => use([]),
  context: async ({ context, problems, javaScriptEnabled }, use) => {
    await record(context, problems, javaScriptEnabled);
    await use(context);
  },

  /** Makes one more visitor, who leaves when the test ends. `options` are Playwright's. */
  visitor: async ({ browser, accounts, javaScriptEnabled }, use) => {
    const contexts = [];
    await use(async ({ role, ...options } = {}) => {
      const storageState =
        role === undefined ? {} : { storageState: await accounts.cookies(role) };
      const visitor = await newVisitor(browser, {
        javaScriptEnabled,
        ...storageState,
        ...options,
      });
      contexts.push(visitor.context);
      return visitor;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
};

export const test = base.extend({ ...perWorker, ...perTest });
