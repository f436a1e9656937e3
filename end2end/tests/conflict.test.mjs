// Two people at the same hook, and people who type markup: nobody's work is lost and nothing that was typed runs.

import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { awake, cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { startServer } from "../support/server.mjs";

/** Each breaks out of another place: a text area, an attribute, the title, a comment, text that was decoded. */
const PAYLOADS = [
  `</textarea><script>window.pwned=1</script>`,
  `"><img src=x onerror=window.pwned=1>`,
  `'><svg onload=window.pwned=1>`,
  `</title></style></script><script>window.pwned=1</script>`,
  `--></title><meta http-equiv=refresh content=9><svg onload=window.pwned=1>`,
  // Decoded once too often, this would be the second one again.
  `&quot;&gt;&lt;img src=x onerror=window.pwned=1&gt;`,
];
/** What no page of ours has. (Charts are named pictures.) */
const INJECTED = "img, svg:not([role=img][aria-label], [aria-hidden=true] > svg), [onerror], [onload], body style, body meta, script:not([src]):not([nonce])";

let server, receiver, browser, storageState, api;

before(async () => {
  server = await startServer();
  receiver = await startReceiver();
  browser = await launchBrowser();
  storageState = await cookiesOf(browser, server, await server.user("administrator"));
  api = await server.api("hooks:read", "hooks:write", "hooks:test");
});

after(async () => {
  await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
});

it("shows who saves second what the first one saved, and keeps what was typed", async () => {
  const hook = await makeHook("Wallboard", "/first");
  const { context, page: first, problems } = await newVisitor(browser, server, { storageState });
  const second = await context.newPage();
  for (const tab of [first, second]) await tab.goto(`/integration/hooks/${hook.id}/settings`);

  await first.getByLabel("Name").fill("Wallboard of Anna");
  await first.getByLabel("Callback URL").fill(`${receiver.origin}/anna`);
  await save(first);
  await first.getByRole("heading", { name: "Wallboard of Anna", level: 1 }).waitFor();

  await second.getByLabel("Name").fill("Wallboard of Bert");
  await second.getByLabel("Event", { exact: true }).selectOption("outbound_call.initiated");
  await second.getByRole("switch", { name: "Enabled" }).check();
  await save(second);
  const notice = second.getByRole("alert");
  await notice.getByText("Wallboard of Anna").waitFor();
  await notice.getByText(`${receiver.origin}/anna`).waitFor();
  assert.equal(await second.getByLabel("Name").inputValue(), "Wallboard of Bert");
  assert.equal(await second.getByLabel("Callback URL").inputValue(), `${receiver.origin}/first`);
  assert.equal(await second.getByLabel("Event", { exact: true }).inputValue(), "outbound_call.initiated");
  assert.ok(await second.getByRole("switch", { name: "Enabled" }).isChecked());
  assert.equal((await readHook(hook.id)).name, "Wallboard of Anna");

  await save(second);
  await second.getByRole("heading", { name: "Wallboard of Bert", level: 1 }).waitFor();
  const { name, callback_url, event_type, enabled } = await readHook(hook.id);
  const expected = ["Wallboard of Bert", `${receiver.origin}/first`, "outbound_call.initiated", true];
  assert.deepEqual([name, callback_url, event_type, enabled], expected);
  // A page that says so by its status is in the console's eyes a failure: it is the only one.
  assert.equal(problems.length, 1);
  assert.match(problems[0], /status of 409 \(Conflict\)/);
  await context.close();
});

it("tells of a conflict again when the hook changed once more", async () => {
  const hook = await makeHook("Dialler", "/dialler");
  const { context, page } = await newVisitor(browser, server, { storageState });
  await page.goto(`/integration/hooks/${hook.id}/settings`);
  await page.getByLabel("Name").fill("Dialler of Bert");
  for (const name of ["Dialler of Anna", "Dialler of Carla"]) {
    await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ name }));
    await save(page);
    await page.getByRole("alert").getByText(name).waitFor();
    assert.equal(await page.getByLabel("Name").inputValue(), "Dialler of Bert");
  }
  await save(page);
  await page.getByRole("heading", { name: "Dialler of Bert", level: 1 }).waitFor();
  await context.close();
});

for (const payload of PAYLOADS) {
  it(`never runs what somebody typed or a receiver answered: ${payload}`, async () => {
    const { id } = await makeHook(payload, `/?x='"><svg/onload=window.pwned=1>`);
    receiver.body = payload;
    // Without the policy that would stop a script anyway: the escaping has to hold alone.
    const { context, page, problems } = await newVisitor(browser, server, { storageState, bypassCSP: true });
    await page.goto("/integration/hooks");
    await awake(page);
    await assertInert(page, payload);

    const at = `/integration/hooks/${id}`;
    await page.goto(at);
    await awake(page);
    await assertInert(page, payload);
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), payload);
    assert.equal(await page.title(), `${payload} – Service Hooks`);
    for (const address of [`${at}/settings`, `${at}/delete`, `/integration/hooks/new?clone=${id}`]) {
      await page.goto(address);
      await assertInert(page, payload);
    }

    await page.goto(at);
    await page.getByRole("button", { name: "Send test" }).click();
    await assertAnswerIsInert(page, payload);
    await page.getByRole("table", { name: "Last deliveries" }).getByRole("link").click();
    await assertAnswerIsInert(page, payload);
    assert.deepEqual(problems, []);
    await context.close();
  });
}

it("shows a name that is markup as it was typed, in a form that comes back", async () => {
  const { context, page, problems } = await newVisitor(browser, server, { storageState, bypassCSP: true });
  await page.goto("/integration/hooks/new");
  for (const payload of PAYLOADS) {
    await page.getByLabel("Name").fill(payload);
    await page.getByLabel("Callback URL").fill(payload);
    await page.getByRole("button", { name: "Create hook" }).click();
    await page.getByRole("alert").waitFor();
    assert.equal(await page.getByLabel("Name").inputValue(), payload);
    assert.equal(await page.getByLabel("Callback URL").inputValue(), payload);
    await assertInert(page);
  }
  await page.goto(`/integration/hooks/new?event=${encodeURIComponent(PAYLOADS[1])}`);
  await assertInert(page);
  assert.deepEqual(problems, []);
  await context.close();
});

function makeHook(name, path) {
  const callback_url = `${receiver.origin}${path}`;
  return api.createHook({ name, event_type: "work_item.closed", callback_url, enabled: false });
}

function readHook(id) {
  return api.call("GET", `/hooks/${id}`, 200);
}

async function save(page) {
  await page.getByRole("button", { name: "Save changes" }).click();
}

/** What the receiver answered is shown as text. */
async function assertAnswerIsInert(page, answer) {
  await page.getByText("What the receiver answered").click();
  const shown = await page.getByRole("region", { name: "Answer to attempt 1", exact: true }).textContent();
  assert.ok(shown.endsWith(answer), shown);
  await assertInert(page, answer);
}

/** Nothing ran, nothing became an element, and `text` is on the page (or in a field) as it was typed. */
async function assertInert(page, text = "") {
  assert.equal(await page.evaluate(() => window.pwned), undefined, `a script ran on ${page.url()}`);
  const injected = await page.locator(INJECTED).evaluateAll((found) => found.map((it) => it.outerHTML));
  assert.deepEqual(injected, [], page.url());
  const shown = await page.evaluate(() => {
    const fields = [...document.querySelectorAll("input")].map((input) => input.value);
    return [document.body.textContent, ...fields].join("\n");
  });
  assert.ok(shown.includes(text), `${text} on ${page.url()}`);
}
