// A portal of its own for one test file: a fresh data directory, a free port, the command line beside it, the API.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { eventually, PATIENCE_MS } from "./eventually.mjs";

/** One password for everybody: the tests are not about passwords. */
export const PASSWORD = "seven purple kettles sing";

/**
 * Starts `service-hooks serve` and waits until it answers. `stop()` ends it and removes what it wrote. `settings` are variables;
 * `prepare` is called before the start and may use the command line.
 */
export async function startServer(settings = {}, prepare = async () => {}) {
  const binary = process.env.SERVICE_HOOKS_BIN;
  if (!binary) {
    throw new Error("Set SERVICE_HOOKS_BIN to the path of the service-hooks binary that is to be tested.");
  }
  const dir = await mkdtemp(join(tmpdir(), "service-hooks-e2e-"));
  const listen = `127.0.0.1:${await freePort()}`;
  const options = { cwd: dir, env: { ...environment(dir, listen), ...settings } };
  const server = new Server(resolve(binary), options, dir, `http://${listen}`);
  try {
    await prepare(server);
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class Server {
  #binary;
  #options;
  #dir;
  #process;
  #log = "";
  #tokens = 0;

  constructor(binary, options, dir, url) {
    this.#binary = binary;
    this.#options = options;
    this.#dir = dir;
    this.url = url;
  }

  async start() {
    this.#process = spawn(this.#binary, ["serve"], { ...this.#options, stdio: ["ignore", "pipe", "pipe"] });
    const failed = once(this.#process, "error").then(([error]) => Promise.reject(error));
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.on("data", (data) => (this.#log += data));
    }
    // A test run that dies must not leave a server behind.
    process.once("exit", this.#kill);
    await Promise.race([failed, eventually("the server answers", () => this.#isUp())]);
  }

  async #isUp() {
    if (this.#process.exitCode !== null) {
      throw new Error(`service-hooks serve ended with ${this.#process.exitCode}:\n${this.#log}`);
    }
    const answer = await fetch(`${this.url}/healthz`).catch(() => undefined);
    return answer?.status === 200;
  }

  #kill = () => this.#process.kill("SIGKILL");

  async stop() {
    if (this.#process && this.#process.exitCode === null && this.#process.signalCode === null && this.#process.pid) {
      const ended = once(this.#process, "exit");
      this.#process.kill("SIGTERM");
      const timer = setTimeout(this.#kill, PATIENCE_MS);
      await ended;
      clearTimeout(timer);
    }
    process.off("exit", this.#kill);
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Runs one command and returns what it printed. */
  async cli(args, input = "") {
    const child = spawn(this.#binary, args, this.#options);
    child.stdin.end(input);
    const ended = once(child, "close");
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await ended;
    if (code !== 0) {
      throw new Error(`service-hooks ${args.join(" ")} ended with ${code}: ${err}`);
    }
    return out.trim();
  }

  /** The variables of a shell in which its commands find it. */
  get environment() {
    return { ...this.#options.env, SERVICE_HOOKS_SERVER: this.url };
  }

  /** What the server has said so far. */
  said() {
    return this.#log;
  }

  /** Makes a user who can sign in with `PASSWORD`; `own` are an email or a name of their own. */
  async user(role, own = {}) {
    const user = { email: `${role}@example.org`, name: `Ann ${role}`, password: PASSWORD, ...own };
    const args = ["user", "create", "--email", user.email, "--role", role, "--name", user.name, "--password-stdin"];
    await this.cli(args, user.password);
    return user;
  }

  /** The API, spoken by a program with these permissions. */
  async api(...permissions) {
    this.#tokens += 1;
    const token = await this.cli(["token", "create", "--name", `end2end ${this.#tokens}`, "--permission", ...permissions]);
    return new Api(this.url, token);
  }
}

class Api {
  #url;
  #token;

  constructor(url, token) {
    this.#url = url;
    this.#token = token;
  }

  /** Sends a request and returns the JSON of its answer, which must have the status `expected`. */
  async call(method, path, expected, body) {
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    const answer = await fetch(`${this.#url}/api/v1${path}`, { method, headers, body });
    const said = await answer.text();
    if (answer.status !== expected) {
      throw new Error(`${method} ${path}: expected ${expected}, got ${answer.status}: ${said}`);
    }
    return said === "" ? undefined : JSON.parse(said);
  }

  /** What an address gives, as text. */
  async text(path) {
    const answer = await fetch(`${this.#url}/api/v1${path}`, { headers: { authorization: `Bearer ${this.#token}` } });
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status}`);
    return answer.text();
  }

  /** Makes a hook; its signing secret is in this answer only. */
  createHook(hook) {
    return this.call("POST", "/hooks", 201, JSON.stringify({ api_key: "a-key-for-tests", ...hook }));
  }

  /** Emits an event whose `data` is exactly this text. */
  emit(type, data) {
    return this.call("POST", "/events", 202, `{"type": ${JSON.stringify(type)}, "data": ${data}}`);
  }
}

/** The caller's environment without its own settings of the portal, and with ours. */
function environment(dir, listen) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("SERVICE_HOOKS_"));
  return {
    ...Object.fromEntries(own),
    SERVICE_HOOKS_DATA_DIR: dir,
    SERVICE_HOOKS_LISTEN: listen,
    SERVICE_HOOKS_EGRESS__ALLOW_HTTP: "true",
    SERVICE_HOOKS_EGRESS__ALLOW_CIDRS: '["127.0.0.0/8"]',
  };
}

/** A port that was free a moment ago. */
export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}
