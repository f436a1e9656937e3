// Relative times tick, in the words of the server (`Timestamp::relative_to`). A click or tap on one shows the exact time
// instead, which can be selected.

const EVERY = 15_000;
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const MONTH = 31 * DAY;

/** `3 minutes ago`; undefined beyond a month, where pages show the date. */
export function relative(at, now) {
  const distance = now - at;
  const seconds = Math.floor(Math.abs(distance) / 1000);
  if (seconds === 0) return "just now";
  if (seconds >= MONTH) return undefined;
  const [size, unit] =
    seconds < MINUTE ? [1, "second"] : seconds < HOUR ? [MINUTE, "minute"] : seconds < DAY ? [HOUR, "hour"] : [DAY, "day"];
  const amount = Math.floor(seconds / size);
  const words = `${amount} ${unit}${amount === 1 ? "" : "s"}`;
  return distance > 0 ? `${words} ago` : `in ${words}`;
}

/** `serverNow`: the server's clock when it made the page, which may differ from this computer's. */
export function startTicking(serverNow) {
  const made = performance.getEntriesByType("navigation")[0]?.responseStart ?? 0;
  const now = () => serverNow + performance.now() - made;
  setInterval(() => document.visibilityState === "visible" && tick(now()), EVERY);
  document.addEventListener("click", ({ target }) => {
    const time = target.closest?.("time[data-tick]");
    if (!time || time.closest("a, button") || !document.getSelection().isCollapsed) return;
    const isExact = time.toggleAttribute("data-exact");
    time.textContent = isExact ? time.title : (relative(Date.parse(time.dateTime), now()) ?? time.title);
  });
}

function tick(now) {
  for (const time of document.querySelectorAll("time[data-tick]:not([data-exact])")) {
    const words = relative(Date.parse(time.dateTime), now);
    if (words === undefined || words === time.textContent) continue;
    const range = document.getSelection();
    if (!range.isCollapsed && range.containsNode(time, true)) continue;
    time.textContent = words;
  }
}
