// The whole way of an administrator, from signing in to signing out, walked twice: with scripts
// and without. The steps build on each other; each begins by going to where it happens.

import { readFile } from "node:fs/promises";
import { ABANDONED, OUTBOUND, WORK_ITEM } from "../support/bodies.mjs";
import { fillSignIn, newVisitor } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { rawValues, slideByForm, slideInPlace, sliderOf } from "../support/journey.mjs";
import { verify } from "../support/standard-webhooks.mjs";

const HOOKS = "/integration/hooks";
const NAME = "Ticket archive";
const KEY = "typed-key-0123456789-CANARY";
const FORBIDDEN_URL = "http://10.0.0.1/x";

test.use({ portal: "journey", role: "nobody" });

test.describe("the journey", { tag: "@both" }, () => {
  test.describe.configure({ mode: "serial" });

  let page, context, problems, user;
  /** The address of the page of the hook that is made on the way. */
  let hookPage;

  test.beforeAll(async ({ browser, accounts, javaScriptEnabled }) => {
    user = await accounts.user("administrator");
    ({ page, context, problems } = await newVisitor(browser, { javaScriptEnabled }));
  });

  test.afterAll(() => context?.close());

  const path = () => new URL(page.url()).pathname;
  const field = (name) => page.getByLabel(name, { exact: name === "Event" });
  const button = (name) => page.getByRole("button", { name });
  const heading = (name, level) => page.getByRole("heading", { name, level });
  const said = (hasText) => page.getByRole("status").filter({ hasText });
  const rowOf = (hook) => page.getByRole("row").filter({ hasText: hook });

  test("leads a visitor who is not signed in to sign-in", async () => {
    await page.goto(HOOKS);
    expect(path()).toBe("/sign-in");
  });

  test("refuses a wrong password and keeps the e-mail", async () => {
    await fillSignIn(page, { ...user, password: "not the password" });
    await expect(page.getByRole("alert").getByText("wrong")).toBeVisible();
    await expect(field("Email")).toHaveValue(user.email);
    await expect(field("Password")).toHaveValue("");
    await expect(page).toHaveTitle(/^Error: /);
    expect(page.url()).not.toContain(user.email);
    expect(page.url()).not.toContain("password");
  });

  test("signs in and leads back", async () => {
    await fillSignIn(page, user);
    await expect(heading("Service hooks", 1)).toBeVisible();
    expect(path()).toBe(HOOKS);
  });

  test("shows a form that cannot be accepted again, with everything but the key", async ({
    receiver,
  }) => {
    await page.goto(HOOKS);
    await page.getByRole("link", { name: "New hook" }).click();
    await field("Name").fill(NAME);
    await field("Event").selectOption("work_item.closed");
    await field("Callback URL").fill(FORBIDDEN_URL);
    await field("API key").fill(KEY);
    await button("Create hook").click();

    const summary = page.getByRole("alert");
    await expect(summary.getByRole("heading", { name: "There is a problem" })).toBeVisible();
    await expect(page).toHaveTitle(/^Error: /);
    await expect(summary, "the summary has the focus").toBeFocused();
    await expect(field("Callback URL")).toHaveAttribute("aria-invalid", "true");
    const message = await summary.getByRole("listitem").innerText();
    await expect(field("Callback URL"), "the field says the same").toHaveAccessibleDescription(
      containing(message),
    );
    await expect(field("Callback URL")).toHaveValue(FORBIDDEN_URL);
    await expect(field("Name")).toHaveValue(NAME);
    await expect(field("Name")).not.toHaveAttribute("aria-invalid");
    await expect(field("Event")).toHaveValue("work_item.closed");
    await expect(field("API key")).toHaveValue("");
    expect(receiver.requests.length).toBe(0);
  });

  test("never shows the typed key again", async () => {
    const answer = await page.reload();
    expect(await answer.text(), "the HTML that was sent").not.toContain(KEY);
    expect(await page.content(), "the document").not.toContain(KEY);
    expect(page.url(), "the address").not.toContain(KEY);
  });

  test("creates the hook once only the URL is corrected", async ({ receiver }) => {
    await field("Callback URL").fill(`${receiver.origin}/archive?from=e2e`);
    await button("Create hook").click();
    await expect(heading(NAME, 1)).toBeVisible();
    expect(path()).toMatch(/^\/integration\/hooks\/[0-9a-f-]{36}$/);
    hookPage = path();
    await expect(said(`"${NAME}" created.`)).toBeVisible();
    expect(await page.content(), "the key is not in the document").not.toContain(KEY);
  });

  test("slides the hook on in its row", async ({ javaScriptEnabled }) => {
    await page.goto(HOOKS);
    await (javaScriptEnabled ? slideInPlace : slideByForm)(page, NAME);
    await expect(rowOf(NAME).getByText("No traffic")).toBeVisible();
    await page.reload();
    await expect(sliderOf(page, NAME)).toBeChecked();
  });

  test("delivers an event byte for byte", async ({ api, receiver }) => {
    const { id, deliveries } = await api.emit("work_item.closed", WORK_ITEM);
    expect(deliveries).toBe(1);
    const request = await receiver.next();
    expect(request.method).toBe("POST");
    expect(request.url).toBe("/archive?from=e2e");
    expect(request.body).toEqual(Buffer.from(WORK_ITEM));
    expect(rawValues(request, "x-api-key")).toEqual([KEY]);
    expect(rawValues(request, "x-service-hook-event")).toEqual(["work_item.closed"]);
    expect(rawValues(request, "content-type")).toEqual(["application/json"]);
    expect(rawValues(request, "webhook-id")).toEqual([id]);
    expect(rawValues(request, "x-service-hook-test")).toEqual([]);
  });

  for (const [type, data] of [
    ["conversation.abandoned", ABANDONED],
    ["outbound_call.initiated", OUTBOUND],
  ]) {
    test(`signs what it delivers: ${type}`, async ({ api, receiver }) => {
      const callback_url = `${receiver.origin}/signed`;
      const hook = await api.createHook({
        name: `Signed ${type}`,
        event_type: type,
        callback_url,
        enabled: true,
      });
      const { id } = await api.emit(type, data);
      const request = await receiver.next();
      expect(request.body).toEqual(Buffer.from(data));
      expect(rawValues(request, "x-service-hook-event")).toEqual([type]);
      expect(rawValues(request, "webhook-id")).toEqual([id]);
      verify(hook.signing_secret, request);
      const forged = { ...request, body: Buffer.from(data.replace("+123456789", "+123456780")) };
      expect(() => verify(hook.signing_secret, forged)).toThrow(/no signature fits/);
    });
  }

  test("shows the delivery on the hook's page", async () => {
    const deliveries = page.getByRole("table", { name: "Recent deliveries" });
    await eventually("the page says Delivered", async () => {
      await page.goto(hookPage);
      return (await deliveries.getByText(/Delivered$/).count()) === 1;
    });
    await deliveries.getByRole("link").click();
    const asSent = page.getByRole("link", { name: "Raw", exact: true });
    await asSent.click();
    await expect(asSent).toHaveAttribute("aria-current");
    const body = page.getByRole("region", { name: "Payload sent" });
    expect(await body.textContent()).toBe(WORK_ITEM);
  });

  test("gives the schema of a row's event as a file", async () => {
    await page.goto(HOOKS);
    const coming = page.waitForEvent("download");
    await rowOf(NAME).getByRole("link", { name: "Download JSON Schema" }).click();
    const download = await coming;
    expect(download.suggestedFilename()).toMatch(/work_item\.closed.*\.json$/);
    const schema = JSON.parse(await readFile(await download.path(), "utf8"));
    expect(typeof schema.$id).toBe("string");
    expect(schema.examples.length).toBeGreaterThan(0);
    expect(schema.examples[0].createdAt).toBe("2022-03-08T07:39:47.6052457Z");
    expect(path()).toBe(HOOKS);
  });

  test("sends a test and shows what came back", async ({ receiver }) => {
    receiver.body = "I heard you.";
    await page.goto(hookPage);
    await button("Send test").click();
    const sent = page.getByRole("region", { name: "Test result" });
    await expect(sent.getByText("Delivered (test)")).toBeVisible();
    await expect(sent.getByText("Attempt 1: 200")).toBeVisible();
    const answer = sent.getByRole("region", { name: "Response body of attempt 1", exact: true });
    await expect(answer).toContainText("I heard you.");
    const request = await receiver.next();
    expect(rawValues(request, "x-service-hook-test")).toEqual(["true"]);
    expect(rawValues(request, "x-api-key")).toEqual([KEY]);
    expect(JSON.parse(request.body).createdAt).toBe("2022-03-08T07:39:47.6052457Z");
  });

  test("edits the hook and keeps its key", async ({ api, receiver }) => {
    await page.goto(hookPage);
    await page.getByRole("link", { name: "Edit" }).click();
    await expect(heading("Edit hook")).toBeVisible();
    await expect(page.getByRole("switch", { name: "Turned on" })).toBeChecked();
    await expect(field("API key")).toHaveValue("");
    await field("Name").fill(`${NAME} 2`);
    await button("Save changes").click();
    await expect(heading(`${NAME} 2`, 1)).toBeVisible();
    expect(path()).toBe(hookPage);
    await api.emit("work_item.closed", WORK_ITEM);
    expect(rawValues(await receiver.next(), "x-api-key")).toEqual([KEY]);
  });

  test("saves when Enter is pressed in a field", async () => {
    await page.goto(`${hookPage}/settings`);
    await field("Name").press("Enter");
    await expect(said(`"${NAME} 2" saved.`)).toBeVisible();
    expect(path()).toBe(hookPage);
  });

  test("clones the hook but not its key", async ({ receiver }) => {
    await page.goto(hookPage);
    await page.getByRole("link", { name: "Clone" }).click();
    await expect(heading("New hook")).toBeVisible();
    await expect(field("Name")).toHaveValue(`Copy of ${NAME} 2`);
    await expect(field("Callback URL")).toHaveValue(`${receiver.origin}/archive?from=e2e`);
    await expect(field("Event")).toHaveValue("work_item.closed");
    await expect(page.getByRole("switch", { name: "Turned on" })).not.toBeChecked();
    await button("Create hook").click();
    await expect(page.getByRole("alert").getByText("API key")).toBeVisible();
    await field("API key").fill("another-key");
    await button("Create hook").click();
    await expect(heading(`Copy of ${NAME} 2`, 1)).toBeVisible();
    expect(path()).not.toBe(hookPage);
  });

  test("deletes a hook after asking", async () => {
    const copy = `Copy of ${NAME} 2`;
    const linkTo = (name) => page.getByRole("link", { name, exact: true });
    await page.goto(HOOKS);
    await linkTo(copy).click();
    await page.getByRole("link", { name: "Delete" }).click();
    await expect(heading(`Delete ${copy}?`)).toBeVisible();
    await button("Delete hook").click();
    await expect(said(`"${copy}" deleted.`)).toBeVisible();
    expect(path()).toBe(HOOKS);
    await expect(linkTo(copy)).toHaveCount(0);
    await expect(linkTo(`${NAME} 2`)).toHaveCount(1);
  });

  test("signs out, and pages lead to sign-in again", async () => {
    await page.goto(HOOKS);
    await button(user.name).click();
    await button("Sign out").click();
    await expect(heading("Sign in")).toBeVisible();
    for (const address of [HOOKS, hookPage, `${hookPage}/settings`, "/integration/events"]) {
      await page.goto(address);
      expect(path(), address).toBe("/sign-in");
    }
  });

  test("went without an error in the browser", () => {
    expect(problems).toEqual([]);
  });
});

/** A pattern for texts that have this one in them. */
function containing(text) {
  return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
}
