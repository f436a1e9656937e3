// A portal as in use: hooks that work, fail, are off; deliveries of each outcome; names that are too long.

import { eventually } from "./eventually.mjs";

export const SAMPLE = `{"customerPhoneNumber":"+123456789","timeInQueue":12.5,"timestamp":"2022-03-08T07:39:47.6052457Z","queue":"Sales"}`;
const LONG_NAME = "Dialler audit with a rather long name that has to be wrapped somewhere";
const LONG_URL = "https://audit.northwind.example.com/v2/dial?room=first+floor&display=north-east";

/** Fills a fresh portal and returns what addresses need: the ids of a hook, of a delivery that worked, of one that did not. */
export async function fill(api, receiver) {
  const make = (name, event_type, callback_url, enabled) => api.createHook({ name, event_type, callback_url, enabled });
  const first = (filter) =>
    eventually(`there is a delivery: ${filter}`, async () => {
      const { items } = await api.call("GET", `/deliveries?${filter}`, 200);
      return items.find((delivery) => delivery.attempt_count > 0);
    });
  const hook = await make("CRM call-backs", "conversation.abandoned", `${receiver.origin}/queues/abandoned`, true);
  const { id: event } = await api.emit("conversation.abandoned", SAMPLE);
  const delivered = await first(`hook=${hook.id}&state=delivered`);
  await make(LONG_NAME, "outbound_call.initiated", LONG_URL, false);
  for (let count = 1; count <= 10; count += 1) {
    await make(`Archive ${count}`, "work_item.closed", `${receiver.origin}/archive/${count}`, count % 3 !== 0);
  }
  const failing = await make("Wallboard", "conversation.abandoned", `${receiver.origin}/wallboard`, true);
  receiver.status = 503;
  await api.emit("conversation.abandoned", SAMPLE);
  const failed = await first(`hook=${failing.id}`);
  receiver.status = 200;
  // A paused recovery: its page stays the same during the tests.
  const off = await make("Old archive", "outbound_call.initiated", `${receiver.origin}/old`, false);
  for (const agentID of ["a", "b"]) {
    await api.emit("outbound_call.initiated", JSON.stringify({ agentID, targetPhoneNumber: "+1", Timestamp: "2022-03-08T07:39:47Z" }));
  }
  const begun = { since: "2020-01-01T00:00:00Z", per_second: 1 };
  const job = await api.call("POST", `/hooks/${off.id}/recover`, 202, JSON.stringify(begun));
  await api.call("PATCH", `/jobs/${job.id}`, 200, JSON.stringify({ state: "paused" }));
  const deleted = await make("Old wallboard", "outbound_call.initiated", `${receiver.origin}/older`, false);
  await api.call("DELETE", `/hooks/${deleted.id}`, 204);
  return { deleted: deleted.id, job: job.id, hook: hook.id, delivery: delivered.id, failing: failing.id, failed: failed.id, event, key: "work_item.closed" };
}
