// Forty ways in which text has become a script somewhere. Each would set `window.hit`, open a dialog, load something or
// leave an element behind; none may do any of it here.

const DO = "window.hit=1;alert(1)";

export const PAYLOADS = [
  `<script>${DO}</script>`,
  `<ScRiPt>${DO}</sCrIpT>`,
  `"><script>${DO}</script>`,
  `'><script>${DO}</script>`,
  `</title><script>${DO}</script>`,
  `</textarea><script>${DO}</script>`,
  `</style><script>${DO}</script>`,
  `</script><script>${DO}</script>`,
  `</pre><script>${DO}</script>`,
  `</option></select><script>${DO}</script>`,
  `--><script>${DO}</script><!--`,
  `<!><script>${DO}</script>`,
  `]]><script>${DO}</script>`,
  `<img src=x onerror="${DO}">`,
  `"><img src=x onerror=${DO}>`,
  `<img src="x" onerror='${DO}'`,
  `<svg onload="${DO}">`,
  `<svg><script>${DO}</script></svg>`,
  `<svg><animate onbegin="${DO}" attributeName=x dur=1s>`,
  `<math><mi xlink:href="javascript:${DO}">x</mi></math>`,
  `<iframe src="javascript:${DO}"></iframe>`,
  `<iframe srcdoc="<script>${DO}</script>">`,
  `<object data="javascript:${DO}"></object>`,
  `<embed src="javascript:${DO}">`,
  `<a href="javascript:${DO}" autofocus>x</a>`,
  `<base href="https://evil.example/">`,
  `<meta http-equiv=refresh content="0;url=https://evil.example">`,
  `<link rel=stylesheet href="https://evil.example/x.css">`,
  `<style>@import "https://evil.example/x.css";</style>`,
  `<form action="https://evil.example"><button>x</button></form>`,
  `<details open ontoggle="${DO}">`,
  `<input autofocus onfocus="${DO}">`,
  `<video><source onerror="${DO}"></video>`,
  `<body onload="${DO}">`,
  `<template shadowrootmode=open><script>${DO}</script></template>`,
  `<leptos-island data-component="x"><script>${DO}</script>`,
  `" autofocus onfocus="${DO}" x="`,
  `' onmouseover='${DO}' x='`,
  "javascript:window.hit=1",
  `&lt;script&gt;${DO}&lt;/script&gt;&#60;img src=x onerror=${DO}&#62;`,
];

/** Text that is no script and has broken pages all the same: right to left, very long, no characters at all. */
export const ODD = ["\u202e\u2066gnp.txt\u2069", "W".repeat(80), "🧨".repeat(20), "a\u0301".repeat(40), "\u200b\ufeff x", "0".repeat(90)];

/** What a payload did to the page that shows it: nothing, unless there is something in the list. */
export function harm(page) {
  return page.evaluate(() => {
    const found = [];
    if (window.hit !== undefined) found.push("it ran");
    const handlers = [...document.querySelectorAll("*")].flatMap(({ attributes }) => [...attributes]).filter(({ name }) => name.startsWith("on"));
    found.push(...handlers.map(({ name, value }) => `${name}=${value}`));
    const foreign = document.querySelectorAll("iframe, object, embed, base, math, video, template:not(.row-menu), style, meta[http-equiv], animate, img, svg script, [data-component=x]");
    found.push(...[...foreign].map(({ outerHTML }) => outerHTML));
    const scripts = [...document.scripts].filter(({ src, textContent }) => !src.includes("/pkg/boot.js") && !/^__[A-Z_]+=\[\];/.test(textContent));
    found.push(...scripts.map(({ outerHTML }) => outerHTML));
    const links = [...document.querySelectorAll("a[href], form[action], link[href]")].map(({ href, action }) => (href?.baseVal === undefined ? href || action : new URL(href.baseVal, location).href));
    found.push(...links.filter((link) => !String(link).startsWith(location.origin) && !/^https?:/.test(link)));
    found.push(...links.filter((link) => /^https?:..evil/.test(link)));
    if (document.documentElement.scrollWidth > innerWidth) found.push(`${document.documentElement.scrollWidth} px wide`);
    return found;
  });
}
