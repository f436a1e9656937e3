// The command palette and the shortcuts: one key away on every page, by keyboard alone, and the same as the search page.

import { axeIn } from "../support/axe.mjs";
import { expect, test } from "../support/fixtures.mjs";

test.use({ portal: "palette" });

const HOOKS = "/integration/hooks";

test("opens with Ctrl K, finds, acts, and gives the focus back", async ({ page, api, receiver, problems }) => {
  const hook = await makeHook(api, receiver, "CRM call-backs");
  await makeHook(api, receiver, "Wallboard");
  await page.goto(HOOKS);
  const link = page.getByRole("link", { name: "New hook" });
  await link.focus();
  const dialog = page.getByRole("dialog", { name: "Search and commands" });
  const input = dialog.getByRole("combobox");
  const chosen = dialog.locator("[role=option][aria-selected=true]");
  await open(page, dialog);
  await expect(input).toBeFocused();
  await expect(dialog.getByRole("option", { name: "Sign out" })).toBeVisible();
  const runAxe = await axeIn(page);
  expect((await runAxe()).violations).toEqual([]);

  await input.pressSequentially("crm");
  await expect(dialog.getByRole("group", { name: "Hooks" }).getByRole("option")).toHaveCount(1);
  await expect(chosen).toContainText("CRM call-backs");
  await expect(input).toHaveAttribute("aria-activedescendant", await chosen.getAttribute("id"));
  await page.keyboard.press("ArrowDown");
  await expect(chosen).toContainText("Send test to CRM call-backs");
  await page.keyboard.press("ArrowUp");
  await expect(chosen).not.toContainText("Send test");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(link).toBeFocused();

  await open(page, dialog);
  await expect(input).toHaveValue("");
  await input.pressSequentially("turn off crm");
  await page.keyboard.press("Enter");
  await expect(page.getByText('"CRM call-backs" turned off.')).toBeVisible();
  expect((await api.call("GET", `/hooks/${hook.id}`, 200)).enabled).toBe(false);

  await open(page, dialog);
  await input.pressSequentially(hook.id);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "CRM call-backs", level: 1 })).toBeVisible();
  expect(problems).toEqual([]);
});

test("shows the shortcuts with ?, but not while the user types, nor where they are off", async ({ page, problems }) => {
  await page.goto(`${HOOKS}/new`);
  const dialog = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await page.getByLabel("Name").fill("");
  await page.getByLabel("Name").pressSequentially("?");
  await expect(page.getByLabel("Name")).toHaveValue("?");
  await expect(dialog).toBeHidden();
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("?");
  await expect(dialog).toBeVisible();
  const runAxe = await axeIn(page);
  expect((await runAxe()).violations).toEqual([]);
  await dialog.getByRole("button", { name: "Turn single-key shortcuts off" }).click();
  await expect(dialog.getByRole("status")).toContainText("off in this browser");
  await dialog.getByRole("button", { name: "Close" }).click();
  await page.keyboard.press("?");
  // The palette opens after it: had the key worked, its dialog would be there.
  await open(page, page.getByRole("dialog", { name: "Search and commands" }));
  await expect(dialog).toBeHidden();
  expect(problems).toEqual([]);
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("the search page finds and acts the same", async ({ page, api, receiver }) => {
    const hook = await makeHook(api, receiver, "Dialler");
    await page.goto("/search");
    await page.getByLabel("Hook, event type, ID, page or action").fill("turn off dialler");
    await page.getByRole("main").getByRole("button", { name: "Search" }).click();
    await page.getByRole("button", { name: "Turn off Dialler" }).click();
    await expect(page.getByText('"Dialler" turned off.')).toBeVisible();
    await page.goto(`/search?q=${hook.id}`);
    await expect(page.getByRole("heading", { name: "Dialler", level: 1 })).toBeVisible();
  });
});

/** Pressed until it is open: the script may still be on its way. */
async function open(page, dialog) {
  await expect(async () => {
    if (!(await dialog.isVisible())) await page.keyboard.press("Control+k");
    await expect(dialog).toBeVisible({ timeout: 500 });
  }).toPass();
}

function makeHook(api, receiver, name) {
  return api.createHook({ name, event_type: "work_item.closed", callback_url: `${receiver.origin}/in`, enabled: true });
}
