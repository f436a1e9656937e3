// The receivers that the catalogue offers, taken from its page and run as they stand: the portal
// delivers to each, and each refuses what is not genuine. Rust is compiled and driven by the
// tests in src/; C# needs a runtime of its own and is only shown.

import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { eventually } from "../support/eventually.mjs";
import { expect, test } from "../support/fixtures.mjs";
import { startProgram } from "../support/program.mjs";
import { freePort } from "../support/server.mjs";
import { sign, verify } from "../support/standard-webhooks.mjs";

const KEY = "the-key-of-the-snippet-0123";
const EVENT = "conversation.abandoned";
const PATH = "/from/the/portal";
const BODY = '{"customerPhoneNumber":"+123456789"}';

const LANGUAGES = [
  { lang: "node", file: "receiver.mjs", command: "node" },
  { lang: "python", file: "receiver.py", command: "python3" },
  { lang: "java", file: "Receiver.java", command: "java" },
];

test.use({ portal: "snippets" });

for (const { lang, file, command } of LANGUAGES) {
  test.describe(`the receiver in ${lang}`, () => {
    let hook, url, program;

    test.beforeAll(async ({ api, browser }, info) => {
      url = `http://127.0.0.1:${await freePort()}${PATH}`;
      hook = await api.createHook({
        name: lang,
        event_type: EVENT,
        callback_url: url,
        api_key: KEY,
        enabled: true,
      });
      const page = await browser.newPage();
      const snippet = info.outputPath(file);
      await writeFile(snippet, await shown(page, lang, hook.id));
      await page.close();
      const settings = {
        API_KEY: KEY,
        SIGNING_SECRET: hook.signing_secret,
        PORT: new URL(url).port,
      };
      program = await startProgram(command, [snippet], settings, url);
    });

    test.afterAll(async ({ api }) => {
      await program?.stop();
      if (hook) await api.call("DELETE", `/hooks/${hook.id}`, 204);
    });

    test("takes what the portal delivers", async ({ page, api }) => {
      const sent = await api.call("POST", `/hooks/${hook.id}/test`, 200, "{}");
      expect(sent.state, JSON.stringify(sent)).toBe("delivered");
      const answer = await page.request.get(`/integration/events/${EVENT}/sample.json`);
      const sample = JSON.parse(await answer.text());
      await api.emit(EVENT, JSON.stringify(sample));
      await eventually("the event is delivered", async () => {
        const { items } = await api.call(
          "GET",
          `/deliveries?hook=${hook.id}&state=delivered`,
          200,
        );
        return items.length === 2;
      });
      const worked = () =>
        program
          .said()
          .split("\n")
          .filter((line) => line.includes(EVENT)).length;
      await eventually("the snippet did its work", () => worked() === 2);
      expect(program.said()).toContain(sample.customerPhoneNumber);
    });

    test("does nothing twice", async () => {
      const message = signed({ id: "seen-before" });
      expect(await post(message)).toBeLessThan(300);
      expect(await post(message)).toBeLessThan(300);
      await post(signed({ id: "the-last" }));
      await eventually("the last one arrived", () => program.said().includes("the-last"));
      expect(program.said().split("seen-before").length - 1, program.said()).toBe(1);
    });

    test("takes one of several signatures", async () => {
      const message = signed({ id: "several" });
      const own = message.headers["webhook-signature"];
      message.headers["webhook-signature"] = `v1a,AAAA v1,AAAA ${own}`;
      expect(await post(message)).toBeLessThan(300);
    });

    test("refuses what is not genuine", async () => {
      const now = Math.floor(Date.now() / 1000);
      const forged = {
        "a wrong key": { key: `${KEY}4` },
        "no key": { key: "" },
        "another's secret": { secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}` },
        "a time long past": { timestamp: now - 301 },
        "a time to come": { timestamp: now + 330 },
        "a time that is none": { timestamp: "soon" },
        "another body": { sent: '{"customerPhoneNumber":"+1"}' },
      };
      for (const [what, changes] of Object.entries(forged)) {
        const id = `forged-${what.replaceAll(" ", "-")}`;
        expect(await post(signed({ id, ...changes })), what).toBe(401);
      }
      const unsigned = signed({ id: "unsigned" });
      delete unsigned.headers["webhook-signature"];
      expect(await post(unsigned)).toBe(401);
      expect(program.said()).not.toContain("forged");
      expect(program.said()).not.toContain("unsigned");
    });

    /**
     * A message as the portal sends it, but for what is changed; `sent` is a body that was not
     * signed.
     */
    function signed({ id, key = KEY, secret = hook.signing_secret, timestamp, sent = BODY }) {
      const at = timestamp ?? Math.floor(Date.now() / 1000);
      const headers = {
        "content-type": "application/json",
        "x-api-key": key,
        "webhook-id": id,
        "webhook-timestamp": String(at),
        "webhook-signature": sign(secret, id, at, BODY),
      };
      return { headers, body: sent };
    }

    async function post({ headers, body }) {
      const answer = await fetch(url, { method: "POST", headers, body });
      await answer.arrayBuffer();
      return answer.status;
    }
  });
}

test("sends a signed request of one's own with curl", async ({ page, api, receiver }, info) => {
  const url = `${receiver.origin}${PATH}`;
  const hook = await api.createHook({
    name: "curl",
    event_type: EVENT,
    callback_url: url,
    api_key: KEY,
  });
  const script = info.outputPath("send.sh");
  await writeFile(script, await shown(page, "curl", hook.id));
  const env = { ...process.env, API_KEY: KEY, SIGNING_SECRET: hook.signing_secret };
  const child = spawn("sh", [script, url], { env });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(out, err).toMatch(/^HTTP\/1\.1 200/);
  const request = await receiver.next();
  verify(hook.signing_secret, request);
  expect(request.url).toBe(PATH);
  expect(request.headers["x-api-key"]).toBe(KEY);
  expect(request.headers["x-service-hook-event"]).toBe(EVENT);
  expect(JSON.parse(request.body).queue).toBe("Support");
});

/** A snippet as the event's page shows it, made for a hook. */
async function shown(page, lang, hook) {
  await page.goto(`/integration/events/${EVENT}?lang=${lang}&hook=${hook}`);
  return page.locator("#snippet").textContent();
}
