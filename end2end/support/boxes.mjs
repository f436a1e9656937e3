// Where things are, not what the style says of them: boxes inside boxes. Each function returns the faults, in words.

/** No page is wider than its window, and nothing in it is cut: cells hold what is in them, scrollers need not scroll sideways. */
export function cut(page) {
  return page.evaluate(() => {
    const ROUNDING = 1;
    const faults = [];
    const named = (element) => {
      const words = (element.ariaLabel || element.textContent).trim().replaceAll(/\s+/g, " ").slice(0, 40);
      return `${element.tagName.toLowerCase()}.${element.className.baseVal ?? element.className} "${words}"`;
    };
    const sees = (element) => element.checkVisibility({ visibilityProperty: true }) && element.closest(".visually-hidden, [popover]:not(:popover-open)") === null;
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) faults.push(`the page is ${wide} px wide`);
    for (const scroller of document.querySelectorAll(".scroll")) {
      const over = scroller.scrollWidth - scroller.clientWidth;
      if (over > 0) faults.push(`${named(scroller)} is cut by ${over} px`);
    }
    for (const cell of document.querySelectorAll("th, td")) {
      if (!sees(cell)) continue;
      // Its one line ends with an ellipsis; a title or the row's own page has all of it.
      if (getComputedStyle(cell).textOverflow === "ellipsis") continue;
      const box = cell.getBoundingClientRect();
      for (const inner of cell.querySelectorAll("*")) {
        // Rotated or drawn things are as large as their picture's own box.
        if (!sees(inner) || inner.closest("svg") !== null && inner.tagName !== "svg") continue;
        for (const { left, right, width } of inner.getClientRects()) {
          const over = Math.max(box.left - left, right - box.right);
          if (width > 1 && over > ROUNDING) faults.push(`${named(inner)} sticks out of ${named(cell)} by ${Math.round(over)} px`);
        }
      }
    }
    // A column of single letters is not cut, but unreadable.
    for (const cell of document.querySelectorAll("tbody th")) {
      const { width } = cell.getBoundingClientRect();
      if (sees(cell) && width < 64) faults.push(`${named(cell)} has only ${Math.round(width)} px`);
    }
    for (const control of document.querySelectorAll("main a[href], main button, main input, main select, main textarea")) {
      if (!sees(control) || control.closest("[popover]") !== null) continue;
      for (const { left, right, width } of control.getClientRects()) {
        if (width > 0 && (left < -ROUNDING || right > innerWidth + ROUNDING)) faults.push(`${named(control)} lies outside of the window`);
      }
    }
    return faults;
  });
}

/** Opens every menu of the page that is not in `opened` yet, with its button at the top and at the bottom of the window, and looks at each entry. */
export async function menus(page, opened) {
  const faults = [];
  const buttons = await page.locator("[popovertarget], a.dots").filter({ visible: true }).all();
  for (const button of buttons) {
    const name = (await button.getAttribute("aria-label")) ?? (await button.textContent());
    // The menu of a row is made when it is opened.
    const id = await button.evaluate((element) => element.getAttribute("popovertarget") ?? `m-${element.pathname.split("/").pop()}`);
    if (opened.has(id)) continue;
    opened.add(id);
    for (const block of ["start", "end"]) {
      await button.evaluate((element, block) => element.scrollIntoView({ block, behavior: "instant" }), block);
      // Not a click: what is covered by something sticky at the edge is another test's business.
      await button.evaluate((element) => element.focus());
      await page.keyboard.press("Enter");
      const panel = page.locator(`[id="${id}"]`);
      if (!(await panel.evaluate((element) => element.matches(":popover-open")))) {
        faults.push(`${name}: does not open`);
        continue;
      }
      faults.push(...(await panel.evaluate(insideOf)).map((fault) => `${name.slice(0, 40)}, at the window's ${block}: ${fault}`));
      await page.keyboard.press("Escape");
    }
  }
  return faults;
}

/** Runs in the page: each entry of an open panel lies inside the panel and the window, can be hit, and stands apart from the others. */
function insideOf(panel) {
  const ROUNDING = 1;
  const faults = [];
  const outer = panel.getBoundingClientRect();
  const isInside = (inner, { left, right, top, bottom }) =>
    inner.left >= left - ROUNDING && inner.right <= right + ROUNDING && inner.top >= top - ROUNDING && inner.bottom <= bottom + ROUNDING;
  if (!isInside(outer, { left: 0, right: innerWidth, top: 0, bottom: innerHeight })) faults.push(`the panel lies outside of the window: ${JSON.stringify(outer)}`);
  const entries = [...panel.querySelectorAll("a[href], button, p")];
  if (entries.length === 0) faults.push("nothing is in it");
  let before;
  for (const entry of entries) {
    const words = entry.textContent.trim().slice(0, 40);
    const box = entry.getBoundingClientRect();
    if (!isInside(box, outer)) faults.push(`"${words}" lies outside of the panel`);
    if (entry.scrollWidth > entry.clientWidth + ROUNDING) faults.push(`"${words}" is cut`);
    if (before && box.top < before.bottom - ROUNDING) faults.push(`"${words}" does not stand below the entry before it`);
    before = box;
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (!entry.contains(hit)) faults.push(`"${words}" cannot be hit`);
    if (!entry.matches("p") && box.height < 36 - ROUNDING) faults.push(`"${words}" is ${Math.round(box.height)} px high`);
  }
  return faults;
}
