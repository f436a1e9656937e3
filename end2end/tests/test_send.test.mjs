// Testing before and after saving, with the keyboard only, with scripts and without.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { choose, press, tabTo, typeInto } from "../support/keyboard.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { startServer } from "../support/server.mjs";
import { verify } from "../support/standard-webhooks.mjs";

const HOOKS = "/integration/hooks";
const PAYLOAD = `{"id": "</textarea><script>window.pwned=1</script><img src=x onerror=window.pwned=2>"}`;

let server, receiver, browser, storageState, api;

before(async () => {
  server = await startServer();
  receiver = await startReceiver();
  browser = await launchBrowser();
  storageState = await cookiesOf(browser, server, await server.user("administrator"));
  api = await server.api("hooks:read", "hooks:write", "events:emit");
});

after(async () => {
  await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
});

for (const javaScriptEnabled of [true, false]) {
  describe(`tests ${javaScriptEnabled ? "with" : "without"} scripts`, () => {
    it("creates a hook with a key, tests it before it is saved, mends its URL, and saves it (K4)", async () => {
      const { context, page, problems } = await newVisitor(browser, server, { storageState, javaScriptEnabled });
      const name = `Ticket archive ${javaScriptEnabled}`;
      await page.goto(`${HOOKS}/new`);
      await typeInto(page, page.getByLabel("Name"), name);
      await choose(page, page.getByLabel("Event", { exact: true }), "Work");
      await typeInto(page, page.getByLabel("Callback URL"), "http://10.0.0.1/x");
      await press(page, page.getByRole("button", { name: "Generate" }));
      await page.getByText("A new key, shown only now.").waitFor();
      const key = await page.getByLabel("API key").inputValue();
      assert.match(key, /^key_/);

      await press(page, page.getByRole("button", { name: "Send test" }));
      const summary = page.getByRole("alert");
      await summary.getByRole("heading", { name: "There is a problem" }).waitFor();
      assert.ok(await summary.evaluate((it) => it === document.activeElement), "the summary has the focus");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      const url = page.getByLabel("Callback URL");
      if (javaScriptEnabled) assert.ok(await url.evaluate((it) => it === document.activeElement), "its link leads to the field");
      await typeInto(page, url, `${receiver.origin}/archive`);
      await press(page, page.getByRole("button", { name: "Send test" }));

      const trial = page.getByRole("region", { name: "Test of the values below" });
      await trial.getByText(/^127\.0\.0\.1 answered 200 after \d+ ms\.$/).waitFor();
      assert.ok(await trial.evaluate((it) => it === document.activeElement), "the result has the focus");
      const secret = await trial.locator("code").filter({ hasText: "whsec_" }).innerText();
      const tried = await receiver.next();
      assert.equal(tried.headers["x-api-key"], key);
      assert.equal(tried.headers["x-service-hook-test"], "true");
      verify(secret, tried);
      assert.deepEqual((await api.call("GET", "/hooks", 200)).items.filter((hook) => hook.name === name), [], "not saved");

      await tabTo(page, page.getByRole("switch", { name: "Enabled" }));
      await page.keyboard.press("Space");
      await press(page, page.getByRole("button", { name: "Create hook" }).last());
      await page.getByRole("heading", { name, level: 1 }).waitFor();
      const { items } = await api.call("GET", "/hooks", 200);
      assert.ok(items.find((hook) => hook.name === name).enabled);
      await api.emit("work_item.closed", JSON.stringify(JSON.parse(tried.body)));
      const delivered = await receiver.next();
      assert.equal(delivered.headers["x-api-key"], key);
      verify(secret, delivered);
      assert.deepEqual(problems, []);
      await api.call("DELETE", `/hooks/${items.find((hook) => hook.name === name).id}`, 204);
      await context.close();
    });

    it("checks a typed body, says where it is wrong, and sends it anyway", async () => {
      const hook = await makeHook(`Checked-${javaScriptEnabled}`);
      const calls = () => receiver.requests.filter(({ url }) => url === `/${hook.name}`).length;
      const { context, page, problems } = await newVisitor(browser, server, { storageState, javaScriptEnabled });
      await page.goto(`${HOOKS}/${hook.id}/test`);
      await typeInto(page, page.getByRole("textbox", { name: "Body" }), `{"id": }`);
      await press(page, page.getByRole("button", { name: "Check" }));
      await page.getByRole("alert").getByText("Line 1, column 8: expected value.").waitFor();
      await typeInto(page, page.getByRole("textbox", { name: "Body" }), `{"id": "x"}`);
      await press(page, page.getByRole("button", { name: "Send test" }));
      await page.getByRole("alert").getByText("Nothing was sent.").waitFor();
      assert.equal(calls(), 0);
      await press(page, page.getByRole("button", { name: "Send anyway" }));
      const result = page.getByRole("region", { name: "Result" });
      await result.getByText(/^127\.0\.0\.1 answered 200 after \d+ ms\.$/).waitFor();
      assert.ok(await result.evaluate((it) => it === document.activeElement), "the result has the focus");
      assert.equal((await receiver.next()).body.toString(), `{"id": "x"}`);
      assert.equal(await page.getByRole("textbox", { name: "Body" }).inputValue(), `{"id": "x"}`);
      await page.getByRole("table", { name: "Last tests" }).getByRole("row").nth(1).getByText("200").waitFor();
      // Loading the page again sends nothing again.
      await page.reload();
      await page.reload();
      assert.equal(calls(), 1);
      assert.deepEqual(problems, []);
      await api.call("DELETE", `/hooks/${hook.id}`, 204);
      await context.close();
    });

    it("shows a body that breaks out of its field as text", async () => {
      const hook = await makeHook(`Payload-${javaScriptEnabled}`);
      const { context, page, problems } = await newVisitor(browser, server, { storageState, javaScriptEnabled });
      await page.goto(`${HOOKS}/${hook.id}/test`);
      await page.getByRole("textbox", { name: "Body" }).fill(PAYLOAD);
      await page.getByRole("button", { name: "Send test" }).click();
      await page.getByRole("alert").waitFor();
      await assertInert(page);
      await page.getByRole("button", { name: "Send anyway" }).click();
      await page.getByRole("heading", { name: "Result" }).waitFor();
      await assertInert(page);
      assert.equal((await receiver.next()).body.toString(), PAYLOAD);
      assert.deepEqual(problems, []);
      await api.call("DELETE", `/hooks/${hook.id}`, 204);
      await context.close();
    });
  });
}

function makeHook(name) {
  return api.createHook({ name, event_type: "work_item.closed", callback_url: `${receiver.origin}/${name}`, enabled: false });
}

async function assertInert(page) {
  assert.equal(await page.getByRole("textbox", { name: "Body" }).inputValue(), PAYLOAD);
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
}
