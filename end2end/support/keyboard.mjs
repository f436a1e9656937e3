// A visitor without a mouse.

/** What has the focus: its tag, role, name, and whether a reader would see that it has it. */
export function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const box = element.getBoundingClientRect();
    return {
      tag: element.tagName.toLowerCase(),
      id: element.id,
      role: element.getAttribute("role") ?? "",
      name: (element.ariaLabel || element.labels?.[0]?.textContent || element.textContent || "").trim().slice(0, 60),
      top: box.top,
    };
  });
}

/** Presses Tab until the control that `locator` names has the focus. Returns how often. */
export async function tabTo(page, locator, most = 120) {
  const handle = await locator.elementHandle();
  for (let presses = 0; presses <= most; presses += 1) {
    if (await handle.evaluate((element) => element === document.activeElement)) return presses;
    await page.keyboard.press("Tab");
  }
  const { name, tag } = await focused(page);
  throw new Error(`${most} presses of Tab did not reach ${locator}; the focus is on ${tag} "${name}"`);
}

/**
 * Walks a page with Tab from its beginning to its end. Returns the faults: an invisible stop, without a ring or
 * with one that does not stand out, covered, or on nothing at all. (2.4.3, 2.4.7, 2.4.11)
 */
export async function walk(page, most = 400) {
  const faults = [];
  const seen = new Set();
  await page.evaluate(() => {
    document.activeElement?.blur();
    window.scrollTo(0, 0);
    window.getSelection().removeAllRanges();
  });
  for (let presses = 0; presses < most; presses += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(look);
    if (stop.key === undefined || seen.has(stop.key)) return { faults, stops: seen.size };
    seen.add(stop.key);
    faults.push(...stop.faults.map((fault) => `${stop.name}: ${fault}`));
  }
  return { faults: [...faults, `the walk did not end after ${most} presses`], stops: seen.size };
}

/** Runs in the page: judges what has the focus now. */
function look() {
  const element = document.activeElement;
  if (element === document.body || element === document.documentElement) return {};
  window.stops ??= new Map();
  if (!window.stops.has(element)) window.stops.set(element, window.stops.size);
  const name = `${element.tagName.toLowerCase()} "${(element.ariaLabel || element.textContent || element.name || "").trim().slice(0, 40)}"`;
  const faults = [];
  const box = element.getBoundingClientRect();
  if (box.width === 0 || box.height === 0 || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) faults.push("cannot be seen");
  const style = getComputedStyle(element);
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) faults.push(`the ring is ${style.outlineStyle} ${style.outlineWidth}`);
  else if (style.outlineStyle !== "auto") {
    const ground = groundOf(element.parentElement);
    const contrast = ratio(parse(style.outlineColor), parse(ground));
    if (contrast < 3) faults.push(`the ring has a contrast of ${contrast.toFixed(2)} (${style.outlineColor} on ${ground})`);
  }
  // A line box of a wrapped link has no middle of its own: the first one's counts.
  const first = element.getClientRects()[0] ?? box;
  const x = Math.min(Math.max(first.left + Math.min(first.width, innerWidth - first.left) / 2, 0), innerWidth - 1);
  const y = first.top + Math.min(first.height, innerHeight - first.top) / 2;
  if (y < 0 || y >= innerHeight) faults.push("is outside of the window");
  else {
    const there = document.elementFromPoint(x, y);
    if (there !== null && !element.contains(there) && !there.contains(element) && there.closest("label")?.control !== element) {
      faults.push(`is covered by ${there.tagName.toLowerCase()}.${there.className}`);
    }
  }
  return { key: window.stops.get(element), name, faults };

  function groundOf(from) {
    for (let at = from; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parse(colour)[3] > 0.5) return colour;
    }
    return "rgb(255, 255, 255)";
  }
  function parse(colour) {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  }
  function luminance([r, g, b]) {
    const [R, G, B] = [r, g, b].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  }
  function ratio(one, other) {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  }
}

/** Goes to a field and types over what is in it. */
export async function typeInto(page, locator, text) {
  await tabTo(page, locator);
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.type(text);
}

/** Goes to a link or button and presses it. */
export async function press(page, locator, key = "Enter") {
  await tabTo(page, locator);
  await page.keyboard.press(key);
}

/** Goes to a list of choices and types the beginning of one. */
export async function choose(page, locator, beginning) {
  await tabTo(page, locator);
  await page.keyboard.type(beginning);
}
