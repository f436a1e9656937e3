// Every page there is, in every state worth looking at: one line each. The matrix, the pictures and the sweeps go
// through this table; a page of src/tests/permissions.rs that is not in it fails a test.

import { readFile } from "node:fs/promises";
import { expect } from "@playwright/test";

const HOOKS = "/integration/hooks";

/**
 * `name` is the picture's. `route` is the pattern as the server lists it; its `{id}`, `{delivery}` and `{key}` come from
 * the scene unless `address` says otherwise. `as`: a role (an administrator unless said), or nobody. `empty`: worth
 * looking at in a portal without hooks too. `act`: what to do there to reach the state. `status`: of the page, if not 200.
 */
export const ROUTES = [
  { name: "sign-in", route: "/sign-in", as: "nobody", empty: true },
  { name: "sign-in-errors", route: "/sign-in", as: "nobody", act: submitted("Sign in") },
  { name: "setup-gone", route: "/setup", as: "nobody", status: 404 },
  { name: "hooks", route: HOOKS, empty: true },
  { name: "hooks-auditor", route: HOOKS, as: "auditor", empty: true },
  { name: "forbidden", route: HOOKS, as: "agent", status: 403 },
  { name: "new", route: `${HOOKS}/new`, empty: true },
  { name: "new-errors", route: `${HOOKS}/new`, act: submitted("Create hook") },
  { name: "new-doubted", route: `${HOOKS}/new`, act: submitted("Create hook", { "Callback URL": "http://127.0.0.1:19999/in" }) },
  { name: "hook", route: `${HOOKS}/{id}` },
  { name: "hook-deleted", route: `${HOOKS}/{id}`, address: (scene) => `${HOOKS}/${scene.deleted}`, status: 410 },
  { name: "hook-failing", route: `${HOOKS}/{id}`, address: (scene) => `${HOOKS}/${scene.failing}` },
  { name: "hook-auditor", route: `${HOOKS}/{id}`, as: "auditor" },
  { name: "settings", route: `${HOOKS}/{id}/settings` },
  { name: "test", route: `${HOOKS}/{id}/test` },
  { name: "test-masked", route: `${HOOKS}/{id}/test`, address: (scene) => `${HOOKS}/${scene.hook}/test?sample=last` },
  { name: "test-differs", route: `${HOOKS}/{id}/test`, act: typed("{}", "Check") },
  { name: "test-not-json", route: `${HOOKS}/{id}/test`, act: typed("{", "Send test") },
  { name: "delete", route: `${HOOKS}/{id}/delete` },
  { name: "delivery", route: `${HOOKS}/{id}/deliveries/{delivery}` },
  { name: "delivery-failing", route: `${HOOKS}/{id}/deliveries/{delivery}`, address: (scene) => `${HOOKS}/${scene.failing}/deliveries/${scene.failed}` },
  { name: "deliveries", route: "/integration/deliveries", empty: true },
  { name: "deliveries-filtered", route: "/integration/deliveries", address: () => "/integration/deliveries?state=open&answer=5xx&from=2020-01-01T00:00:00Z" },
  { name: "deliveries-none", route: "/integration/deliveries", address: () => "/integration/deliveries?state=cancelled" },
  { name: "deliveries-errors", route: "/integration/deliveries", address: () => "/integration/deliveries?event=x&from=soon" },
  { name: "deliveries-auditor", route: "/integration/deliveries", as: "auditor" },
  { name: "hook-deliveries", route: `${HOOKS}/{id}/deliveries` },
  { name: "redeliver", route: `${HOOKS}/{id}/deliveries/{delivery}/redeliver` },
  { name: "redeliver-refused", route: `${HOOKS}/{id}/deliveries/{delivery}/redeliver`, address: (scene) => `${HOOKS}/${scene.failing}/deliveries/${scene.failed}/redeliver` },
  { name: "redeliver-selected", route: "/integration/deliveries/redeliver", address: (scene) => `/integration/deliveries/redeliver?id=${scene.delivery}&id=${scene.failed}` },
  { name: "recover", route: `${HOOKS}/{id}/recover` },
  { name: "recover-counted", route: `${HOOKS}/{id}/recover`, address: (scene) => `${HOOKS}/${scene.hook}/recover?since=24h&delivered=true&pace=5` },
  { name: "recover-errors", route: `${HOOKS}/{id}/recover`, address: (scene) => `${HOOKS}/${scene.hook}/recover?since=exact&from=soon&pace=x` },
  { name: "recover-all", route: "/integration/deliveries/recover" },
  { name: "undelivered", route: "/integration/undelivered", empty: true },
  { name: "dismiss", route: `${HOOKS}/{id}/dismiss`, address: (scene) => `${HOOKS}/${scene.failing}/dismiss?state=failed` },
  { name: "dismissed", route: "/integration/dismissed", empty: true },
  { name: "jobs", route: "/integration/jobs", empty: true },
  { name: "job", route: "/integration/jobs/{id}", address: (scene) => `/integration/jobs/${scene.job}` },
  { name: "delivery-auditor", route: `${HOOKS}/{id}/deliveries/{delivery}`, as: "auditor" },
  { name: "events", route: "/integration/events", empty: true },
  { name: "event", route: "/integration/events/{key}", empty: true },
  { name: "event-java", route: "/integration/events/{key}", address: (scene) => `/integration/events/conversation.abandoned?lang=java&hook=${scene.hook}#field-queue` },
  { name: "status", route: "/status", empty: true },
  { name: "account", route: "/account", empty: true },
  { name: "account-agent", route: "/account", as: "agent" },
  { name: "search", route: "/search", address: () => "/search?q=e", empty: true },
  { name: "search-nothing", route: "/search", address: () => "/search?q=nothing+has+this+name" },
  { name: "search-agent", route: "/search", as: "agent" },
  { name: "shortcuts", route: "/shortcuts" },
  { name: "resume-gone", route: "/resume" },
  { name: "styleguide", route: "/styleguide", empty: true },
  { name: "not-found", route: "/integration/nothing", status: 404 },
];

/** The role of the user; "nobody" is not signed in. */
export const ROLES = [...new Set(ROUTES.map(({ as }) => as ?? "administrator"))];

/** The entries that are looked at as this role. */
export function routesOf(role, entries = ROUTES) {
  return entries.filter(({ as }) => (as ?? "administrator") === role);
}

export function addressOf({ route, address }, scene) {
  if (address) return address(scene);
  return route.replace("{id}", scene.hook).replace("{delivery}", scene.delivery).replace("{key}", scene.key ?? "work_item.closed");
}

/** Goes to a page in a state. Returns the address and the answer, and what it did was seen to happen. */
export async function visit(page, entry, scene) {
  const address = addressOf(entry, scene);
  const answer = await page.goto(address);
  if (entry.act) await entry.act(page);
  return { address, answer };
}

/** The pages that the server's own table lists, but for files. */
export async function listedPages() {
  const source = await readFile(new URL("../../src/tests/permissions.rs", import.meta.url), "utf8");
  const tables = [...source.matchAll(/const (?:PAGES|SIGNED_IN): [^=]+= &\[(.*?)\n?\];/gs)];
  if (tables.length !== 2) throw new Error("src/tests/permissions.rs no longer lists PAGES and SIGNED_IN as this reads them");
  const paths = tables.flatMap(([, table]) => [...table.matchAll(/"(\/[^"]*)"/g)]).map(([, path]) => path);
  return paths.filter((path) => !/\.[a-z]+$/.test(path));
}

/** Presses the button of a form that lacks everything but what is filled in, and waits for its page of errors. */
function submitted(button, filled = {}) {
  return async (page) => {
    for (const [label, value] of Object.entries(filled)) await page.getByLabel(label).fill(value);
    await page.getByRole("button", { name: button, exact: true }).click();
    await expect(page.getByRole("alert")).toBeVisible();
  };
}

/** Types a body, presses a button, and waits for what is said about it. */
function typed(body, button) {
  return async (page) => {
    await page.getByRole("textbox", { name: "Payload" }).fill(body);
    await page.getByRole("button", { name: button, exact: true }).click();
    await expect(page.getByRole("alert").first()).toBeVisible();
  };
}
