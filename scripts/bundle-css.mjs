// Bundles and minifies style/index.css: bundle-css.mjs OUT. No targets: the features used are in every current engine.
// `url(icon:NAME)` becomes a drawing of public/icons.svg, for a mask: masks cannot refer to a part of another file.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const require = createRequire(new URL("../end2end/package.json", import.meta.url));
const { bundle } = require("lightningcss");
const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

const sprite = read("public/icons.svg");
function mask(name) {
  const drawing = sprite.match(new RegExp(`<symbol id="${name}" viewBox="0 0 24 24">(.*)</symbol>`))?.[1];
  if (!drawing) throw new Error(`public/icons.svg has no ${name}`);
  const svg =
    `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='#000' stroke-width='2' ` +
    `stroke-linecap='round' stroke-linejoin='round'>${drawing.replaceAll('"', "'")}</svg>`;
  return `url("data:image/svg+xml,${svg.replaceAll("#", "%23").replaceAll("<", "%3C").replaceAll(">", "%3E")}")`;
}

const { code } = bundle({ filename: new URL("../style/index.css", import.meta.url).pathname, minify: true });
const css = code.toString().replaceAll(/url\("?icon:([a-z-]+)"?\)/g, (_, name) => mask(name));
writeFileSync(process.argv[2], css);
