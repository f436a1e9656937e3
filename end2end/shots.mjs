// Not a test: pictures of every page, light and dark, wide and narrow, for a person to look at. They land in shots/.
// Run: SERVICE_HOOKS_BIN=... npm run shots

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { awake, cookiesOf, launchBrowser, newVisitor } from "./support/browser.mjs";
import { eventually } from "./support/eventually.mjs";
import { startReceiver } from "./support/receiver.mjs";
import { startServer } from "./support/server.mjs";

const HOOKS = "/integration/hooks";
const SAMPLE = `{"customerPhoneNumber":"+123456789","timeInQueue":12.5,"timestamp":"2022-03-08T07:39:47.6052457Z","queue":"Sales"}`;
const WIDTHS = [1280, 320];
const SCHEMES = ["light", "dark"];
const FOLDER = fileURLToPath(new URL("shots/", import.meta.url));

const server = await startServer();
const receiver = await startReceiver();
const browser = await launchBrowser();
try {
  await mkdir(FOLDER, { recursive: true });
  await shootAll();
} finally {
  await Promise.all([browser.close(), receiver.stop(), server.stop()]);
}

async function shootAll() {
  const storageState = await cookiesOf(browser, server, await server.user("administrator"));
  const auditor = await cookiesOf(browser, server, await server.user("auditor"));
  const agent = await cookiesOf(browser, server, await server.user("agent"));
  await inEveryLook({}, signInPages);
  await inEveryLook({ storageState }, async (page, shoot) => {
    await page.goto(HOOKS);
    await shoot("hooks-empty");
  });
  const { hook, delivery } = await fill();
  await inEveryLook({ storageState }, (page, shoot) => portalPages(page, shoot, hook.id, delivery));
  await inEveryLook({ storageState: auditor }, async (page, shoot) => {
    await page.goto(HOOKS);
    await shoot("hooks-auditor");
    await page.goto(`${HOOKS}/${hook.id}`);
    await shoot("hook-auditor");
  });
  await inEveryLook({ storageState: agent }, async (page, shoot) => {
    await page.goto(HOOKS);
    await shoot("forbidden");
  });
}

async function signInPages(page, shoot) {
  await page.goto("/sign-in");
  await shoot("sign-in");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await shoot("sign-in-errors");
}

async function portalPages(page, shoot, hook, delivery) {
  const addresses = {
    hooks: HOOKS,
    new: `${HOOKS}/new`,
    hook: `${HOOKS}/${hook}`,
    delivery: `${HOOKS}/${hook}/deliveries/${delivery}`,
    settings: `${HOOKS}/${hook}/settings`,
    delete: `${HOOKS}/${hook}/delete`,
    events: "/integration/events",
    event: "/integration/events/work_item.closed",
    "not-found": "/integration/nothing",
  };
  for (const [name, address] of Object.entries(addresses)) {
    await page.goto(address);
    await shoot(name);
  }
  await page.goto(`${HOOKS}/new`);
  await page.getByLabel("Name").fill("Dialler audit");
  await page.getByLabel("Callback URL").fill("http://10.0.0.1/x");
  await page.getByLabel("API key").fill("typed-key-0123456789");
  await page.getByRole("button", { name: "Create hook" }).click();
  await page.getByRole("alert").waitFor();
  await shoot("new-errors");
  await page.getByRole("button", { name: "Generate" }).click();
  await page.getByText("A new key, shown only now.").waitFor();
  await shoot("new-generated");
  await page.goto(`${HOOKS}/${hook}`);
  await page.getByRole("button", { name: "Send test" }).click();
  await page.getByText("What the receiver answered").click();
  await shoot("hook-test");
  await page.goto(`${HOOKS}/${hook}/settings`);
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByRole("status").first().waitFor();
  await shoot("hook-saved");
}

/** Hooks as in use: one that worked once, one that only fails, one that is off. Returns what worked. */
async function fill() {
  const api = await server.api("hooks:write", "events:emit", "deliveries:read");
  const make = (name, event_type, callback_url, enabled) => api.createHook({ name, event_type, callback_url, enabled });
  const hook = await make("CRM call-backs", "conversation.abandoned", `${receiver.origin}/queues/abandoned`, true);
  await api.emit("conversation.abandoned", SAMPLE);
  await receiver.next();
  const delivery = await eventually("the first event is delivered", async () => {
    const { items } = await api.call("GET", `/deliveries?hook=${hook.id}&state=delivered`, 200);
    return items[0];
  });
  const long = "Dialler audit with a rather long name that has to be wrapped somewhere";
  await make(long, "outbound_call.initiated", "https://audit.northwind.example.com/v2/dial?room=first+floor&display=north-east", false);
  await make("Wallboard", "conversation.abandoned", `${receiver.origin}/wallboard`, true);
  receiver.status = 503;
  await api.emit("conversation.abandoned", SAMPLE);
  for (const _ of [1, 2]) await receiver.next();
  receiver.status = 200;
  return { hook, delivery: delivery.id };
}

/** Visits in light and dark, wide and narrow; `visit` gets a page and what takes a picture of it. */
async function inEveryLook(options, visit) {
  for (const colorScheme of SCHEMES) {
    for (const width of WIDTHS) {
      const viewport = { width, height: 800 };
      const { context, page, problems } = await newVisitor(browser, server, { ...options, colorScheme, viewport });
      const shoot = async (name) => {
        if ((await page.locator("leptos-island").count()) > 0) await awake(page);
        const file = `${name}-${colorScheme}-${width}.png`;
        await page.screenshot({ path: `${FOLDER}${file}`, fullPage: true });
        await warnIfWider(page, width, file);
      };
      await visit(page, shoot);
      for (const problem of problems) console.warn(problem);
      await context.close();
    }
  }
}

/** A page that has to be scrolled sideways is broken, and easy to miss in a picture. */
async function warnIfWider(page, width, file) {
  const needed = await page.evaluate(() => document.documentElement.scrollWidth);
  if (needed > width) console.warn(`${file}: needs ${needed} px`);
}
