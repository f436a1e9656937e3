// A realistic installation, as `service-hooks demo` makes it: the server on it, its people, and what addresses need.

import { PASSWORD, startServer } from "./server.mjs";

/** No probe and no upkeep changes what pages show. */
const SETTINGS = { SERVICE_HOOKS_DELIVERY__FIRST_PROBE: "2h", SERVICE_HOOKS_DELIVERY__LONGEST_PROBE: "2h" };

/** Starts a server on a database that the demo has just filled. `people` has its users by role. */
export async function startRealistic(settings = {}) {
  let filled;
  const server = await startServer({ ...SETTINGS, ...settings }, async (server) => {
    filled = JSON.parse(await server.cli(["demo", "--password-stdin", "--json"], PASSWORD));
  });
  server.people = Object.fromEntries(filled.users.map(({ email, role }) => [role, { email, password: PASSWORD }]));
  server.filled = filled;
  return server;
}

/** The ids that the addresses of support/routes.mjs need. */
export async function sceneOf(api) {
  const hooks = await all(api, "/hooks?limit=200");
  const named = (name) => hooks.find((hook) => hook.name === name).id;
  const one = async (filter) => (await api.call("GET", `/deliveries?${filter}&limit=200`, 200)).items;
  const hook = named("CRM call-backs");
  const failing = named("Wallboard Berlin");
  const [delivered] = await one(`hook=${hook}&state=delivered`);
  const held = (await one(`hook=${failing}`)).find((delivery) => delivery.attempt_count > 0);
  const [cancelled] = await one("state=cancelled");
  const jobs = (await api.call("GET", "/jobs", 200)).items;
  return {
    hooks,
    jobs,
    hook,
    failing,
    delivery: delivered.id,
    failed: held.id,
    event: delivered.event_id,
    deleted: cancelled.hook_id,
    job: jobs[0].id,
    key: "work_item.closed",
  };
}

async function all(api, path) {
  const { items } = await api.call("GET", path, 200);
  return items;
}

/** One delivery of each state and kind of answer, as addresses. */
export async function deliveriesOfEachKind(api) {
  const addresses = [];
  for (const state of ["delivered", "waiting", "pending", "held", "failed", "skipped", "cancelled"]) {
    const { items } = await api.call("GET", `/deliveries?state=${state}&limit=200`, 200);
    const kinds = new Map(items.map((item) => [`${item.last_class ?? ""} ${Math.min(item.attempt_count, 3)}`, item]));
    for (const { id, hook_id } of kinds.values()) addresses.push(`/integration/hooks/${hook_id}/deliveries/${id}`);
  }
  return addresses;
}

/** Every page of the installation that support/routes.mjs has no line for: each hook, each kind of delivery, lists in their orders. */
export async function morePages(api, { hooks, jobs, event }) {
  const conditions = hooks.filter(({ name }) => !/^(hook|wallboard [kz])/i.test(name));
  return [
    ...["name", "condition", "created"].map((sort) => `/integration/hooks?sort=${sort}`),
    "/integration/hooks?q=wallboard",
    "/integration/hooks?q=nothing-like-this",
    ...conditions.map(({ id }) => `/integration/hooks/${id}`),
    ...hooks.slice(0, 6).map(({ id }) => `/integration/hooks/${id}/deliveries`),
    ...(await deliveriesOfEachKind(api)),
    ...jobs.map(({ id }) => `/integration/jobs/${id}`),
    `/integration/deliveries?event=${event}`,
    "/integration/deliveries?text=Störungen",
    ...["delivered", "open", "undelivered", "failed", "skipped", "waiting", "held", "pending", "test"].map((state) => `/integration/deliveries?state=${state}`),
    ...["conversation.abandoned", "outbound_call.initiated"].map((key) => `/integration/events/${key}`),
  ];
}
