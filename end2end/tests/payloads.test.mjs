// Text stays text: forty payloads in every field that can be typed into and everywhere that
// stored text is shown, and the API key nowhere.

import { awake } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { harm, ODD, PAYLOADS } from "../support/payloads.mjs";
import { addressOf, ROUTES } from "../support/routes.mjs";

const HOOKS = "/integration/hooks";
const TYPE = "conversation.abandoned";
const KEY = "CANARY-key-0123456789-in-no-page";

test.use({ portal: "payloads", viewport: { width: 320, height: 800 }, trace: "off" });

test("there are forty", () => {
  expect(new Set(PAYLOADS).size).toBe(40);
});

test("in every field of every form", async ({ visitor, api, receiver }) => {
  const { hook } = await stored(api, receiver, "A hook", "thank you");
  const forms = [
    ["/sign-in", "nobody"],
    [`${HOOKS}/new`, "administrator"],
    [`${HOOKS}/${hook.id}/settings`, "administrator"],
  ];
  for (const [route, role] of forms) {
    const { page, problems } = await visitor({ role });
    for (const payload of [...PAYLOADS, ...ODD]) {
      await page.goto(route);
      const form = page.locator("main form:has(button.primary)").first();
      const typed = await form.evaluate(typeEverywhere, payload);
      expect(typed.length, route).toBeGreaterThan(0);
      await form.locator("button.primary").click();
      await expect(page.getByRole("alert")).toBeVisible();
      expect(await harm(page), `${payload} in ${typed} of ${route}`).toEqual([]);
    }
    expect(problems, route).toEqual([]);
  }
});

test("in addresses", async ({ page, problems }) => {
  for (const payload of PAYLOADS) {
    const text = encodeURIComponent(payload);
    const list = `${HOOKS}?q=${text}&status=${text}&sort=${text}&page=${text}`;
    const form = `${HOOKS}/new?event=${text}&draft=${text}`;
    for (const address of [list, `/integration/events/${text}`, form]) {
      await page.goto(address);
      expect(await harm(page), address).toEqual([]);
    }
  }
  expect(problems.filter(isUnexpected)).toEqual([]);
});

test("in names, bodies of events, and what receivers answer; and the key in nothing that is shown", async ({
  page,
  context,
  api,
  receiver,
  problems,
}) => {
  const leaks = recordLeaks(page);
  for (const payload of [...PAYLOADS, ...ODD]) {
    // Characters that cannot be seen are refused in a name; everywhere else they may come.
    const name = /\p{C}/u.test(payload) ? "Odd" : payload;
    const { hook, delivery } = await stored(api, receiver, name, payload);
    const at = `${HOOKS}/${hook.id}`;
    for (const address of [
      at,
      `${at}/settings`,
      `${at}/delete`,
      `${at}/deliveries/${delivery.id}`,
    ]) {
      await page.goto(address);
      await unfold(page);
      expect(await harm(page), `${payload} on ${address}`).toEqual([]);
    }
    await page.goto(at);
    await awake(page);
    await page.getByRole("main").getByRole("switch").first().click();
    await expect(page.getByRole("status").filter({ hasText: "Saved" })).toBeVisible();
    expect(await harm(page), `${payload} after a toggle`).toEqual([]);
  }
  const hook = (await api.call("GET", "/hooks", 200)).items[0].id;
  for (const entry of ROUTES.filter(({ route, as }) => !as && !route.includes("{id}"))) {
    await page.goto(addressOf(entry, { hook, delivery: hook }));
    expect(await harm(page), entry.name).toEqual([]);
  }
  expect(leaks).toEqual([]);
  expect(JSON.stringify(await context.storageState())).not.toContain(KEY);
  expect(await page.evaluate(() => [localStorage.length, sessionStorage.length])).toEqual([0, 0]);
  expect(problems.filter(isUnexpected)).toEqual([]);
});

test("an answer that is no text, and one that goes on and on", async ({
  page,
  api,
  receiver,
  problems,
}) => {
  const [before, after] = [
    [0xff, 0xfe, 0xc3, 0x28, 0x00, 0x1b],
    [0xed, 0xa0, 0x80],
  ];
  const noise = Buffer.concat([
    Buffer.from(before),
    Buffer.from(PAYLOADS[0]),
    Buffer.from(after),
  ]);
  const long = JSON.stringify({ ["k".repeat(10_000)]: "v".repeat(50_000) });
  for (const answer of [noise, long]) {
    const { hook, delivery } = await stored(api, receiver, "Noise", answer);
    await page.goto(`${HOOKS}/${hook.id}/deliveries/${delivery.id}`);
    await unfold(page);
    expect(await harm(page)).toEqual([]);
  }
  expect(problems).toEqual([]);
});

/** Runs in the page: puts a text into every field of a form, and returns their names. */
function typeEverywhere(form, text) {
  // The browser's own judgement is not what is tested here.
  form.noValidate = true;
  for (const details of form.querySelectorAll("details")) details.open = true;
  const others = ["hidden", "checkbox", "radio", "submit"];
  const fields = [...form.querySelectorAll("input, textarea")].filter(
    ({ type }) => !others.includes(type),
  );
  for (const field of fields) field.value = text;
  return fields.map(({ name }) => name);
}

async function unfold(page) {
  await page
    .locator("details")
    .evaluateAll((folded) => folded.forEach((each) => (each.open = true)));
}

/** The pages that come with the key in them, as they come. */
function recordLeaks(page) {
  const leaks = [];
  page.on("response", async (response) => {
    if (response.request().resourceType() !== "document" || response.status() >= 300) return;
    const text = await response.text().catch(() => "");
    if (text.includes(KEY)) leaks.push(response.url());
  });
  return leaks;
}

/** There is no page at some of the addresses. */
function isUnexpected(problem) {
  return !problem.includes("status of 404");
}

/** A hook of that name, and a delivery to it of an event that says it, answered with it. */
async function stored(api, receiver, name, answer) {
  const callback_url = `${receiver.origin}/in`;
  const hook = await api.createHook({
    name,
    event_type: TYPE,
    callback_url,
    enabled: true,
    api_key: KEY,
  });
  const isText = typeof answer === "string";
  receiver.body = answer;
  const fitsHeader = isText && /^[\x20-\x7e]*$/.test(answer) && answer.length < 1000;
  receiver.headers = fitsHeader ? { "x-odd": answer } : {};
  const text = isText ? answer.slice(0, 200) : "noise";
  const said = { customerPhoneNumber: text, queue: text, [text]: text };
  await api.emit(
    TYPE,
    JSON.stringify({ ...said, timeInQueue: 1, timestamp: "2022-03-08T07:39:47Z" }),
  );
  const delivery = await eventually("it is delivered", async () => {
    const { items } = await api.call("GET", `/deliveries?hook=${hook.id}&state=delivered`, 200);
    return items[0];
  });
  await api.call(
    "PATCH",
    `/hooks/${hook.id}`,
    200,
    JSON.stringify({ enabled: false, version: 1 }),
  );
  return { hook, delivery };
}
