// Bundles and minifies style/index.css: bundle-css.mjs OUT. No targets: the features used are in every current engine.
import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";

const require = createRequire(new URL("../end2end/package.json", import.meta.url));
const { bundle } = require("lightningcss");
const { code } = bundle({ filename: new URL("../style/index.css", import.meta.url).pathname, minify: true });
writeFileSync(process.argv[2], code);
