// Testing before and after saving, with the keyboard only, with scripts and without.

import { expect, test } from "../support/fixtures.mjs";
import { choose, press, tabTo, typeInto } from "../support/keyboard.mjs";
import { verify } from "../support/standard-webhooks.mjs";

const HOOKS = "/integration/hooks";
const SCRIPT = "<script>window.pwned=1</script><img src=x onerror=window.pwned=2>";
const PAYLOAD = `{"id": "</textarea>${SCRIPT}"}`;

test.use({ portal: "test_send" });

test.describe("tests", { tag: "@both" }, () => {
  test("creates a hook with a key, tests it before it is saved, mends its URL, and saves it (K4)", async ({
    page,
    api,
    receiver,
    problems,
    javaScriptEnabled,
  }) => {
    const name = "Ticket archive";
    await page.goto(`${HOOKS}/new`);
    await typeInto(page, page.getByLabel("Name"), name);
    await choose(page, page.getByLabel("Event", { exact: true }), "Work");
    await typeInto(page, page.getByLabel("Callback URL"), "http://10.0.0.1/x");
    await press(page, page.getByRole("button", { name: "Generate" }));
    await expect(page.getByText("New key, shown only once.")).toBeVisible();
    await expect(page.getByLabel("API key")).toHaveValue(/^key_/);
    const key = await page.getByLabel("API key").inputValue();

    await press(page, page.getByRole("button", { name: "Send test" }));
    await goToTheField(page, javaScriptEnabled);
    await typeInto(page, page.getByLabel("Callback URL"), `${receiver.origin}/archive`);
    await press(page, page.getByRole("button", { name: "Send test" }));

    const trial = page.getByRole("region", { name: "Test result (not saved)" });
    await expect(trial.getByText(/^127\.0\.0\.1 returned 200 OK in \d+ ms\.$/)).toBeVisible();
    await expect(trial, "the result has the focus").toBeFocused();
    const secret = await trial.locator("code").filter({ hasText: "whsec_" }).innerText();
    const tried = await receiver.next();
    expect(tried.headers["x-api-key"]).toBe(key);
    expect(tried.headers["x-service-hook-test"]).toBe("true");
    verify(secret, tried);
    expect(await named(api, name), "not saved").toEqual([]);

    await tabTo(page, page.getByRole("switch", { name: "Turned on" }));
    await page.keyboard.press("Space");
    await press(page, page.getByRole("button", { name: "Create hook" }).last());
    await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
    const [hook] = await named(api, name);
    expect(hook.enabled).toBe(true);
    await api.emit("work_item.closed", JSON.stringify(JSON.parse(tried.body)));
    const delivered = await receiver.next();
    expect(delivered.headers["x-api-key"]).toBe(key);
    verify(secret, delivered);
    expect(problems).toEqual([]);
    await api.call("DELETE", `/hooks/${hook.id}`, 204);
  });

  test("checks a typed body, says where it is wrong, and sends it anyway", async ({
    page,
    api,
    receiver,
    problems,
  }) => {
    const hook = await makeHook(api, receiver, "Checked");
    const calls = () => receiver.requests.filter(({ url }) => url === `/${hook.name}`).length;
    const body = page.getByRole("textbox", { name: "Payload" });
    await page.goto(`${HOOKS}/${hook.id}/test`);
    await typeInto(page, body, `{"id": }`);
    await press(page, page.getByRole("button", { name: "Check" }));
    const alert = page.getByRole("alert");
    await expect(alert.getByText("Line 1, column 8: a value is missing or not valid.")).toBeVisible();
    await typeInto(page, body, `{"id": "x"}`);
    await press(page, page.getByRole("button", { name: "Send test" }));
    await expect(alert.getByText("The test was not sent.")).toBeVisible();
    expect(calls()).toBe(0);
    await press(page, page.getByRole("button", { name: "Send anyway" }));
    const result = page.getByRole("region", { name: "Result" });
    await expect(result.getByText(/^127\.0\.0\.1 returned 200 OK in \d+ ms\.$/)).toBeVisible();
    await expect(result, "the result has the focus").toBeFocused();
    expect((await receiver.next()).body.toString()).toBe(`{"id": "x"}`);
    await expect(body).toHaveValue(`{"id": "x"}`);
    const tests = page.getByRole("table", { name: "Recent tests" });
    await expect(tests.getByRole("row").nth(1).getByText("200")).toBeVisible();
    // Loading the page again sends nothing again.
    await page.reload();
    await page.reload();
    expect(calls()).toBe(1);
    expect(problems).toEqual([]);
    await api.call("DELETE", `/hooks/${hook.id}`, 204);
  });

  test("shows a body that breaks out of its field as text", async ({
    page,
    api,
    receiver,
    problems,
  }) => {
    const hook = await makeHook(api, receiver, "Payload");
    await page.goto(`${HOOKS}/${hook.id}/test`);
    await page.getByRole("textbox", { name: "Payload" }).fill(PAYLOAD);
    await page.getByRole("button", { name: "Send test" }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await expectInert(page);
    await page.getByRole("button", { name: "Send anyway" }).click();
    await expect(page.getByRole("heading", { name: "Result" })).toBeVisible();
    await expectInert(page);
    expect((await receiver.next()).body.toString()).toBe(PAYLOAD);
    expect(problems).toEqual([]);
    await api.call("DELETE", `/hooks/${hook.id}`, 204);
  });
});

/** From the summary of what is wrong, by its link, to the URL. */
async function goToTheField(page, javaScriptEnabled) {
  const summary = page.getByRole("alert");
  await expect(summary.getByRole("heading", { name: "There is a problem" })).toBeVisible();
  await expect(summary, "the summary has the focus").toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  if (!javaScriptEnabled) return;
  await expect(page.getByLabel("Callback URL"), "its link leads to the field").toBeFocused();
}

function makeHook(api, receiver, name) {
  const callback_url = `${receiver.origin}/${name}`;
  return api.createHook({ name, event_type: "work_item.closed", callback_url, enabled: false });
}

/** The hooks of that name. */
async function named(api, name) {
  const { items } = await api.call("GET", "/hooks", 200);
  return items.filter((hook) => hook.name === name);
}

async function expectInert(page) {
  await expect(page.getByRole("textbox", { name: "Payload" })).toHaveValue(PAYLOAD);
  await expect(page.locator("main img, main script")).toHaveCount(0);
  expect(await page.evaluate(() => window.pwned)).toBeUndefined();
}
