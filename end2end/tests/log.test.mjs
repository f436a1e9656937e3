// What went wrong, found and put right: from the log to a delivery and back, and a recovery from its count to its end.
// By the keyboard alone, with scripts and without.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { awake, launchBrowser, signedIn } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { startServer } from "../support/server.mjs";

const LOG = "/integration/deliveries";
const BODY = `{"customerPhoneNumber":"+123456789","timeInQueue":1.50,"timestamp":"2022-03-08T07:39:47.6052457Z","queue":"Sales"}`;
/** More presses than any way on a page takes: whoever needs more is lost. */
const MOST_PRESSES = 120;

for (const javaScriptEnabled of [true, false]) {
  describe(`the log ${javaScriptEnabled ? "with" : "without"} scripts`, () => journey(javaScriptEnabled));
}

function journey(javaScriptEnabled) {
  let server, receiver, browser, api, page, problems, hook;

  before(async () => {
    server = await startServer();
    receiver = await startReceiver();
    browser = await launchBrowser();
    const user = await server.user("integration-manager");
    api = await server.api("events:emit", "hooks:read", "hooks:write", "deliveries:read");
    hook = await api.createHook({
      name: "Wallboard", event_type: "conversation.abandoned", callback_url: `${receiver.origin}/wall`, enabled: true, retry_schedule: [],
    });
    ({ page, problems } = await signedIn(browser, server, user, { javaScriptEnabled }));
  });

  after(async () => {
    await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
  });

  const state = (of) => async () => (await api.call("GET", `/deliveries?hook=${hook.id}&state=${of}`, 200)).items;
  const settled = (of, count) =>
    eventually(`${count} are ${of}`, async () => ((await state(of)()).length === count ? true : undefined));

  it("K3: finds what fails, opens the newest, sends it again and reads the new answer", async () => {
    receiver.status = 503;
    for (let count = 0; count < 3; count += 1) await api.emit("conversation.abandoned", BODY);
    await settled("failed", 3);
    await page.goto(LOG);
    await press(page, page.getByLabel("Outcome"));
    await page.keyboard.type("Failed");
    await press(page, page.getByRole("button", { name: "Apply" }), "Enter");
    await page.getByRole("link", { name: "Remove filter: Outcome Failed" }).waitFor();
    const links = page.getByRole("table").getByRole("link", { name: /^Event / });
    assert.equal(await links.count(), 3);
    await press(page, links.first(), "Enter");
    await page.getByText("Given up after 1 attempt; the last ended in 503 Service Unavailable.").waitFor();
    await page.getByText("not available at present").first().waitFor();
    receiver.status = 200;
    await press(page, page.getByRole("link", { name: "Redeliver", exact: true }), "Enter");
    await page.getByRole("heading", { name: "Send this delivery again?" }).waitFor();
    const safe = page.getByRole("link", { name: "Do not send" });
    if (javaScriptEnabled) assert.ok(await safe.evaluate((it) => it === document.activeElement), "the safe choice has the focus");
    await press(page, page.getByRole("button", { name: "Redeliver" }), "Enter");
    await page.getByText("It is being sent again.").waitFor();
    await settled("delivered", 1);
    await press(page, page.getByRole("link", { name: "Refresh" }), "Enter");
    await page.getByText("After 2 attempts: 200 OK").waitFor();
    await page.getByRole("heading", { name: "Attempt 2: 200 OK" }).waitFor();
  });

  it("picks two and sends them again", async () => {
    await page.goto(`${LOG}?state=failed`);
    const boxes = page.getByRole("checkbox", { name: /^Select / });
    assert.equal(await boxes.count(), 2);
    for (const at of [0, 1]) await press(page, boxes.nth(at), "Space");
    await press(page, page.getByRole("button", { name: "Redeliver selected" }), "Enter");
    await page.getByRole("heading", { name: "Send 2 deliveries again?" }).waitFor();
    await press(page, page.getByRole("button", { name: "Redeliver" }), "Enter");
    await page.getByText("2 deliveries are being sent again.").waitFor();
    assert.equal(new URL(page.url()).search, "?state=failed");
    await settled("delivered", 3);
  });

  it("K6: counts what 24 hours missed, starts, and cancels", async () => {
    await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ enabled: false }));
    for (let count = 0; count < 30; count += 1) await api.emit("conversation.abandoned", BODY);
    await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ enabled: true }));
    await page.goto("/integration/undelivered");
    await page.getByText("30 deliveries failed for good or were skipped, of one hook.").waitFor();
    await page.goto(`/integration/hooks/${hook.id}/recover`);
    const day = page.getByRole("radio", { name: /The last 24 hours/ });
    assert.ok(await day.isChecked(), "the last 24 hours are offered");
    const pace = page.getByLabel("Pace");
    await press(page, pace);
    await page.keyboard.press("Control+A");
    await page.keyboard.type("1");
    await press(page, page.getByRole("button", { name: "Count what would be sent" }), "Enter");
    await page.getByRole("heading", { name: "30 deliveries would be sent again" }).waitFor();
    await page.getByText("At 1 a second that takes 30 s.").waitFor();
    await press(page, page.getByRole("button", { name: "Start" }), "Enter");
    const bar = page.getByRole("progressbar", { name: "Sent again" });
    await bar.waitFor();
    assert.equal(await bar.getAttribute("aria-valuemax"), "30");
    if (javaScriptEnabled) {
      // The bar moves by itself.
      await awake(page);
      await eventually("the bar moves", async () => Number(await bar.getAttribute("aria-valuenow")) > 0);
    }
    await press(page, page.getByRole("button", { name: "Cancel the job" }), "Enter");
    await page.getByText("The job is cancelled.").waitFor();
    assert.equal(await page.getByRole("button", { name: "Resume" }).count(), 0);
  });

  it("says how many are new, and moves no row", async () => {
    await page.goto(`${LOG}?state=delivered`);
    const rows = await page.getByRole("table").getByRole("row").count();
    if (javaScriptEnabled) await awake(page);
    for (let count = 0; count < 2; count += 1) await api.emit("conversation.abandoned", BODY);
    if (javaScriptEnabled) {
      await page.getByText(/2 new deliveries/).waitFor();
      assert.equal(await page.getByRole("table").getByRole("row").count(), rows);
      await press(page, page.getByRole("link", { name: "Show", exact: true }), "Enter");
    } else {
      await eventually("they are delivered", async () => (await state("pending")()).length === 0);
      await press(page, page.getByRole("link", { name: "Refresh" }), "Enter");
    }
    await eventually("two rows more", async () => (await page.getByRole("table").getByRole("row").count()) >= Math.min(rows + 2, 51));
  });

  it("copies a command where a script can", async () => {
    await page.goto(`${LOG}?state=delivered`);
    await press(page, page.getByRole("table").getByRole("link", { name: /^Event / }).first(), "Enter");
    await page.getByText("Copy as curl").click();
    const command = await page.getByRole("region", { name: "curl command" }).innerText();
    assert.match(command, /"x-api-key: \$API_KEY"/);
    assert.ok(!command.includes("a-key-for-tests"), "the key is in the command");
    assert.ok(command.includes(BODY), command);
    const button = page.getByRole("button", { name: "Copy the command" });
    if (!javaScriptEnabled) return assert.equal(await button.count(), 0);
    await awake(page);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await button.click();
    await page.getByText("Copied").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), command);
  });

  it("went without an error in the browser", () => {
    assert.deepEqual(problems, []);
  });
}

/** Goes to a control as a keyboard does, by Tab, and presses a key there. */
async function press(page, control, key) {
  await control.waitFor();
  for (let presses = 0; presses < MOST_PRESSES; presses += 1) {
    if (await control.evaluate((it) => it === document.activeElement)) {
      if (key) await page.keyboard.press(key);
      return;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`the keyboard does not come to ${control}`);
}
