// Wakes the islands of a page. Everything works without this; it is fetched after the page is readable.
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
