// What must hold on every page, asked of the page itself. Each function returns the faults it found, in words.

/** One h1, one main, a title, a language, no heading level skipped, no id twice. (A2) */
export function structure(page) {
  return page.evaluate(() => {
    const faults = [];
    const count = (selector) => document.querySelectorAll(selector).length;
    if (count("h1") !== 1) faults.push(`${count("h1")} h1`);
    if (count("main") !== 1) faults.push(`${count("main")} main`);
    if (!document.documentElement.lang) faults.push("no lang");
    if (!/\S.* – Service Hooks$/.test(document.title)) faults.push(`the title is ${document.title}`);
    let level = 0;
    for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
      const next = Number(heading.tagName[1]);
      if (next > level + 1) faults.push(`h${next} after h${level}: ${heading.textContent}`);
      level = next;
    }
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    faults.push(...ids.filter((id, place) => ids.indexOf(id) !== place).map((id) => `the id ${id} twice`));
    return faults;
  });
}

/** Every control has a name, and in one navigation, or outside of all, no two that do different things have the same. (A3) */
export async function namelessOrAmbiguous(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  const ROLES = new Set(["link", "button", "switch", "textbox", "checkbox", "radio", "combobox", "searchbox", "menuitem", "tab", "slider"]);
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const placeOf = (node) => {
    for (let at = byId.get(node.parentId); at; at = byId.get(at.parentId)) if (at.role?.value === "navigation") return at.name?.value;
    return "";
  };
  // The button in a field for times is the browser's own, and so is its name.
  const isOurs = ({ ignored, role, name }) => !ignored && ROLES.has(role?.value) && !name?.value?.startsWith("Show local date and time picker");
  const controls = nodes.filter(isOurs);
  const faults = [];
  const seen = new Map();
  for (const control of controls) {
    const { role, name, properties } = control;
    if (!name?.value) {
      faults.push(`a ${role.value} without a name`);
      continue;
    }
    const url = properties?.find((property) => property.name === "url")?.value.value;
    const key = `${role.value} "${name.value}" ${placeOf(control)}`;
    // Links that lead to the same place may share their words; buttons of one group of radios may not.
    if (seen.has(key) && (url === undefined || seen.get(key) !== url)) faults.push(`two different: ${key}`);
    seen.set(key, url);
  }
  return faults;
}

/** Targets are at least 24 by 24 pixels or stand apart; buttons and fields are 36 high. Links in a sentence are exempt. (A5) */
export function crowded(page) {
  return page.evaluate(() => {
    const LEAST = 24;
    // A chart's bars are also links in the list below it.
    const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter((element) => element.closest("svg") === null);
    const seen = all.filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".skip"));
    const named = (element) => `${element.tagName.toLowerCase()} "${(element.ariaLabel || element.textContent || element.name).trim().slice(0, 40)}"`;
    const area = (element) => {
      // A label is part of its control's target, and the slider's is larger than its picture.
      const own = element.getBoundingClientRect();
      const label = element.matches("input") && element.labels?.[0]?.contains(element) ? element.labels[0].getBoundingClientRect() : own;
      const grown = element.matches(".switch") ? 10 : 0;
      return { element, width: Math.max(own.width, label.width), height: Math.max(own.height + 2 * grown, label.height), own };
    };
    const isInline = (element) => getComputedStyle(element).display === "inline" && element.closest("p, li, dd, td, th") !== null
      && (element.closest("p, li, dd, td, th").textContent.trim().length > element.textContent.trim().length);
    const faults = [];
    const targets = seen.map(area);
    for (const { element, width, height, own } of targets) {
      if (own.width === 0) continue;
      const isControl = element.matches("button:not(.switch, .quiet), .button, input:not([type=radio], [type=checkbox]), select, textarea");
      if (isControl && height < 36 - 0.5) faults.push(`${named(element)} is ${height} px high`);
      if ((width >= LEAST - 0.5 && height >= LEAST - 0.5) || isInline(element)) continue;
      // Spaced: a circle of 24 px around its middle touches no other target.
      const [x, y] = [own.x + own.width / 2, own.y + own.height / 2];
      const touched = targets.find((other) => {
        if (other.element === element || other.element.contains(element) || element.contains(other.element)) return false;
        // A link that wraps is as many boxes as it has lines.
        return [...other.element.getClientRects()].some(({ left, right, top, bottom }) => {
          const dx = Math.max(left - x, 0, x - right);
          const dy = Math.max(top - y, 0, y - bottom);
          return Math.hypot(dx, dy) < LEAST / 2;
        });
      });
      if (touched) faults.push(`${named(element)} is ${Math.round(width)} by ${Math.round(height)} px beside ${named(touched.element)}`);
    }
    return faults;
  });
}

/** At this width nothing scrolls sideways: as it is, with text twice as large, and with the spacing a reader may set. (A7) */
export async function clipped(page) {
  const WAYS = {
    "as it is": "",
    "at 200 % text": "html { font-size: 200% !important }",
    "with wider spacing": "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-block-end: 2em !important }",
  };
  const faults = [];
  for (const [way, css] of Object.entries(WAYS)) {
    const found = await page.evaluate((css) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      document.adoptedStyleSheets = [sheet];
      const wide = document.documentElement.scrollWidth;
      // What hides its overflow must not cut words off, unless it says so with an ellipsis.
      const cut = [...document.querySelectorAll("main *, header *")].filter((element) => {
        const style = getComputedStyle(element);
        const hides = ["hidden", "clip"].includes(style.overflowX) && style.clipPath === "none" && style.textOverflow !== "ellipsis";
        return hides && element.checkVisibility() && element.scrollWidth > element.clientWidth + 1 && element.textContent.trim() !== "";
      });
      document.adoptedStyleSheets = [];
      return { wide, cut: cut.map((element) => `${element.tagName} ${element.className}`) };
    }, css);
    if (found.wide > 320) faults.push(`${way}: ${found.wide} px wide`);
    faults.push(...found.cut.map((element) => `${way}: ${element} is cut off`));
  }
  return faults;
}
