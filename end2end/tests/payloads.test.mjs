// Text stays text: forty payloads in every field that can be typed into and everywhere that stored text is shown, and
// the API key nowhere.

import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { harm, ODD, PAYLOADS } from "../support/payloads.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { addressOf, ROUTES } from "../support/routes.mjs";
import { startServer } from "../support/server.mjs";

const HOOKS = "/integration/hooks";
const TYPE = "conversation.abandoned";
const KEY = "CANARY-key-0123456789-in-no-page";
const PHONE = { width: 320, height: 800 };

let server, receiver, browser, api, storageState;

before(async () => {
  server = await startServer();
  receiver = await startReceiver();
  browser = await launchBrowser();
  storageState = await cookiesOf(browser, server, await server.user("administrator"));
  api = await server.api("hooks:read", "hooks:write", "events:emit", "deliveries:read");
});

after(async () => {
  await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
});

it("there are forty", () => assert.equal(new Set(PAYLOADS).size, 40));

it("in every field of every form", async () => {
  const { hook } = await stored("A hook", "thank you");
  for (const [route, as] of [["/sign-in", undefined], [`${HOOKS}/new`, storageState], [`${HOOKS}/${hook.id}/settings`, storageState]]) {
    const { context, page, problems } = await newVisitor(browser, server, { storageState: as, viewport: PHONE });
    for (const payload of [...PAYLOADS, ...ODD]) {
      await page.goto(route);
      const typed = await page.locator("main form").first().evaluate((form, payload) => {
        // The browser's own judgement is not what is tested here.
        form.noValidate = true;
        for (const details of form.querySelectorAll("details")) details.open = true;
        const fields = [...form.querySelectorAll("input, textarea")].filter(({ type }) => !["hidden", "checkbox", "radio", "submit"].includes(type));
        for (const field of fields) field.value = payload;
        return fields.map(({ name }) => name);
      }, payload);
      assert.ok(typed.length > 0, route);
      await page.locator("main form").first().locator("button.primary").click();
      await page.getByRole("alert").waitFor();
      assert.deepEqual(await harm(page), [], `${payload} in ${typed} of ${route}`);
    }
    assert.deepEqual(problems, [], route);
    await context.close();
  }
});

it("in addresses", async () => {
  const { context, page, problems } = await newVisitor(browser, server, { storageState, viewport: PHONE });
  for (const payload of PAYLOADS) {
    const text = encodeURIComponent(payload);
    for (const address of [`${HOOKS}?q=${text}&status=${text}&sort=${text}&page=${text}`, `/integration/events/${text}`, `${HOOKS}/new?event=${text}&draft=${text}`]) {
      await page.goto(address);
      assert.deepEqual(await harm(page), [], address);
    }
  }
  assert.deepEqual(problems.filter((problem) => !problem.includes("status of 404")), []);
  await context.close();
});

it("in names, bodies of events, and what receivers answer; and the key in nothing that is shown", async () => {
  const { context, page, problems } = await newVisitor(browser, server, { storageState, viewport: PHONE });
  const leaks = [];
  page.on("response", async (response) => {
    if (response.request().resourceType() !== "document" || response.status() >= 300) return;
    const text = await response.text().catch(() => "");
    if (text.includes(KEY)) leaks.push(response.url());
  });
  for (const payload of [...PAYLOADS, ...ODD]) {
    // Characters that cannot be seen are refused in a name; everywhere else they may come.
    const { hook, delivery } = await stored(/\p{C}/u.test(payload) ? "Odd" : payload, payload);
    const pages = [`${HOOKS}/${hook.id}`, `${HOOKS}/${hook.id}/settings`, `${HOOKS}/${hook.id}/delete`, `${HOOKS}/${hook.id}/deliveries/${delivery.id}`];
    for (const address of pages) {
      await page.goto(address);
      await page.locator("details").evaluateAll((folded) => folded.forEach((each) => (each.open = true)));
      assert.deepEqual(await harm(page), [], `${payload} on ${address}`);
    }
    await page.goto(`${HOOKS}/${hook.id}`);
    await page.getByRole("main").getByRole("switch").first().click();
    await page.getByRole("status").filter({ hasText: "Saved" }).waitFor();
    assert.deepEqual(await harm(page), [], `${payload} after a toggle`);
  }
  const hook = (await api.call("GET", "/hooks", 200)).items[0].id;
  for (const entry of ROUTES.filter(({ route, as }) => !as && !route.includes("{id}"))) {
    await page.goto(addressOf(entry, { hook, delivery: hook }));
    assert.deepEqual(await harm(page), [], entry.name);
  }
  assert.deepEqual(leaks, []);
  assert.ok(!JSON.stringify(await context.storageState()).includes(KEY));
  assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.length]), [0, 0]);
  assert.deepEqual(problems.filter((problem) => !problem.includes("status of 404")), []);
  await context.close();
});

it("an answer that is no text, and one that goes on and on", async () => {
  const { context, page, problems } = await newVisitor(browser, server, { storageState, viewport: PHONE });
  const noise = Buffer.concat([Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0x00, 0x1b]), Buffer.from(PAYLOADS[0]), Buffer.from([0xed, 0xa0, 0x80])]);
  const long = JSON.stringify({ ["k".repeat(10_000)]: "v".repeat(50_000) });
  for (const answer of [noise, long]) {
    const { hook, delivery } = await stored("Noise", answer);
    await page.goto(`${HOOKS}/${hook.id}/deliveries/${delivery.id}`);
    await page.locator("details").evaluateAll((folded) => folded.forEach((each) => (each.open = true)));
    assert.deepEqual(await harm(page), []);
  }
  assert.deepEqual(problems, []);
  await context.close();
});

/** A hook of that name, and a delivery to it of an event that says it, answered with it. */
async function stored(name, answer) {
  const hook = await api.createHook({ name, event_type: TYPE, callback_url: `${receiver.origin}/in`, enabled: true, api_key: KEY });
  receiver.body = answer;
  receiver.headers = typeof answer === "string" && /^[\x20-\x7e]*$/.test(answer) && answer.length < 1000 ? { "x-odd": answer } : {};
  const text = typeof answer === "string" ? answer.slice(0, 200) : "noise";
  await api.emit(TYPE, JSON.stringify({ customerPhoneNumber: text, timeInQueue: 1, timestamp: "2022-03-08T07:39:47Z", queue: text, [text]: text }));
  const delivery = await eventually("it is delivered", async () => {
    const { items } = await api.call("GET", `/deliveries?hook=${hook.id}&state=delivered`, 200);
    return items[0];
  });
  await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ enabled: false, version: 1 }));
  return { hook, delivery };
}
