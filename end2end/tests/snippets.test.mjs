// The receivers that the catalogue offers, taken from its page and run as they stand: the portal delivers to each, and
// each refuses what is not genuine. Rust is compiled and driven by the tests in src/; C# needs a runtime of its own and is
// only shown.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { cookiesOf, launchBrowser, newVisitor } from "../support/browser.mjs";
import { eventually } from "../support/eventually.mjs";
import { startReceiver } from "../support/receiver.mjs";
import { freePort, startServer } from "../support/server.mjs";
import { sign, verify } from "../support/standard-webhooks.mjs";

const KEY = "the-key-of-the-snippet-0123";
const EVENT = "conversation.abandoned";
const PATH = "/from/the/portal";

const LANGUAGES = [
  { lang: "node", file: "receiver.mjs", command: "node" },
  { lang: "python", file: "receiver.py", command: "python3" },
  { lang: "java", file: "Receiver.java", command: "java" },
];

let server, browser, page, api, dir;

before(async () => {
  server = await startServer();
  browser = await launchBrowser();
  const storageState = await cookiesOf(browser, server, await server.user("administrator"));
  ({ page } = await newVisitor(browser, server, { storageState }));
  api = await server.api("hooks:read", "hooks:write", "hooks:test", "events:emit", "deliveries:read");
  dir = await mkdtemp(join(tmpdir(), "service-hooks-snippets-"));
});

after(async () => {
  await Promise.all([browser?.close(), server?.stop(), dir && rm(dir, { recursive: true, force: true })]);
});

for (const { lang, file, command } of LANGUAGES) {
  describe(`the receiver in ${lang}`, () => {
    let hook, url, program;

    before(async () => {
      const port = await freePort();
      url = `http://127.0.0.1:${port}${PATH}`;
      hook = await api.createHook({ name: lang, event_type: EVENT, callback_url: url, api_key: KEY, enabled: true });
      const snippet = join(dir, file);
      await writeFile(snippet, await shown(lang, hook.id));
      program = await start(command, [snippet], { API_KEY: KEY, SIGNING_SECRET: hook.signing_secret, PORT: String(port) }, url);
    });

    after(async () => {
      await program?.stop();
      if (hook) await api.call("DELETE", `/hooks/${hook.id}`, 204);
    });

    it("takes what the portal delivers", async () => {
      const test = await api.call("POST", `/hooks/${hook.id}/test`, 200, "{}");
      assert.equal(test.state, "delivered", JSON.stringify(test));
      const sample = JSON.parse(await (await page.request.get(`/integration/events/${EVENT}/sample.json`)).text());
      await api.emit(EVENT, JSON.stringify(sample));
      await eventually("the event is delivered", async () => {
        const { items } = await api.call("GET", `/deliveries?hook=${hook.id}&state=delivered`, 200);
        return items.length === 2;
      });
      await eventually("the snippet did its work", () => program.said().split("\n").filter((line) => line.includes(EVENT)).length === 2);
      assert.ok(program.said().includes(sample.customerPhoneNumber), program.said());
    });

    it("does nothing twice", async () => {
      const message = signed({ id: "seen-before" });
      assert.ok((await post(message)) < 300);
      assert.ok((await post(message)) < 300);
      await post(signed({ id: "the-last" }));
      await eventually("the last one arrived", () => program.said().includes("the-last"));
      assert.equal(program.said().split("seen-before").length - 1, 1, program.said());
    });

    it("takes one of several signatures", async () => {
      const message = signed({ id: "several" });
      message.headers["webhook-signature"] = `v1a,AAAA v1,AAAA ${message.headers["webhook-signature"]}`;
      assert.ok((await post(message)) < 300);
    });

    it("refuses what is not genuine", async () => {
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
        assert.equal(await post(signed({ id: `forged ${what}`, ...changes })), 401, what);
      }
      const unsigned = signed({ id: "unsigned" });
      delete unsigned.headers["webhook-signature"];
      assert.equal(await post(unsigned), 401);
      assert.ok(!program.said().includes("forged") && !program.said().includes("unsigned"), program.said());
    });

    function signed({ id, key = KEY, secret = hook.signing_secret, timestamp = Math.floor(Date.now() / 1000), sent }) {
      const body = '{"customerPhoneNumber":"+123456789"}';
      const signature = sign(secret, id.replaceAll(" ", "-"), timestamp, body);
      const headers = {
        "content-type": "application/json",
        "x-api-key": key,
        "webhook-id": id.replaceAll(" ", "-"),
        "webhook-timestamp": String(timestamp),
        "webhook-signature": signature,
      };
      return { headers, body: sent ?? body };
    }

    async function post({ headers, body }) {
      const answer = await fetch(url, { method: "POST", headers, body });
      await answer.arrayBuffer();
      return answer.status;
    }
  });
}

it("sends a signed request of one's own with curl", async () => {
  const receiver = await startReceiver();
  const url = `${receiver.origin}${PATH}`;
  const hook = await api.createHook({ name: "curl", event_type: EVENT, callback_url: url, api_key: KEY });
  const script = join(dir, "send.sh");
  await writeFile(script, await shown("curl", hook.id));
  const child = spawn("sh", [script, url], { env: { ...process.env, API_KEY: KEY, SIGNING_SECRET: hook.signing_secret } });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.match(out, /^HTTP\/1\.1 200/, err);
  const request = await receiver.next();
  verify(hook.signing_secret, request);
  assert.equal(request.url, PATH);
  assert.equal(request.headers["x-api-key"], KEY);
  assert.equal(request.headers["x-service-hook-event"], EVENT);
  assert.equal(JSON.parse(request.body).queue, "Support");
  await receiver.stop();
});

/** A snippet as the event's page shows it, made for a hook. */
async function shown(lang, hook) {
  await page.goto(`/integration/events/${EVENT}?lang=${lang}&hook=${hook}`);
  return page.locator("#snippet").textContent();
}

/** Starts a program and waits until it listens at `url`. */
async function start(command, args, env, url) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  const listens = eventually(`${command} listens`, () => {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${said}`);
    return fetch(url).then(() => true, () => false);
  });
  const stop = async () => {
    process.off("exit", kill);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    kill();
    await ended;
  };
  try {
    await Promise.race([failed, listens]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop, said: () => said };
}
