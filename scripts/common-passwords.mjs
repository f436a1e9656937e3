// Writes src/portal/auth/password/common.bin from a text file with one password in each line, the most common ones first:
// node scripts/common-passwords.mjs LIST. Ours is made from Mark Burnett's list of the million most common passwords, which
// is in the public domain. The file holds hashes because many passwords are insults that nobody wants in a repository.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

// As src/portal/auth/password/strength.rs reads it: the first bytes of each SHA-256, sorted.
const PREFIX = 6;
const MIN_PASSWORD = 12;
const words = readFileSync(process.argv[2], "utf8").split(/\r?\n/).map((word) => word.normalize("NFKC").toLowerCase());
const long = words.filter((word) => [...word].length >= MIN_PASSWORD);
const hashes = new Set(long.map((word) => createHash("sha256").update(word).digest("hex").slice(0, PREFIX * 2)));
writeFileSync("src/portal/auth/password/common.bin", Buffer.from([...hashes].sort().join(""), "hex"));
console.error(`${hashes.size} passwords`);
