// Two people at the same hook, and people who type markup: no work is lost, and nothing that was
// typed runs.

import { awake } from "../support/browser.mjs";
import { expect, test } from "../support/fixtures.mjs";

/**
 * Each breaks out of another place: a text area, an attribute, the title, a comment, text that
 * was decoded.
 */
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
const INJECTED = [
  "img",
  "svg:not(.icon, [role=img][aria-label], [aria-hidden=true] > svg)",
  "[onerror]",
  "[onload]",
  "body style",
  "body meta",
  "script:not([src]):not([nonce])",
].join(", ");

test.use({ portal: "conflict" });

test("shows who saves second what the first one saved, and keeps what was typed", async ({
  page: first,
  context,
  api,
  receiver,
  problems,
}) => {
  const hook = await makeHook(api, receiver, "Wallboard", "/first");
  const second = await context.newPage();
  for (const tab of [first, second]) await tab.goto(`/integration/hooks/${hook.id}/settings`);

  await first.getByLabel("Name").fill("Wallboard of Anna");
  await first.getByLabel("Callback URL").fill(`${receiver.origin}/anna`);
  await save(first);
  await expect(first.getByRole("heading", { name: "Wallboard of Anna", level: 1 })).toBeVisible();

  const event = second.getByLabel("Event", { exact: true });
  await second.getByLabel("Name").fill("Wallboard of Bert");
  await event.selectOption("outbound_call.initiated");
  await second.getByRole("switch", { name: "Turned on" }).check();
  await save(second);
  const notice = second.getByRole("alert");
  await expect(notice.getByText("Wallboard of Anna")).toBeVisible();
  await expect(notice.getByText(`${receiver.origin}/anna`)).toBeVisible();
  await expect(second.getByLabel("Name")).toHaveValue("Wallboard of Bert");
  await expect(second.getByLabel("Callback URL")).toHaveValue(`${receiver.origin}/first`);
  await expect(event).toHaveValue("outbound_call.initiated");
  await expect(second.getByRole("switch", { name: "Turned on" })).toBeChecked();
  expect((await readHook(api, hook.id)).name).toBe("Wallboard of Anna");

  await save(second);
  await expect(
    second.getByRole("heading", { name: "Wallboard of Bert", level: 1 }),
  ).toBeVisible();
  expect(await readHook(api, hook.id)).toMatchObject({
    name: "Wallboard of Bert",
    callback_url: `${receiver.origin}/first`,
    event_type: "outbound_call.initiated",
    enabled: true,
  });
  // A page that says so by its status is in the console's eyes a failure: it is the only one.
  expect(problems).toEqual([expect.stringMatching(/status of 409 \(Conflict\)/)]);
});

test("tells of a conflict again when the hook changed once more", async ({
  page,
  api,
  receiver,
}) => {
  const hook = await makeHook(api, receiver, "Dialler", "/dialler");
  await page.goto(`/integration/hooks/${hook.id}/settings`);
  await page.getByLabel("Name").fill("Dialler of Bert");
  for (const name of ["Dialler of Anna", "Dialler of Carla"]) {
    await api.call("PATCH", `/hooks/${hook.id}`, 200, JSON.stringify({ name }));
    await save(page);
    await expect(page.getByRole("alert").getByText(name)).toBeVisible();
    await expect(page.getByLabel("Name")).toHaveValue("Dialler of Bert");
  }
  await save(page);
  await expect(page.getByRole("heading", { name: "Dialler of Bert", level: 1 })).toBeVisible();
});

test.describe("without the policy that would stop a script anyway", () => {
  // The escaping has to hold alone.
  test.use({ bypassCSP: true });

  for (const payload of PAYLOADS) {
    test(`never runs what a user typed or a receiver returned: ${payload}`, async ({
      page,
      api,
      receiver,
      problems,
    }) => {
      const { id } = await makeHook(api, receiver, payload, `/?x='"><svg/onload=window.pwned=1>`);
      receiver.body = payload;
      await page.goto("/integration/hooks");
      await awake(page);
      await expectInert(page, payload);

      const at = `/integration/hooks/${id}`;
      await page.goto(at);
      await awake(page);
      await expectInert(page, payload);
      expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe(payload);
      expect(await page.title()).toBe(`${payload} – Service Hooks`);
      for (const address of [
        `${at}/settings`,
        `${at}/delete`,
        `/integration/hooks/new?clone=${id}`,
      ]) {
        await page.goto(address);
        await expectInert(page, payload);
      }

      await page.goto(at);
      await page.getByRole("button", { name: "Send test" }).click();
      await expectInertAnswer(page, payload);
      await page.getByRole("table", { name: "Recent deliveries" }).getByRole("link").click();
      await expectInertAnswer(page, payload);
      expect(problems).toEqual([]);
    });
  }

  test("shows a name that is markup as it was typed, in a form that comes back", async ({
    page,
    problems,
  }) => {
    await page.goto("/integration/hooks/new");
    for (const payload of PAYLOADS) {
      await page.getByLabel("Name").fill(payload);
      await page.getByLabel("Callback URL").fill(payload);
      await page.getByRole("button", { name: "Create hook" }).click();
      await expect(page.getByRole("alert")).toBeVisible();
      await expect(page.getByLabel("Name")).toHaveValue(payload);
      await expect(page.getByLabel("Callback URL")).toHaveValue(payload);
      await expectInert(page);
    }
    await page.goto(`/integration/hooks/new?event=${encodeURIComponent(PAYLOADS[1])}`);
    await expectInert(page);
    expect(problems).toEqual([]);
  });
});

function makeHook(api, receiver, name, path) {
  const callback_url = `${receiver.origin}${path}`;
  return api.createHook({ name, event_type: "work_item.closed", callback_url, enabled: false });
}

function readHook(api, id) {
  return api.call("GET", `/hooks/${id}`, 200);
}

async function save(page) {
  await page.getByRole("button", { name: "Save changes" }).click();
}

/** The response is shown as text. */
async function expectInertAnswer(page, answer) {
  const region = page.getByRole("region", { name: "Response body of attempt 1", exact: true });
  const shown = await region.textContent();
  expect(shown.endsWith(answer), shown).toBe(true);
  await expectInert(page, answer);
}

/**
 * Nothing ran, nothing became an element, and `text` is on the page (or in a field) as it was
 * typed.
 */
async function expectInert(page, text = "") {
  expect(
    await page.evaluate(() => window.pwned),
    `a script ran on ${page.url()}`,
  ).toBeUndefined();
  const injected = await page
    .locator(INJECTED)
    .evaluateAll((found) => found.map((it) => it.outerHTML));
  expect(injected, page.url()).toEqual([]);
  const shown = await page.evaluate(() => {
    const fields = [...document.querySelectorAll("input")].map((input) => input.value);
    return [document.body.textContent, ...fields].join("\n");
  });
  expect(shown, `on ${page.url()}`).toContain(text);
}
