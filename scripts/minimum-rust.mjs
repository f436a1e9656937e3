// Compares the minimum Rust version of every package that we build with our own (rust-version in Cargo.toml), and prints ours.
// cargo itself reports it only to users of such an old Rust.
import { execFileSync } from "node:child_process";

const options = { encoding: "utf8", maxBuffer: 1 << 28 };
const { packages, resolve } = JSON.parse(execFileSync("cargo", ["metadata", "--format-version", "1", "--locked"], options));
const built = new Set(resolve.nodes.map(({ id }) => id));
const parts = (version) => version.split(".").map(Number);
const isNewer = (a, b) => [0, 1, 2].map((at) => (a[at] ?? 0) - (b[at] ?? 0)).find((difference) => difference !== 0) > 0;

const ours = packages.find(({ id }) => id === resolve.root).rust_version;
const newer = packages.filter(({ id, rust_version: wanted }) => built.has(id) && wanted && isNewer(parts(wanted), parts(ours)));
for (const { name, version, rust_version: wanted } of newer) {
  console.error(`error: ${name} ${version} needs Rust ${wanted}, and Cargo.toml declares ${ours}`);
}
if (newer.length > 0) process.exit(1);
console.log(ours);
