// Wakes the islands of a page, and then lets it follow changes. Everything works without this; it is fetched after the
// page is readable. And offers the browser's time zone where it is not the chosen one.
// `scripts/bundle-js.mjs` puts this and the modules that it imports into one file.

import { startLive } from "./live.js";
import { startRowMenus } from "./row-menu.js";
import { startRowKeys } from "./rows.js";

startRowMenus();
startRowKeys();

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
}

const later = window.requestIdleCallback ?? ((work) => setTimeout(work, 1));
later(async () => {
  try {
    if (islands.length > 0) await wake();
    document.documentElement.dataset.awake = "";
  } catch (error) {
    console.warn("The page works without its script.", error);
  }
  if (document.body.dataset.version) startLive();
});

const place = document.querySelector("[data-zone]");
const zone = place && Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && zone !== place.dataset.zone) {
  const button = document.createElement("button");
  button.name = "use_zone";
  button.value = zone;
  button.append("Use your browser's time zone, ", zone);
  place.append(button);
}

// The palette and the list of shortcuts are fetched when they are wanted.
const isField = (element) => element.matches("input, select, textarea") || element.isContentEditable;
const hasPalette = !["/sign-in", "/setup"].includes(location.pathname);
document.addEventListener("keydown", async (event) => {
  if (!hasPalette || event.defaultPrevented || event.isComposing || event.altKey) return;
  const isSearch = event.key.toLowerCase() === "k" && event.ctrlKey !== event.metaKey && !event.shiftKey;
  const isHelp = event.key === "?" && !event.ctrlKey && !event.metaKey && !isField(event.target) && localStorage.getItem("keys") !== "off";
  if (!isSearch && (!isHelp || document.querySelector("dialog[open]"))) return;
  event.preventDefault();
  const half = await import(`/pkg/palette.js${version}`);
  await (isSearch ? half.search() : half.shortcuts());
});
const keys = document.querySelector("main [data-keys]");
if (keys) import(`/pkg/palette.js${version}`).then((half) => half.toggle(keys));
