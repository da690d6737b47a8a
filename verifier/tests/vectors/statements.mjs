// Writes statements.json: every digest of a statement, by circomlibjs's Poseidon, with fields 1, 2, 3, .. in order.
// A message's parts share one element, as do the clocks of a program.
// Run where circomlibjs 0.1.7 is installed: node statements.mjs > statements.json
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.cwd() + "/"));
const { buildPoseidonReference } = await import(pathToFileURL(require.resolve("circomlibjs")));
const poseidon = await buildPoseidonReference();

const FIELDS = { account: 4, body: 3, leaf: 7, global: 5, keys: 3, program: 7, merge: 8, nest: 3, channel: 2, key: 2, answer: 2, message: 0, "netted/state": 4 };
const digests = {};
for (const [name, count] of Object.entries(FIELDS)) {
  const tag = BigInt("0x" + Buffer.from(`trifold/${name}/v1`, "ascii").toString("hex"));
  const fields = Array.from({ length: count }, (_, i) => BigInt(i + 1));
  if (name === "program") fields.push(8n + (9n << 64n)); // its 8th and 9th field
  if (name === "message") fields.push(4n + (3n << 64n) + (2n << 96n) + (1n << 128n), 5n); // kind, from, to, amount; payload
  digests[name] = poseidon.F.toString(poseidon([tag, ...fields]));
}
// Three accounts of (key, balance, ordinal): ten lanes, the first of which is the tag.
const accounts = BigInt("0x" + Buffer.from("trifold/netted/accounts/v1", "ascii").toString("hex"));
digests["netted/accounts"] = poseidon.F.toString(poseidon([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n], accounts));
console.log(JSON.stringify(digests, null, 1));
