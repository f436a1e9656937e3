// An open page is true: it follows what happens elsewhere, in any number of windows, without disturbing the user.

import { awake } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";

test.use({ portal: "live", settings: { SERVICE_HOOKS_DELIVERY__RETRY_SCHEDULE: "[]" } });

const CALL = JSON.stringify({ agentID: "1", targetPhoneNumber: "+1", Timestamp: "2022-03-08T07:39:47Z" });

function create(api, receiver, name, enabled = true) {
  const callback_url = `${receiver.origin}/${encodeURIComponent(name)}`;
  return api.createHook({ name, event_type: "outbound_call.initiated", callback_url, enabled });
}

async function remove(api, hook) {
  await api.call("DELETE", `/hooks/${hook.id}`, 204);
}

const switchOf = (page, name) => page.getByRole("switch", { name: `${name} turned on` });

test("ten windows follow a receiver that is gone, over one stream", async ({ api, context, receiver }) => {
  const hook = await create(api, receiver, "Ten windows");
  const streams = new Set();
  context.on("request", (request) => new URL(request.url()).pathname === "/live" && streams.add(request));
  for (const end of ["requestfinished", "requestfailed"]) context.on(end, (request) => streams.delete(request));
  // On a busy machine a second window may take the lead for a moment. One of the two gives it up.
  const oneStream = () => expect.poll(() => streams.size, "one stream for all windows").toBe(1);
  const pages = [];
  for (let at = 0; at < 10; at += 1) {
    const page = await context.newPage();
    await page.goto(at % 2 === 0 ? "/integration/hooks" : `/integration/hooks/${hook.id}`);
    await awake(page);
    pages.push(page);
  }
  await oneStream();
  receiver.statusOf = (url) => (url === "/Ten%20windows" ? 410 : undefined);
  await api.emit("outbound_call.initiated", CALL);
  for (const page of pages) await expect(switchOf(page, "Ten windows").first()).not.toBeChecked();
  receiver.statusOf = () => undefined;
  await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ enabled: true }));
  for (const page of pages) await expect(switchOf(page, "Ten windows").first()).toBeChecked();
  await oneStream();

  // The window with the stream goes, and another takes over.
  const [first] = streams;
  await first.frame().page().close();
  streams.delete(first);
  await oneStream();
  await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ enabled: false }));
  for (const page of pages.filter((page) => !page.isClosed())) {
    await expect(switchOf(page, "Ten windows").first()).not.toBeChecked();
  }
  await remove(api, hook);
});

test("an edit elsewhere is shown, and nothing one uses is disturbed", async ({ api, page, receiver }) => {
  const hook = await create(api, receiver, "Before");
  await page.goto("/integration/hooks");
  await awake(page);
  const search = page.getByRole("searchbox").first();
  await search.fill("half typed");
  const row = page.locator(`#h-${hook.id}`);
  const pick = row.getByRole("checkbox");
  await pick.check();
  await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ name: "After" }));
  await expect(row.getByRole("link", { name: "After", exact: true })).toBeVisible();
  await expect(search).toHaveValue("half typed");
  await expect(pick).toBeChecked();
  await remove(api, hook);
});

test("rows do not move by themselves", async ({ api, page, receiver }) => {
  await page.goto("/integration/hooks");
  await awake(page);
  const hook = await create(api, receiver, "New one");
  await expect(page.getByText("The list has changed.").first()).toBeVisible();
  await expect(page.locator(`#h-${hook.id}`)).toHaveCount(0);
  await page.getByRole("link", { name: "Show", exact: true }).click();
  await expect(page.locator(`#h-${hook.id}`)).toBeVisible();
  await remove(api, hook);
});

test("says that one was signed out elsewhere", async ({ visitor }) => {
  const { context, page } = await visitor({ role: "auditor" });
  await page.goto("/integration/hooks");
  await awake(page);
  const other = await context.newPage();
  await other.goto("/account");
  await other.getByRole("button", { name: /^Ann/ }).click();
  await other.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByText("You are signed out.").first()).toBeVisible();
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });
  test("a page has a link that reads it again", async ({ page }) => {
    await page.goto("/integration/hooks?q=x");
    await page.getByRole("link", { name: "Refresh" }).click();
    await expect(page).toHaveURL(/\/integration\/hooks\?q=x$/);
  });
});
