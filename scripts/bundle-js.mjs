// Puts browser/boot.js and the modules it imports into one file, without comments: bundle-js.mjs OUT. All of them share
// one scope, so no two of them may have the same name at their top level: then the result is no valid module.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const IMPORT = /^import \{[^}]*\} from "(\.\/[^"]+)";\n/gm;
const folder = new URL("../browser/", import.meta.url);
const done = new Set();

function bundled(name) {
  if (done.has(name)) return "";
  done.add(name);
  const text = readFileSync(new URL(name, folder), "utf8");
  const before = [...text.matchAll(IMPORT)].map(([, imported]) => bundled(imported)).join("");
  const own = text.replace(IMPORT, "").replace(/^export /gm, "");
  // Only comments that are lines of their own: `//` may occur in a string.
  return before + own.replace(/^\s*(\/\/.*|\/\*\*.*\*\/)\n/gm, "").replace(/^\s+/gm, "");
}

const code = bundled("./boot.js");
execFileSync(process.execPath, ["--check", "--input-type=module"], { input: code });
writeFileSync(process.argv[2], code);
