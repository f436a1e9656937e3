// Wakes the islands of a page. Everything works without this; it is fetched after the page is readable.
// And offers the browser's time zone where it is not the chosen one: too little to wake the other half for.
const islands = [...document.querySelectorAll("leptos-island")];
const version = new URL(import.meta.url).search;

async function wake() {
  const half = await import(`/pkg/service-hooks.js${version}`);
  await half.default({ module_or_path: `/pkg/service-hooks.wasm${version}` });
  half.hydrate();
  for (const island of islands) {
    const build = half[island.dataset.component];
    if (!build) throw new Error(`unknown island ${island.dataset.component}: the page and its script differ`);
    await build(island);
  }
  document.documentElement.dataset.awake = "";
}

if (islands.length > 0) {
  const later = window.requestIdleCallback ?? ((work) => setTimeout(work, 1));
  later(() => wake().catch((error) => console.warn("The page works without its script.", error)));
}

const place = document.querySelector("[data-zone]");
const zone = place && Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && zone !== place.dataset.zone) {
  const button = document.createElement("button");
  button.name = "use_zone";
  button.value = zone;
  button.append("Use your browser's time zone, ", zone);
  place.append(button);
}

// The menu of a list's row: its links are on the page once, in a template, and get the id of the row whose ⋯ was pressed.
// Without this ⋯ leads to the row's page, which has the same links.
document.addEventListener("click", (event) => {
  const dots = event.target.closest("a.dots");
  const template = document.querySelector("template.row-menu");
  if (!dots || !template || !dots.showPopover || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const id = dots.pathname.split("/").pop();
  const menu = document.createElement("div");
  menu.className = "menu-items";
  menu.id = `m-${id}`;
  menu.popover = "auto";
  menu.append(template.content.cloneNode(true));
  for (const link of menu.querySelectorAll("a")) link.setAttribute("href", link.getAttribute("href").replace("{id}", id));
  menu.addEventListener("toggle", ({ newState }) => newState === "closed" && menu.remove());
  // Right behind the link: the next Tab goes into the menu.
  dots.after(menu);
  menu.showPopover({ source: dots });
});
