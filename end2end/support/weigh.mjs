// What a page costs: bytes on the wire, requests, elements, shifts, and (for the table of figures) times.

import { eventually } from "./eventually.mjs";

/** A telephone on a slow net: 4 times slower, 1.6 Mbit/s, 150 ms there and back. */
export const MOBILE = { viewport: { width: 360, height: 800 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const SLOW_NET = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };
const SLOWDOWN = 4;

/** As many hooks as `count`, over all events, one in three off. */
export async function makeHooks(api, count) {
  const types = ["conversation.abandoned", "outbound_call.initiated", "work_item.closed"];
  for (let at = 0; at < count; at += 1) {
    const callback_url = `http://127.0.0.1:4000/department/${at}/hooks`;
    await api.createHook({ name: `Department ${at + 1}`, event_type: types[at % 3], callback_url, enabled: at % 3 !== 2 });
  }
}

/** Watches a page that has loaded nothing yet. Returns its requests, which come as they are made. */
export async function watch(page, { slow = false } = {}) {
  const session = await page.context().newCDPSession(page);
  if (slow) {
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", SLOW_NET);
    await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWDOWN });
  }
  await page.addInitScript(observe);
  return recordRequests(session);
}

const isStream = ({ url }) => new URL(url).pathname === "/live";

/** Until a page has everything it asks for. Its stream comes last, and stays open. */
export async function settled(requests) {
  await eventually("the page has everything", () => {
    const all = [...requests.values()];
    return all.some(isStream) && all.every((request) => request.isDone || isStream(request));
  });
}

/** The bytes of everything that was asked for, by kind. */
export function weightOf(requests) {
  const kinds = { html: 0, css: 0, js: 0, wasm: 0, other: 0 };
  for (const { url, bytes, type } of requests) {
    const { pathname } = new URL(url);
    const kind = type === "Document" ? "html" : (/\.(css|js|wasm)$/.exec(pathname)?.[1] ?? "other");
    kinds[kind] += bytes;
  }
  return { ...kinds, total: requests.reduce((sum, { bytes }) => sum + bytes, 0), requests: requests.length };
}

/** What the page's own observers saw so far: shifts, paints, blocking; and how many elements there are. */
export function seenBy(page) {
  return page.evaluate(() => {
    const { shifts, tasks, largest } = window.seen;
    const first = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0;
    const blocking = tasks.filter(({ start }) => start >= first).reduce((sum, { duration }) => sum + Math.max(0, duration - 50), 0);
    const nodes = document.querySelectorAll("*").length;
    return { shift: shifts.reduce((sum, value) => sum + value, 0), first, largest, blocking, nodes };
  });
}

/** Runs in the page before everything else. */
function observe() {
  window.seen = { shifts: [], tasks: [], largest: 0 };
  const on = (type, see) => new PerformanceObserver((list) => list.getEntries().forEach(see)).observe({ type, buffered: true });
  on("layout-shift", (entry) => entry.hadRecentInput || window.seen.shifts.push(entry.value));
  on("longtask", (entry) => window.seen.tasks.push({ start: entry.startTime, duration: entry.duration }));
  on("largest-contentful-paint", (entry) => (window.seen.largest = entry.startTime));
}

/** Every request with the bytes of its answer as they came over the network, head included. */
async function recordRequests(session) {
  const requests = new Map();
  session.on("Network.requestWillBeSent", ({ requestId, request, type }) => {
    // A redirect keeps its id: it is a request of its own all the same.
    const key = requests.has(requestId) ? `${requestId} ${requests.size}` : requestId;
    requests.set(key, { url: request.url, type, bytes: 0, isDone: key !== requestId });
  });
  session.on("Network.requestServedFromCache", ({ requestId }) => requests.delete(requestId));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    Object.assign(requests.get(requestId) ?? {}, { bytes: encodedDataLength, isDone: true });
  });
  // A page that reads itself again gives the request up when the user acts.
  session.on("Network.loadingFailed", ({ requestId }) => Object.assign(requests.get(requestId) ?? {}, { isDone: true }));
  await session.send("Network.enable");
  return requests;
}
