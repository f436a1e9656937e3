// The whole way of an administrator, from signing in to signing out, walked twice: with scripts and without. The steps
// build on each other; each begins by going to where it happens.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { awake, fillSignIn, launchBrowser, newVisitor } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { startServer } from "../support/server.mjs";
import { verify } from "../support/standard-webhooks.mjs";

const HOOKS = "/integration/hooks";
const NAME = "Ticket archive";
const KEY = "typed-key-0123456789-CANARY";
const FORBIDDEN_URL = "http://10.0.0.1/x";

/** Bodies as a producer may write them. Whoever parses one and writes it anew changes its bytes. */
const WORK_ITEM = `{ "id": "ff34b1fb68cd4f7f9921e70c08fab7a7", "mediaType": "Webchat", "isOutbound": true,
  "createdAt": "2022-03-08T07:39:47.6052457Z", "closedAt": "2022-03-08T07:41:47.6052457Z",
  "agent": { "id": "638858857ff57ad8637a7528", "name": "Agent John", "email": "john@agent.com", "phone": "+123456789" },
  "customerIdentifier": "+123456789", "customerId": "6d820576a3864160a715312b4e9ac376",
  "primaryConversationId": "48fad19d15104c8fbd7344853f35019e", "completionCode": "Success",
  "notes": "Job well done \\u2013 caf\\u00e9, café", "result": "Handled", "extra": [1.50, 1e2, 12345678901234567890] }`;
const ABANDONED = `{"timestamp":"2022-03-08T07:39:47.6052457Z","queue":"Vertrieb \\/ Süd","timeInQueue":12.50,
\t"customerPhoneNumber":"+123456789"}`;
const OUTBOUND = `{"agentID": "638858857ff57ad8637a7528",  "targetPhoneNumber": "+123456789", "Timestamp": "2022-03-08T07:39:47.6052457Z"}`;

for (const javaScriptEnabled of [true, false]) {
  describe(`the journey ${javaScriptEnabled ? "with" : "without"} scripts`, () => journey(javaScriptEnabled));
}

function journey(javaScriptEnabled) {
  let server, receiver, browser, page, problems, user, api;
  /** The address of the page of the hook that is made on the way. */
  let hookPage;

  before(async () => {
    server = await startServer();
    receiver = await startReceiver();
    browser = await launchBrowser();
    user = await server.user("administrator");
    api = await server.api("events:emit", "hooks:read", "hooks:write", "deliveries:read");
    ({ page, problems } = await newVisitor(browser, server, { javaScriptEnabled }));
  });

  after(async () => {
    await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
  });

  it("leads whoever is not signed in to sign-in", async () => {
    await page.goto(HOOKS);
    assert.equal(path(page), "/sign-in");
  });

  it("refuses a wrong password and keeps the e-mail", async () => {
    await fillSignIn(page, user.email, "not the password");
    await page.getByRole("alert").getByText("wrong").waitFor();
    assert.equal(await page.getByLabel("E-mail").inputValue(), user.email);
    assert.equal(await page.getByLabel("Password").inputValue(), "");
    assert.match(await page.title(), /^Error: /);
    assert.ok(!page.url().includes(user.email) && !page.url().includes("password"), page.url());
  });

  it("signs in and leads back", async () => {
    await fillSignIn(page, user.email, user.password);
    await page.getByRole("heading", { name: "Service hooks", level: 1 }).waitFor();
    assert.equal(path(page), HOOKS);
  });

  it("shows a form that cannot be accepted again, with everything but the key", async () => {
    await page.goto(HOOKS);
    await page.getByRole("link", { name: "New hook" }).click();
    await page.getByLabel("Name").fill(NAME);
    await page.getByLabel("Event", { exact: true }).selectOption("work_item.closed");
    await page.getByLabel("Callback URL").fill(FORBIDDEN_URL);
    await page.getByLabel("API key").fill(KEY);
    await page.getByRole("button", { name: "Create hook" }).click();

    const summary = page.getByRole("alert");
    await summary.getByRole("heading", { name: "There is a problem" }).waitFor();
    assert.match(await page.title(), /^Error: /);
    assert.ok(await summary.evaluate((it) => it === document.activeElement), "the summary has the focus");
    const url = page.getByLabel("Callback URL");
    assert.equal(await url.getAttribute("aria-invalid"), "true");
    const message = await summary.getByRole("listitem").innerText();
    assert.ok((await descriptionOf(page, url)).includes(message), `the field says the same: ${message}`);
    assert.equal(await url.inputValue(), FORBIDDEN_URL);
    assert.equal(await page.getByLabel("Name").inputValue(), NAME);
    assert.equal(await page.getByLabel("Name").getAttribute("aria-invalid"), null);
    assert.equal(await page.getByLabel("Event", { exact: true }).inputValue(), "work_item.closed");
    assert.equal(await page.getByLabel("API key").inputValue(), "");
    assert.equal(receiver.requests.length, 0);
  });

  it("never shows the typed key again", async () => {
    const answer = await page.reload();
    assert.ok(!(await answer.text()).includes(KEY), "the key is in the HTML that was sent");
    assert.ok(!(await page.content()).includes(KEY), "the key is in the document");
    assert.ok(!page.url().includes(KEY), "the key is in the address");
  });

  it("creates the hook once only the URL is corrected", async () => {
    await page.getByLabel("Callback URL").fill(`${receiver.origin}/archive?from=e2e`);
    await page.getByRole("button", { name: "Create hook" }).click();
    await page.getByRole("heading", { name: NAME, level: 1 }).waitFor();
    assert.match(path(page), /^\/integration\/hooks\/[0-9a-f-]{36}$/);
    hookPage = path(page);
    await page.getByRole("status").filter({ hasText: `${NAME} was created` }).waitFor();
    await assertKeyIsHidden(page);
  });

  it("slides the hook on in its row", async () => {
    await page.goto(HOOKS);
    if (javaScriptEnabled) await slideInPlace(page, NAME);
    else await slideByForm(page, NAME);
    const row = page.getByRole("row").filter({ hasText: NAME });
    await row.getByText("No traffic").waitFor();
    await page.reload();
    await slider(page, NAME, true).waitFor();
  });

  it("delivers an event byte for byte", async () => {
    const { id, deliveries } = await api.emit("work_item.closed", WORK_ITEM);
    assert.equal(deliveries, 1);
    const request = await receiver.next();
    assert.equal(request.method, "POST");
    assert.equal(request.url, "/archive?from=e2e");
    assert.deepEqual(request.body, Buffer.from(WORK_ITEM));
    assert.deepEqual(rawValues(request, "x-api-key"), [KEY]);
    assert.deepEqual(rawValues(request, "x-service-hook-event"), ["work_item.closed"]);
    assert.deepEqual(rawValues(request, "content-type"), ["application/json"]);
    assert.deepEqual(rawValues(request, "webhook-id"), [id]);
    assert.deepEqual(rawValues(request, "x-service-hook-test"), []);
  });

  for (const [type, data] of [["conversation.abandoned", ABANDONED], ["outbound_call.initiated", OUTBOUND]]) {
    it(`signs what it delivers: ${type}`, async () => {
      const callback_url = `${receiver.origin}/signed`;
      const hook = await api.createHook({ name: `Signed ${type}`, event_type: type, callback_url, enabled: true });
      const { id } = await api.emit(type, data);
      const request = await receiver.next();
      assert.deepEqual(request.body, Buffer.from(data));
      assert.deepEqual(rawValues(request, "x-service-hook-event"), [type]);
      assert.deepEqual(rawValues(request, "webhook-id"), [id]);
      verify(hook.signing_secret, request);
      const forged = { ...request, body: Buffer.from(data.replace("+123456789", "+123456780")) };
      assert.throws(() => verify(hook.signing_secret, forged), /no signature fits/);
    });
  }

  it("shows the delivery on the hook's page", async () => {
    const deliveries = page.getByRole("table", { name: "Last deliveries" });
    await eventually("the page says Delivered", async () => {
      await page.goto(hookPage);
      return (await deliveries.getByText(/Delivered$/).count()) === 1;
    });
    await deliveries.getByRole("link").click();
    await page.getByRole("link", { name: "As it was sent" }).click();
    await page.getByRole("link", { name: "As it was sent" }).and(page.locator("[aria-current]")).waitFor();
    const body = await page.getByRole("region", { name: "Body that was sent" }).textContent();
    assert.equal(body, WORK_ITEM);
  });

  it("gives the schema of a row's event as a file", async () => {
    await page.goto(HOOKS);
    const row = page.getByRole("row").filter({ hasText: NAME });
    const coming = page.waitForEvent("download");
    await row.getByRole("link", { name: "Download JSON schema" }).click();
    const download = await coming;
    assert.match(download.suggestedFilename(), /work_item\.closed.*\.json$/);
    const schema = JSON.parse(await readFile(await download.path(), "utf8"));
    assert.equal(typeof schema.$id, "string");
    assert.ok(Array.isArray(schema.examples) && schema.examples.length > 0);
    assert.equal(schema.examples[0].createdAt, "2022-03-08T07:39:47.6052457Z");
    assert.equal(path(page), HOOKS);
  });

  it("sends a test and shows what came back", async () => {
    receiver.body = "I heard you.";
    await page.goto(hookPage);
    await page.getByRole("button", { name: "Send test" }).click();
    const test = page.getByRole("region", { name: "Test" });
    await test.getByText("Delivered (test)").waitFor();
    await test.getByText("Attempt 1: 200").waitFor();
    await test.getByText("What the receiver answered").click();
    assert.match(await test.getByRole("region", { name: "Answer to attempt 1", exact: true }).innerText(), /I heard you\./);
    const request = await receiver.next();
    assert.deepEqual(rawValues(request, "x-service-hook-test"), ["true"]);
    assert.deepEqual(rawValues(request, "x-api-key"), [KEY]);
    assert.equal(JSON.parse(request.body).createdAt, "2022-03-08T07:39:47.6052457Z");
  });

  it("edits the hook and keeps its key", async () => {
    await page.goto(hookPage);
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByRole("heading", { name: "Edit hook" }).waitFor();
    assert.ok(await page.getByRole("switch", { name: "Enabled" }).isChecked());
    assert.equal(await page.getByLabel("API key").inputValue(), "");
    await page.getByLabel("Name").fill(`${NAME} 2`);
    await page.getByRole("button", { name: "Save changes" }).click();
    await page.getByRole("heading", { name: `${NAME} 2`, level: 1 }).waitFor();
    assert.equal(path(page), hookPage);
    await api.emit("work_item.closed", WORK_ITEM);
    assert.deepEqual(rawValues(await receiver.next(), "x-api-key"), [KEY]);
  });

  it("saves when Enter is pressed in a field", async () => {
    await page.goto(`${hookPage}/settings`);
    await page.getByLabel("Name").press("Enter");
    await page.getByRole("status").filter({ hasText: `${NAME} 2 was saved.` }).waitFor();
    assert.equal(path(page), hookPage);
  });

  it("clones the hook but not its key", async () => {
    await page.goto(hookPage);
    await page.getByRole("link", { name: "Clone" }).click();
    await page.getByRole("heading", { name: "New hook" }).waitFor();
    assert.equal(await page.getByLabel("Name").inputValue(), `Copy of ${NAME} 2`);
    assert.equal(await page.getByLabel("Callback URL").inputValue(), `${receiver.origin}/archive?from=e2e`);
    assert.equal(await page.getByLabel("Event", { exact: true }).inputValue(), "work_item.closed");
    assert.equal(await page.getByRole("switch", { name: "Enabled" }).isChecked(), false);
    await page.getByRole("button", { name: "Create hook" }).click();
    await page.getByRole("alert").getByText("API key").waitFor();
    await page.getByLabel("API key").fill("another-key");
    await page.getByRole("button", { name: "Create hook" }).click();
    await page.getByRole("heading", { name: `Copy of ${NAME} 2`, level: 1 }).waitFor();
    assert.notEqual(path(page), hookPage);
  });

  it("deletes a hook after asking", async () => {
    await page.goto(HOOKS);
    await page.getByRole("link", { name: `Copy of ${NAME} 2`, exact: true }).click();
    await page.getByRole("link", { name: "Delete" }).click();
    await page.getByRole("heading", { name: `Delete Copy of ${NAME} 2?` }).waitFor();
    await page.getByRole("button", { name: "Delete hook" }).click();
    await page.getByRole("status").filter({ hasText: `Copy of ${NAME} 2 was deleted.` }).waitFor();
    assert.equal(path(page), HOOKS);
    assert.equal(await page.getByRole("link", { name: `Copy of ${NAME} 2`, exact: true }).count(), 0);
    assert.equal(await page.getByRole("link", { name: `${NAME} 2`, exact: true }).count(), 1);
  });

  it("signs out, and pages lead to sign-in again", async () => {
    await page.goto(HOOKS);
    await page.getByRole("button", { name: user.name }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    for (const address of [HOOKS, hookPage, `${hookPage}/settings`, "/integration/events"]) {
      await page.goto(address);
      assert.equal(path(page), "/sign-in", address);
    }
  });

  it("went without an error in the browser", () => {
    assert.deepEqual(problems, []);
  });
}

function path(page) {
  return new URL(page.url()).pathname;
}

/** Every value of a header, as it was on the wire. */
function rawValues({ rawHeaders }, name) {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1].toLowerCase() === name);
}

/** The text that `aria-describedby` points to. */
async function descriptionOf(page, control) {
  const ids = ((await control.getAttribute("aria-describedby")) ?? "").split(" ").filter(Boolean);
  const texts = await Promise.all(ids.map((id) => page.locator(`[id="${id}"]`).innerText()));
  return texts.join(" ");
}

function slider(page, hook, checked) {
  return page.getByRole("switch", { name: `${hook} enabled`, checked });
}

/** With scripts the slider saves by itself: the page stays, and says so. */
async function slideInPlace(page, hook) {
  await awake(page);
  await page.evaluate(() => (window.samePage = true));
  const row = page.getByRole("row").filter({ hasText: hook });
  await row.getByText("Off").first().waitFor();
  await slider(page, hook, false).click();
  await slider(page, hook, true).waitFor();
  await row.getByRole("status").filter({ hasText: "Saved" }).waitFor();
  assert.equal(await page.evaluate(() => window.samePage), true, "the page was left");
  assert.equal(page.url(), new URL(HOOKS, page.url()).href);
}

/** Without scripts it is a form with one button, which comes back to the row. */
async function slideByForm(page, hook) {
  await slider(page, hook, false).click();
  await page.getByRole("status").filter({ hasText: `${hook} is on.` }).waitFor();
  await slider(page, hook, true).waitFor();
  const address = new URL(page.url());
  assert.equal(address.pathname, HOOKS);
  const row = page.locator(`[id="${address.hash.slice(1)}"]`);
  assert.match(await row.innerText(), new RegExp(hook));
}

async function assertKeyIsHidden(page) {
  assert.ok(!(await page.content()).includes(KEY), "the key is in the document");
}
