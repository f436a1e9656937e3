// A job's page while it is open: what it hears and what its forms answer must not get in each
// other's way.

import { awake } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { expect, test } from "../support/fixtures.mjs";

test.use({ portal: "jobs", role: "integration-manager" });

/** A job that is running: it sends one of thirty deliveries a second. */
async function running(api, receiver) {
  const hook = await api.createHook({
    name: "Wallboard",
    event_type: "outbound_call.initiated",
    callback_url: `${receiver.origin}/wall`,
    enabled: true,
  });
  const call = { agentID: "1", targetPhoneNumber: "+1", Timestamp: "2022-03-08T07:39:47Z" };
  const COUNT = 30;
  for (let count = 0; count < COUNT; count += 1) {
    await api.emit("outbound_call.initiated", JSON.stringify(call));
  }
  await eventually("all are delivered", async () => {
    const delivered = `/deliveries?hook=${hook.id}&state=delivered`;
    return (await api.call("GET", delivered, 200)).items.length === COUNT;
  });
  const since = new Date(Date.now() - 86_400_000).toISOString();
  const job = JSON.stringify({ since, states: ["delivered"], per_second: 1 });
  return (await api.call("POST", `/hooks/${hook.id}/recover`, 202, job)).id;
}

test("says that a job is cancelled, here and in another open window", async ({ api, page, receiver }) => {
  const job = await running(api, receiver);
  const other = await page.context().newPage();
  await other.goto(`/integration/jobs/${job}`);
  await awake(other);
  await page.goto(`/integration/jobs/${job}`);
  await awake(page);
  await page.getByRole("button", { name: "Cancel job" }).click();
  await expect(page.getByText("Job cancelled.")).toBeVisible();
  await expect(other.locator("#live-job")).toContainText("Cancelled");
  await expect(other.getByRole("button", { name: "Cancel job" })).toHaveCount(0);
});
