// Hooks in every condition there is, with the longest names that are allowed: one that can be wrapped and one that cannot.

import { eventually } from "./eventually.mjs";
import { SAMPLE } from "./scene.mjs";

/** Settings under which a few events bring a hook into its condition, and nothing is tried again meanwhile. */
export const SETTINGS = { SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE: '["6h"]', SERVICE_HOOKS_DELIVERY__PAUSE_AFTER: "3" };

/** A hundred characters, the most that a name may have; each with an event of its own. */
const NAMES = [
  { name: `${"A name with many words in it ".repeat(4).slice(0, 99)}x`, event: "conversation.abandoned", data: SAMPLE },
  { name: "W".repeat(100), event: "outbound_call.initiated", data: `{"agentID":"a","targetPhoneNumber":"+1","Timestamp":"2022-03-08T07:39:47Z"}` },
];
/** How often each is called, what it answers, and how its health ends. The last is called no more. */
const CONDITIONS = [
  { path: "healthy", events: 1, status: 200, state: "healthy" },
  { path: "gone", events: 1, status: 410, state: "off" },
  { path: "paused", events: 4, status: 500, state: "paused" },
  { path: "degraded", events: 1, status: 503, state: "degraded" },
];

/** Fills a portal that was started with `SETTINGS`. Returns what addresses need: the ids of a hook that works and of one that does not. */
export async function crowd(api, receiver) {
  receiver.statusOf = (url) => CONDITIONS.find(({ path }) => path === url.split("/")[1])?.status;
  const ids = {};
  for (const { name, event, data } of NAMES) {
    const make = (path, enabled) =>
      api.createHook({ name, event_type: event, callback_url: `${receiver.origin}/${path}/${"long".repeat(40)}`, enabled });
    await make("off", false);
    const deleted = await make("healthy", true);
    await api.emit(event, data);
    await eventually("it is delivered", async () => (await api.call("GET", `/deliveries?hook=${deleted.id}&state=delivered`, 200)).items.length > 0);
    await api.call("DELETE", `/hooks/${deleted.id}`, 204);
    for (const { path, events, state } of CONDITIONS) {
      const { id } = await make(path, true);
      for (let count = 1; count <= events; count += 1) await api.emit(event, data);
      await eventually(`${path} is ${state}`, async () => {
        const tried = (await api.call("GET", `/deliveries?hook=${id}`, 200)).items.some(({ attempt_count: count }) => count > 0);
        return tried && (await api.call("GET", `/hooks/${id}`, 200)).health.state === state;
      });
      ids[path] ??= id;
    }
  }
  const newest = async (id) => (await api.call("GET", `/deliveries?hook=${id}`, 200)).items[0].id;
  return { hook: ids.healthy, failing: ids.gone, delivery: await newest(ids.healthy), failed: await newest(ids.gone), key: NAMES[0].event };
}
