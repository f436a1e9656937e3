// What went wrong, found and put right: from the log to a delivery and back, and a recovery from
// its count to its end. By the keyboard alone, with scripts and without. The steps build on each
// other.

import { awake, newVisitor } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { press, tabTo } from "../support/keyboard.mjs";

const LOG = "/integration/deliveries";
const BODY =
  '{"customerPhoneNumber":"+123456789","timeInQueue":1.50,' +
  '"timestamp":"2022-03-08T07:39:47.6052457Z","queue":"Sales"}';

test.use({ portal: "log", role: "integration-manager" });

test.describe("the log", { tag: "@both" }, () => {
  test.describe.configure({ mode: "serial" });

  let page, context, problems, hook;

  test.beforeAll(async ({ browser, api, receiver, javaScriptEnabled }) => {
    hook = await api.createHook({
      name: "Wallboard",
      event_type: "conversation.abandoned",
      callback_url: `${receiver.origin}/wall`,
      enabled: true,
      retry_schedule: [],
    });
    ({ page, context, problems } = await newVisitor(browser, { javaScriptEnabled }));
  });

  test.afterAll(() => context?.close());

  const table = () => page.getByRole("table");
  const links = () => table().getByRole("link", { name: /, …/ });

  test("K3: finds what fails, opens the newest, sends it again and reads the new answer", async ({
    api,
    receiver,
    javaScriptEnabled,
  }) => {
    receiver.status = 503;
    await emit(api, 3);
    await settled(api, "failed", 3);
    await page.goto(LOG);
    await tabTo(page, page.getByLabel("Status"));
    await page.keyboard.type("Failed");
    await press(page, page.getByRole("button", { name: "Apply" }));
    await expect(page.getByRole("link", { name: "Remove filter: Status Failed" })).toBeVisible();
    await expect(links()).toHaveCount(3);
    await press(page, links().first());
    const end = "Failed after 1 attempt. Last response: 503 Service Unavailable.";
    await expect(page.getByText(end)).toBeVisible();
    await expect(page.getByText("it is overloaded or under maintenance").first()).toBeVisible();
    receiver.status = 200;
    await press(page, page.getByRole("link", { name: "Redeliver", exact: true }));
    await expect(page.getByRole("heading", { name: "Redeliver this event?" })).toBeVisible();
    const safe = page.getByRole("link", { name: "Cancel" });
    if (javaScriptEnabled) await expect(safe, "the safe choice has the focus").toBeFocused();
    await press(page, page.getByRole("button", { name: "Redeliver" }));
    await expect(page.getByText("Redelivery started.")).toBeVisible();
    await settled(api, "delivered", 1);
    if (!javaScriptEnabled) await press(page, page.getByRole("link", { name: "Refresh" }));
    await expect(page.getByText("Succeeded after 2 attempts: 200 OK")).toBeVisible();
    await expect(page.getByRole("heading", { name: "Attempt 2: 200 OK" })).toBeVisible();
  });

  test("picks two and sends them again", async ({ api }) => {
    await page.goto(`${LOG}?state=failed`);
    const boxes = page.getByRole("checkbox", { name: /^Select / });
    await expect(boxes).toHaveCount(2);
    for (const at of [0, 1]) await press(page, boxes.nth(at), "Space");
    await press(page, page.getByRole("button", { name: "Redeliver selected" }));
    await expect(page.getByRole("heading", { name: "Redeliver 2 events?" })).toBeVisible();
    await press(page, page.getByRole("button", { name: "Redeliver" }));
    await expect(page.getByText("Redelivering 2 events.")).toBeVisible();
    expect(new URL(page.url()).search).toBe("?state=failed");
    await settled(api, "delivered", 3);
  });

  test("K6: counts what 24 hours missed, starts, and cancels", async ({
    api,
    javaScriptEnabled,
  }) => {
    await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ enabled: false }));
    await emit(api, 30);
    await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ enabled: true }));
    await page.goto("/integration/undelivered");
    const sum = /^30 undelivered events in 1 hook/;
    await expect(page.getByText(sum)).toBeVisible();
    await page.goto(`/integration/hooks/${hook.id}/recover`);
    const since = page.getByRole("link", { name: "Since it was turned off" });
    await expect(since, "the most likely range is shown at once").toHaveAttribute("aria-current", "true");
    await expect(page.getByRole("button", { name: "Redeliver 30 events" })).toBeVisible();
    await press(page, page.getByText("Choose another time range, status or rate"));
    await tabTo(page, page.getByRole("spinbutton", { name: "Rate" }));
    await page.keyboard.press("Control+A");
    await page.keyboard.type("1");
    await press(page, page.getByRole("button", { name: "Update preview" }));
    const counted = page.getByRole("heading", { name: "30 events to redeliver" });
    await expect(counted).toBeVisible();
    await expect(page.getByText("At 1 per second this takes about 30 s.")).toBeVisible();
    await press(page, page.getByRole("button", { name: "Redeliver 30 events" }));
    const bar = page.getByRole("progressbar", { name: "Queued" });
    await expect(bar).toHaveAttribute("aria-valuemax", "30");
    if (javaScriptEnabled) {
      await awake(page);
      await expect(bar, "the bar moves by itself").toHaveAttribute("aria-valuenow", /^[1-9]/);
    }
    await press(page, page.getByRole("button", { name: "Cancel job" }));
    await expect(page.getByText("Job cancelled.")).toBeVisible();
    await expect(page.getByRole("button", { name: "Resume" })).toHaveCount(0);
  });

  test("says how many are new, and moves no row", async ({ api, javaScriptEnabled }) => {
    await page.goto(`${LOG}?state=delivered`);
    const rows = table().getByRole("row");
    const before = await rows.count();
    if (javaScriptEnabled) await awake(page);
    await emit(api, 2);
    if (javaScriptEnabled) {
      await expect(page.getByText(/2 new deliveries/).first()).toBeVisible();
      await expect(rows).toHaveCount(before);
      await press(page, page.getByRole("link", { name: "Show", exact: true }));
    } else {
      await settled(api, "pending", 0);
      await press(page, page.getByRole("link", { name: "Refresh" }));
    }
    // A page has fifty of them.
    const most = Math.min(before + 2, 51);
    await eventually("two rows more", async () => (await rows.count()) >= most);
  });

  test("copies a command where a script can", async ({ javaScriptEnabled }) => {
    await page.goto(`${LOG}?state=delivered`);
    await press(page, links().first());
    await page.getByText("Copy as curl").click();
    const command = await page.getByRole("region", { name: "curl command" }).innerText();
    expect(command).toMatch(/"x-api-key: \$API_KEY"/);
    expect(command, "the key is not in the command").not.toContain("a-key-for-tests");
    expect(command).toContain(BODY);
    const button = page.getByRole("button", { name: "Copy command" });
    if (!javaScriptEnabled) return expect(button).toHaveCount(0);
    await awake(page);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await button.click();
    await expect(page.getByText("Copied")).toBeVisible();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(command);
  });

  test("went without an error in the browser", () => {
    expect(problems).toEqual([]);
  });

  async function emit(api, times) {
    for (let count = 0; count < times; count += 1) await api.emit("conversation.abandoned", BODY);
  }

  /** Until so many of the hook's deliveries are in that state. */
  async function settled(api, state, count) {
    await eventually(`${count} are ${state}`, async () => {
      const { items } = await api.call("GET", `/deliveries?hook=${hook.id}&state=${state}`, 200);
      return items.length === count;
    });
  }
});
