// Takes away what is different on each run, and nothing of how a page looks.

/** One font for code on every machine; no charts, which differ from run to run; no caret. */
const CSS = `
  :root { --font: Inter-in-time !important; --mono: "DejaVu Sans Mono" !important }
  svg:not(.icon) { visibility: hidden !important }
  * { caret-color: transparent !important }
`;

/** Makes the page that is shown now the same as on any other run. */
export async function makeSame(page) {
  await page.evaluate(stopFollowing);
  await page.evaluate(loadFont);
  await page.evaluate(change, CSS);
}

/** A hidden page does not follow changes: what is made the same below stays so. */
function stopFollowing() {
  Object.defineProperty(document, "visibilityState", { value: "hidden" });
  document.dispatchEvent(new Event("visibilitychange"));
}

/** The portal's own font, waited for: the page itself does without one that comes too late. */
async function loadFont() {
  const { href } = document.querySelector("link[rel=preload][as=font]");
  const face = new FontFace("Inter-in-time", `url(${href})`, { weight: "400 700" });
  document.fonts.add(await face.load());
}

/** Runs in the page. */
function change(css) {
  // The page's policy lets no style element in.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [sheet];
  const ids = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|…[0-9a-f]{8}/g;
  const same = (text) => text.replaceAll(ids, "an id").replaceAll(/\d[\d.,:]*/g, "0");
  for (const time of document.querySelectorAll("time")) {
    const isExact = time.classList.contains("exact");
    time.textContent = isExact ? "2026-11-22 14:03:11 UTC" : "a while ago";
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) node.data = same(node.data);
  for (const field of document.querySelectorAll("input[value], textarea"))
    field.value = same(field.value);
  document.activeElement?.blur();
  window.scrollTo(0, 0);
}
