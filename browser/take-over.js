// Takes over what differs in a fresh copy of the page, in elements with `id` and `data-live`. Goes down to the smallest
// parts that differ, so that what one uses beside them stays as it is.

/** Elements that belong to the reader or to a script. */
const OWN = "leptos-island, textarea, select, input:not([type=hidden]), :popover-open, time[data-exact]";
/** State of the reader, not of the page. */
const KEPT = new Set(["open", "popover", "aria-expanded"]);

/** Returns whether everything could be taken over, and the changed texts of `data-announce`. */
export function takeOver(copy) {
  const work = { isComplete: true, announcements: [] };
  for (const live of document.querySelectorAll("[data-live][id]")) {
    const fresh = copy.getElementById(live.id);
    if (fresh) morph(live, fresh, work);
  }
  return work;
}

function morph(live, fresh, work) {
  if (live.isEqualNode(fresh)) return;
  // Whether a row can be chosen is the page's; whether it is chosen, the reader's.
  if (live.matches("input[type=checkbox]")) {
    for (const name of ["disabled", "title"]) if (live[name] !== fresh[name]) live[name] = fresh[name];
  }
  if (live.matches(OWN)) return;
  takeAttributes(live, fresh, work);
  const [before, after] = [[...live.childNodes], [...fresh.childNodes]];
  const isAlike = before.length === after.length && before.every((node, at) => isSameKind(node, after[at]));
  if (!isAlike) {
    if (isInUse(live)) work.isComplete = false;
    else live.replaceChildren(...after.map((node) => document.importNode(node, true)));
    return;
  }
  before.forEach((node, at) => {
    if (node.nodeType === Node.ELEMENT_NODE) return morph(node, after[at], work);
    if (node.data === after[at].data) return;
    if (isSelected(node)) work.isComplete = false;
    else node.data = after[at].data;
  });
}

const isSameKind = (one, two) => one.nodeName === two.nodeName && one.id === two.id;

function takeAttributes(live, fresh, work) {
  for (const { name, value } of [...fresh.attributes]) {
    if (live.getAttribute(name) === value || KEPT.has(name)) continue;
    if (name === "data-announce") work.announcements.push(value);
    live.setAttribute(name, value);
  }
  for (const { name } of [...live.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT.has(name)) live.removeAttribute(name);
  }
}

/** Replacing its children would take something out of the reader's hands. */
function isInUse(element) {
  const focused = document.activeElement;
  return (
    (focused !== element && element.contains(focused)) ||
    element.matches(":active") ||
    element.querySelector(`details[open], ${OWN}`) !== null ||
    isSelected(element)
  );
}

function isSelected(node) {
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed && selection.containsNode(node, true);
}
