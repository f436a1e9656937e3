// Keeps an open page true. The server's stream `/live` sends the version of what pages show. When it differs from this
// page's own, the page reads its own address again and takes over what has changed in elements with `id` and `data-live`,
// the switches of hooks, and the title. Nothing that one focuses, selects, presses or has open is replaced.
//
// One window of the browser holds the stream and tells the others (browsers allow six connections to a server). The
// windows agree over a BroadcastChannel, because Web Locks need https. A hidden window reads nothing and holds no stream.

import { startTicking } from "./times.js";
import { takeOver } from "./take-over.js";

/** Shortest time between two reads; longer if reads are slow. */
const GAP = 1000;
/** A page is read at least this often: the time alone may change what it shows. */
const AT_LEAST_EVERY = 30_000;
/** A window that heard nothing for so long opens the stream itself. */
const QUIET = 3000;
/** The server says something every 5 seconds. A connection without a word for so long is broken. */
const BROKEN = 12_000;
/** After the server refused the stream. */
const RETRY = 5000;

const me = Math.random();
const own = document.body.dataset;
let channel;
const isVisible = () => document.visibilityState === "visible";
const now = () => performance.now();

/** Of the page as it is shown; and the last one heard. */
let shown = own.version;
let newest = own.version;

// ---- Who holds the stream ----

let source;
/** When this window last heard the window with the stream; and when that one last heard the server. */
let heard = -Infinity;
let answered = 0;
let refusedAt = -Infinity;
const patience = QUIET + Math.random() * 1500;

const tell = (kind) => channel.postMessage({ kind, from: me, version: newest });

function hear(version) {
  newest = version;
  if (newest !== shown) soon();
}

function lead() {
  if (source || !isVisible() || now() - refusedAt < RETRY) return;
  source = new EventSource("/live");
  answered = now();
  tell("beat");
  source.onmessage = ({ data }) => {
    answered = now();
    hear(data);
    tell("beat");
  };
  source.onerror = () => {
    // Otherwise the browser connects again by itself.
    if (source?.readyState !== EventSource.CLOSED) return;
    source = undefined;
    refusedAt = now();
    // Every window finds out why: signed out, or the server is not well.
    tell("check");
    soon();
  };
}

function follow() {
  source?.close();
  source = undefined;
}

/** Another window takes over at once. */
function resign() {
  if (source) tell("resign");
  follow();
}

/** Opens the stream unless another window says meanwhile that it has it. */
function standFor(wait) {
  const since = now();
  setTimeout(() => heard < since && lead(), wait + Math.random() * 300);
}

function listen({ data: { kind, from, version } }) {
  if (kind === "beat") {
    heard = now();
    if (source && from < me) follow();
    hear(version);
  } else if (kind === "who") {
    if (source) tell("beat");
  } else if (kind === "resign") {
    standFor(0);
  } else if (kind === "check") {
    soon();
  }
}

function everySecond() {
  if (!isVisible()) return;
  if (source && now() - answered > BROKEN) follow();
  if (source) tell("beat");
  else if (now() - heard > patience) lead();
  if (now() - began > AT_LEAST_EVERY) soon();
}

// ---- Reading the page again ----

let flight;
let timer;
let began = now();
let took = 0;
/** The last copy, while something in it could not be taken over yet. */
let waiting;
/** Forms of switches that were submitted, and when. */
const slid = new WeakMap();

function soon() {
  if (timer || flight || !isVisible()) return;
  timer = setTimeout(refresh, Math.max(0, began + Math.max(GAP, 3 * took) - now()));
}

/** Without what is shown once and must not be asked for in the background. */
function address() {
  const url = new URL(location.href);
  url.searchParams.delete("secrets");
  url.searchParams.delete("draft");
  url.hash = "";
  return url;
}

async function refresh() {
  timer = undefined;
  if (!isVisible()) return;
  began = now();
  const version = newest;
  const isBusy = busySwitches();
  const going = (flight = new AbortController());
  try {
    const headers = { accept: "text/html", "x-refresh": "1" };
    const answer = await fetch(address(), { headers, signal: going.signal, cache: "no-store" });
    const copy = new DOMParser().parseFromString(await answer.text(), "text/html");
    took = now() - began;
    // While the server is not well the page stays as it is.
    if (answer.status < 500) shown = version;
    if (isSame(answer, copy)) {
      shown = copy.body.dataset.version ?? version;
      show(copy);
      slide(copy, isBusy, began);
    }
  } catch {
    // The server can't be reached, or the window was hidden. The next beat tries again.
  } finally {
    flight = undefined;
  }
  if (newest !== shown) soon();
}

/** Whether the copy is of this page and for this reader. If not, says so. */
function isSame(answer, copy) {
  if (new URL(answer.url).pathname === "/sign-in") {
    say("You are signed out.", location.href, "Sign in");
  } else if (answer.status === 403) {
    say("You no longer have access to this page.", "/", "Go to Service hooks");
  } else if (answer.status === 404 || answer.status === 410) {
    say(`${copy.querySelector("h1")?.textContent ?? "Not found"}.`, location.href, "Show");
  } else if (answer.ok && copy.body.dataset.reader !== own.reader) {
    say("You are signed in as another user now.", location.href, "Reload");
  } else {
    return answer.ok && !answer.redirected;
  }
  return false;
}

function show(copy) {
  const { isComplete, announcements } = takeOver(copy);
  waiting = isComplete ? undefined : copy;
  if (copy.title) document.title = copy.title;
  announce(announcements);
  compareRows(copy);
}

/** Skipped elements are updated as soon as the user has left them. */
let retry;
function letGo() {
  if (!waiting) return;
  clearTimeout(retry);
  retry = setTimeout(() => waiting && show(waiting), 100);
}

// ---- Rows that come and go ----

const rows = (page) => [...page.querySelectorAll("main tr[id]")].map(({ id }) => id);

/** Rows never move by themselves: a bar offers to show the list as it is now. */
function compareRows(copy) {
  const before = rows(document);
  const after = rows(copy);
  if (before.join() === after.join()) return say("");
  const known = new Set(before);
  const count = [...copy.querySelectorAll("[data-news] tr[id]")].filter(({ id }) => !known.has(id)).length;
  const most = count === after.length && before.length > 0 ? "more than " : "";
  const words = count === 1 ? "1 new delivery" : `${most}${count} new deliveries`;
  say(count > 0 ? words : "The list has changed.", address().href, "Show");
}

// ---- Switches ----

const switches = (page) => [...page.querySelectorAll(".switch-form")];
const knob = (form) => form.querySelector("[role=switch]");
const hookOf = (form) => form.elements.namedItem("id")?.value;

function busySwitches() {
  return new Set(switches(document).filter((form) => knob(form).ariaBusy === "true"));
}

/** Moves the switches that were moved elsewhere, but none that one has moved here since `start`. */
function slide(copy, isBusy, start) {
  const fresh = new Map(switches(copy).map((form) => [hookOf(form), knob(form).ariaChecked]));
  for (const form of switches(document)) {
    const is = fresh.get(hookOf(form));
    const button = knob(form);
    if (is === undefined || is === button.ariaChecked || isBusy.has(form) || button.ariaBusy === "true") continue;
    if (slid.get(form) > start) continue;
    if ("awake" in document.documentElement.dataset) {
      button.dispatchEvent(new Event(is === "true" ? "liveon" : "liveoff"));
    } else {
      // The island could not be loaded: a plain form.
      button.ariaChecked = is;
      form.elements.namedItem("enabled").value = String(is !== "true");
    }
  }
}

// ---- What is said ----

/** A bar over the page, so that nothing moves. */
const bar = Object.assign(document.createElement("p"), { className: "live-bar", hidden: true });
const link = document.createElement("a");
/** What only screen readers say. */
const spoken = Object.assign(document.createElement("div"), { className: "visually-hidden" });

/** Its number may change often, so it is announced only when it appears. */
function say(words, href, action) {
  if (words !== "") {
    if (bar.hidden) announce([words]);
    bar.firstChild.data = `${words} `;
    Object.assign(link, { href, textContent: action });
  }
  bar.hidden = words === "";
}

const MOST_SAID = 3;

function announce(texts) {
  if (texts.length === 0) return;
  const more = texts.length - MOST_SAID;
  const said = texts.slice(0, MOST_SAID);
  spoken.textContent = [...said, ...(more > 0 ? [`${more} more changes`] : [])].join(". ");
}

// ---- The page's life ----

function wakeUp() {
  tell("who");
  standFor(150);
  began = Math.min(began, now() - GAP);
  soon();
}

function sleep() {
  resign();
  clearTimeout(timer);
  timer = undefined;
  flight?.abort();
}

export function startLive() {
  startTicking(Number(own.now));
  // An error page has nothing to follow.
  const { responseStatus = 200 } = performance.getEntriesByType("navigation")[0] ?? {};
  if (responseStatus >= 400) return;
  bar.append("", link);
  spoken.setAttribute("role", "status");
  (document.querySelector("main") ?? document.body).append(bar);
  document.body.append(spoken);
  for (const event of ["focusout", "pointerup", "selectionchange"]) document.addEventListener(event, letGo);
  document.addEventListener("toggle", letGo, true);
  document.addEventListener("submit", ({ target }) => slid.set(target, now()), true);
  document.addEventListener("visibilitychange", () => (isVisible() ? wakeUp() : sleep()));
  addEventListener("pagehide", sleep);
  // Out of the back/forward cache.
  addEventListener("pageshow", ({ persisted }) => persisted && wakeUp());
  channel = new BroadcastChannel("live");
  channel.onmessage = listen;
  setInterval(everySecond, 1000);
  tell("who");
  standFor(150);
}
