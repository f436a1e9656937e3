// What `make dev` runs: watches the sources, rebuilds what they are part of, starts the server again, and stands in front of it
// as a proxy that adds a script to every page. The script listens here and reloads the page when the server is new.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { promisify } from "node:util";

const LISTEN = process.env.SERVICE_HOOKS_LISTEN || "127.0.0.1:3000";
const RELOAD = "/dev-reload";
const SCRIPT = `new EventSource("${RELOAD}").onmessage = () => location.reload();`;
const SERVER = "target/debug/service-hooks";
/** Both halves are made of these. */
const SHARED = /^(Cargo\.|src\/(app|lib)\.rs|src\/(domain|rpc|ui|view)\/)/;
const FILES = /^(style|public|browser)\//;
const LOOK_EVERY = 400; // ms. Polling also sees changes on file systems that report none.

const say = (text) => console.error(`== ${text}`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const [host, port] = [LISTEN.slice(0, LISTEN.lastIndexOf(":")), Number(LISTEN.slice(LISTEN.lastIndexOf(":") + 1))];

// The server.

const readers = new Set(); // open pages
let server, upstream;
let ready = Promise.resolve();

async function freePort() {
  const socket = net.createServer().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

const isListening = () =>
  new Promise((resolve) => {
    const socket = net.connect(upstream, "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false)).on("connect", () => socket.destroy());
  });

async function start() {
  upstream = await freePort();
  const env = { ...process.env, SERVICE_HOOKS_LISTEN: `127.0.0.1:${upstream}` };
  env.SERVICE_HOOKS_PUBLIC_URL ||= `http://${LISTEN}`;
  const started = (server = spawn(SERVER, ["serve"], { env, stdio: "inherit" }));
  started.on("exit", (code) => code && say(`the server ended with ${code}; it starts again after your next change`));
  while (started.exitCode === null && !(await isListening())) await pause(50);
}

async function stop() {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  server.kill("SIGTERM");
  await once(server, "exit");
}

async function restart() {
  await (ready = stop().then(start));
  for (const page of readers) page.write("data: new\n\n");
}

// The proxy.

const proxy = http.createServer(async (request, response) => {
  if (request.url === RELOAD) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" }).flushHeaders();
    readers.add(response);
    return response.on("close", () => readers.delete(response));
  }
  if (request.url === `${RELOAD}.js`) return response.writeHead(200, { "content-type": "text/javascript" }).end(SCRIPT);
  await ready; // a page that is asked for while the server starts waits for it
  const headers = { ...request.headers };
  if (headers.accept?.includes("text/html")) delete headers["accept-encoding"];
  const { method, url } = request;
  const forward = http.request({ host: "127.0.0.1", port: upstream, method, path: url, headers }, (answer) => pass(answer, response));
  forward.on("error", (error) => response.headersSent ? response.destroy() : page(response, 502, `<p>No server: ${error.code}. Its log says why.`));
  response.on("close", () => forward.destroy());
  request.pipe(forward);
});

const page = (response, status, html) =>
  response.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end(withScript(html));
const withScript = (html) => `${html}<script src="${RELOAD}.js"></script>`;

function pass(answer, response) {
  const headers = { ...answer.headers };
  const isPage = /^text\/html/.test(headers["content-type"] ?? "") && !headers["content-encoding"];
  if (!isPage) return answer.pipe(response.writeHead(answer.statusCode, headers));
  delete headers["content-length"];
  delete headers["transfer-encoding"];
  const parts = [];
  answer.on("data", (part) => parts.push(part)).on("error", () => response.destroy());
  answer.on("end", () => response.writeHead(answer.statusCode, headers).end(withScript(Buffer.concat(parts).toString())));
}

// The watch.

function look() {
  const found = new Map();
  const add = (path) => found.set(path, statSync(path, { throwIfNoEntry: false })?.mtimeMs);
  for (const folder of ["src", "style", "public", "browser", "migrations"]) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = `${entry.parentPath ?? entry.path}/${entry.name}`;
      if (entry.isFile() && !path.startsWith("src/tests/")) add(path);
    }
  }
  ["Cargo.toml", "Cargo.lock"].forEach(add);
  return found;
}

const changed = (before, now) => [...new Set([...before.keys(), ...now.keys()])].filter((path) => before.get(path) !== now.get(path));

async function run(command, args) {
  const { code } = await promisify(execFile)(command, args, { maxBuffer: 1 << 28 }).catch((error) => {
    console.error(error.stderr || error.message);
    return { code: 1 };
  });
  return !code;
}

async function rebuild(paths) {
  const started = performance.now();
  say(`changed: ${paths.slice(0, 3).join(", ")}${paths.length > 3 ? ` and ${paths.length - 3} more` : ""}`);
  const isFront = paths.some((path) => SHARED.test(path) || FILES.test(path));
  const isServer = paths.some((path) => !FILES.test(path));
  const front = isServer ? ["--dev"] : ["--dev", "--files"];
  const isBuilt =
    (!isServer || (await run("cargo", ["build", "--bin", "service-hooks"]))) && (!isFront || (await run("scripts/build-front", front)));
  if (!isBuilt) return say("not rebuilt; the server before goes on");
  await restart();
  say(`reloaded after ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    await stop();
    process.exit(0);
  });
}
await restart();
proxy.listen(port, host, () => say(`http://${LISTEN}: rebuilds what you change and reloads open pages; Ctrl-C ends it`));
let seen = look();
for (;;) {
  await pause(LOOK_EVERY);
  const now = look();
  const paths = changed(seen, now);
  seen = now;
  if (paths.length > 0) await rebuild(paths);
}
