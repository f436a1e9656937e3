// The portal without a mouse: every stop of the walk with Tab can be seen and stands out, and the journeys end where they
// should, with scripts and without.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { awake, cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { focused, tabTo, walk } from "../support/keyboard.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { ROLES, ROUTES, visit } from "../support/routes.mjs";
import { fill } from "../support/scene.mjs";
import { startServer } from "../support/server.mjs";

const HOOKS = "/integration/hooks";
const NAME = "CRM call-backs";

let server, receiver, browser, scene, user;
const cookies = {};

before(async () => {
  server = await startServer();
  receiver = await startReceiver();
  browser = await launchBrowser();
  for (const role of ROLES) {
    const made = await server.user(role);
    if (role === "administrator") user = made;
    cookies[role] = await cookiesOf(browser, server, made);
  }
  scene = await fill(server, receiver);
});

after(async () => {
  await Promise.all([browser?.close(), receiver?.stop(), server?.stop()]);
});

for (const [width, colorScheme] of [[1280, "light"], [320, "dark"]]) {
  it(`every stop of the walk can be seen: ${width} px, ${colorScheme}`, async () => {
    const faults = [];
    for (const role of ["nobody", ...ROLES]) {
      const { context, page } = await newVisitor(browser, server, { storageState: cookies[role], colorScheme, viewport: { width, height: 800 } });
      for (const entry of ROUTES.filter(({ as }) => (as ?? "administrator") === role)) {
        await visit(page, entry, scene);
        if ((await page.locator("leptos-island").count()) > 0) await awake(page);
        const walked = await walk(page);
        faults.push(...walked.faults.map((fault) => `${entry.name}: ${fault}`));
        if (walked.stops === 0) faults.push(`${entry.name}: nothing to stop at`);
      }
      await context.close();
    }
    assert.equal(faults.length, 0, `${faults.length} faults:\n${faults.join("\n")}`);
  });
}

for (const javaScriptEnabled of [true, false]) {
  describe(`${javaScriptEnabled ? "with" : "without"} scripts`, () => {
    const visitor = (storageState) => newVisitor(browser, server, { javaScriptEnabled, storageState });

    it("signs in and lands on the hooks (K1)", async () => {
      const { context, page } = await visitor();
      await page.goto(HOOKS);
      await tabTo(page, page.getByLabel("E-mail"));
      await page.keyboard.type(user.email);
      await page.keyboard.press("Tab");
      await page.keyboard.type(user.password);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Service hooks", level: 1 }).waitFor();
      await context.close();
    });

    it("skips to the content in two presses (K2)", async () => {
      const { context, page } = await visitor(cookies.administrator);
      await page.goto(HOOKS);
      await page.keyboard.press("Tab");
      assert.equal((await focused(page)).name, "Skip to the content");
      await page.keyboard.press("Enter");
      assert.equal((await focused(page)).tag, "main");
      await context.close();
    });

    it("slides a hook off and on in the list (K5, A4)", async () => {
      const { context, page } = await visitor(cookies.administrator);
      const slider = page.getByRole("switch", { name: `${NAME} enabled` });
      await page.goto(HOOKS);
      if (javaScriptEnabled) await awake(page);
      for (const enabled of [false, true]) {
        await tabTo(page, slider);
        await page.keyboard.press(enabled ? "Enter" : "Space");
        await slider.and(page.getByRole("switch", { checked: enabled })).waitFor();
        assert.equal((await scene.api.call("GET", `/hooks/${scene.hook}`, 200)).enabled, enabled, "the switch tells the truth");
        if (javaScriptEnabled) {
          assert.equal((await focused(page)).name, `${NAME} enabled`, "the focus stays");
          const said = page.getByRole("status").filter({ hasText: "Saved" });
          assert.equal(await said.count(), 1, "it is said once");
        } else {
          await page.getByRole("status").filter({ hasText: `${NAME} is ${enabled ? "on" : "off"}.` }).waitFor();
          const stops = await tabTo(page, slider, 12);
          assert.ok(stops < 12, "the walk goes on at the row");
        }
      }
      await context.close();
    });

    it("asks before it deletes, with the focus on the safe choice (K10)", async () => {
      const { context, page } = await visitor(cookies.administrator);
      await page.goto(`${HOOKS}/${scene.hook}`);
      const remove = page.getByRole("main").getByRole("link", { name: "Delete" });
      await tabTo(page, remove);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: `Delete ${NAME}?` }).waitFor();
      assert.equal((await focused(page)).name, "Keep hook");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: NAME, level: 1 }).waitFor();
      assert.equal((await scene.api.call("GET", `/hooks/${scene.hook}`, 200)).name, NAME);
      await context.close();
    });

    it("changes the theme and signs out from the menus; Esc closes one and gives the focus back", async () => {
      const { context, page } = await visitor(cookies.auditor);
      await page.goto("/integration/events");
      const menu = page.getByRole("button", { name: "Theme" });
      await tabTo(page, menu);
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Dark" }).waitFor();
      await page.keyboard.press("Tab");
      assert.equal((await focused(page)).name, "As the system");
      await page.keyboard.press("Escape");
      assert.equal((await focused(page)).name.startsWith("Theme"), true);
      await page.keyboard.press("Enter");
      await tabTo(page, page.getByRole("button", { name: "Dark" }));
      await page.keyboard.press("Enter");
      await page.locator("html[data-theme=dark]").waitFor();
      assert.equal(new URL(page.url()).pathname, "/integration/events");
      await tabTo(page, page.getByRole("button", { name: "Theme" }));
      await page.keyboard.press("Enter");
      await tabTo(page, page.getByRole("button", { name: "As the system" }));
      await page.keyboard.press("Enter");
      await page.locator("html:not([data-theme])").waitFor();
      await context.close();
    });
  });
}
