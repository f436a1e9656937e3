// Single keys on the list of deliveries: `j` and `k` move the focus from row to row, `x` selects a row, `o` opens it (so
// does Enter: the focus is on the row's link). On the page of one delivery `j` and `k` go to the older and the newer one.
// Never while the user types, nor where single keys are turned off.

const TYPED = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=submit], [type=button])";
const linkOf = (row) => row?.querySelector("th[scope=row] a");

/** The row that had the focus last: one clicks somewhere else and goes on from there. */
let last;

function rowOfFocus() {
  return document.activeElement?.closest("table.log tbody tr") ?? document.getElementById(last);
}

function step(by) {
  const rows = [...document.querySelectorAll("table.log tbody tr")];
  const at = rows.indexOf(rowOfFocus());
  const next = rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)];
  last = next?.id;
  linkOf(next)?.focus({ focusVisible: true });
  next?.scrollIntoView({ block: "nearest" });
}

/** What a key does here; `undefined`: nothing. */
function action(key) {
  if (document.querySelector("table.log tbody tr")) {
    const does = {
      j: () => step(1),
      k: () => step(-1),
      x: () => rowOfFocus()?.querySelector(".pick input:enabled")?.click(),
      o: () => linkOf(rowOfFocus())?.click(),
    };
    return does[key];
  }
  if (!/^\/integration\/hooks\/[^/]+\/deliveries\/[^/]+$/.test(location.pathname)) return undefined;
  const link = { j: "a[rel~=next]", k: "a[rel~=prev]" }[key];
  return link && (() => document.querySelector(`main ${link}`)?.click());
}

function press(event) {
  const { key, target } = event;
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (target.closest(TYPED) || localStorage.getItem("keys") === "off" || document.querySelector("dialog[open]")) return;
  const does = action(key);
  if (!does) return;
  event.preventDefault();
  does();
}

export function startRowKeys() {
  document.addEventListener("keydown", press);
}
