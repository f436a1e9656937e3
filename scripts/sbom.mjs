// Writes target/sbom.cdx.json: what the release is made of, both halves, as CycloneDX 1.5. The same Cargo.lock gives the
// same bytes: there is no date and no random number in it.
//
// "required" is what runs, in the server or in the browser; "excluded" is what only helps to build it. Cargo.lock gives
// the checksums. What a package compiles from C has a line of its own where its version can be read.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const HALVES = [
  { half: "server", features: "ssr", target: "x86_64-unknown-linux-gnu" },
  { half: "server", features: "ssr", target: "aarch64-unknown-linux-gnu" },
  { half: "browser", features: "hydrate", target: "wasm32-unknown-unknown" },
];
const OUT = "target/sbom.cdx.json";

/** What cargo would build for one half. */
function metadata({ features, target }) {
  const args = ["metadata", "--format-version", "1", "--locked", "--no-default-features", "--features", features];
  const options = { encoding: "utf8", maxBuffer: 1 << 28 };
  return JSON.parse(execFileSync("cargo", [...args, "--filter-platform", target], options));
}

const packages = new Map(); // id -> { package, halves, runs, needs }

/** Follows the edges from the root. What a build script or a macro needs only helps to build. */
function walk(half, { packages: all, resolve }) {
  const byId = new Map(all.map((one) => [one.id, one]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const isMacro = (one) => one.targets.some((target) => target.kind.includes("proc-macro"));
  const seen = new Set();
  const go = (id, runs) => {
    const one = byId.get(id);
    const stillRuns = runs && !isMacro(one);
    if (seen.has(`${id} ${stillRuns}`)) return;
    seen.add(`${id} ${stillRuns}`);
    const entry = packages.get(id) ?? { one, halves: new Set(), runs: false, needs: new Set() };
    packages.set(id, entry);
    entry.halves.add(half);
    entry.runs ||= stillRuns;
    for (const dep of nodes.get(id).deps) {
      const kinds = dep.dep_kinds.map(({ kind }) => kind).filter((kind) => kind !== "dev");
      if (kinds.length === 0) continue;
      entry.needs.add(dep.pkg);
      go(dep.pkg, stillRuns && kinds.includes(null));
    }
  };
  go(resolve.root, true);
  return resolve.root;
}

/** name and version -> SHA-256 of the package */
function checksums() {
  const found = new Map();
  for (const block of readFileSync("Cargo.lock", "utf8").split("[[package]]")) {
    const read = (key) => block.match(new RegExp(`^${key} = "(.*)"`, "m"))?.[1];
    if (read("checksum")) found.set(`${read("name")} ${read("version")}`, read("checksum"));
  }
  return found;
}

const purl = (one) => `pkg:cargo/${one.name}@${one.version}`;

function component({ one, halves, runs }, sums) {
  const hash = sums.get(`${one.name} ${one.version}`);
  if (!hash || !(one.license || one.license_file)) throw new Error(`${purl(one)} has no checksum or no licence`);
  // An older way to write OR.
  const license = one.license?.replaceAll(/\s*\/\s*/g, " OR ");
  return {
    type: "library",
    "bom-ref": purl(one),
    name: one.name,
    version: one.version,
    scope: runs ? "required" : "excluded",
    hashes: [{ alg: "SHA-256", content: hash }],
    licenses: license ? [{ expression: license }] : [{ license: { name: "in its own file" } }],
    purl: purl(one),
    ...(one.repository && { externalReferences: [{ type: "vcs", url: one.repository }] }),
    properties: [...halves].sort().map((half) => ({ name: "service-hooks:half", value: half })),
  };
}

/** SQLite itself: advisories are about its version, not about that of the package around it. */
function sqlite(entries) {
  const holder = entries.find(({ one }) => one.name === "libsqlite3-sys");
  const header = readFileSync(join(dirname(holder.one.manifest_path), "sqlite3/sqlite3.h"), "utf8");
  const version = header.match(/#define SQLITE_VERSION +"(.*)"/)[1];
  const ref = `pkg:generic/sqlite@${version}`;
  const common = { type: "library", name: "sqlite", version, scope: "required", purl: ref };
  const license = [{ license: { name: "public domain" } }];
  return [purl(holder.one), { ...common, "bom-ref": ref, cpe: `cpe:2.3:a:sqlite:sqlite:${version}:*:*:*:*:*:*:*`, licenses: license }];
}

let root;
for (const half of HALVES) root = walk(half.half, metadata(half));
const by = (key) => (a, b) => (key(a) < key(b) ? -1 : 1);
const product = packages.get(root).one;
const entries = [...packages.values()].filter(({ one }) => one.id !== root);
const [holder, c] = sqlite(entries);
const sums = checksums();
const components = [...entries.map((entry) => component(entry, sums)), c].sort(by((one) => one["bom-ref"]));
const dependencies = [...packages.values()].map(({ one, needs }) => ({
  ref: purl(one),
  dependsOn: [...[...needs].map((id) => purl(packages.get(id).one)), ...(purl(one) === holder ? [c["bom-ref"]] : [])].sort(),
}));
const bom = {
  $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
  bomFormat: "CycloneDX",
  specVersion: "1.5",
  version: 1,
  metadata: {
    component: {
      type: "application",
      "bom-ref": purl(product),
      name: product.name,
      version: product.version,
      licenses: [{ license: { id: product.license } }],
      purl: purl(product),
    },
  },
  components,
  dependencies: [...dependencies, { ref: c["bom-ref"], dependsOn: [] }].sort(by((one) => one.ref)),
};
mkdirSync("target", { recursive: true });
writeFileSync(OUT, `${JSON.stringify(bom, null, 1)}\n`);
const running = components.filter(({ scope }) => scope === "required").length;
console.error(`${OUT}: ${running} packages that run, ${components.length - running} that help to build`);
