// Writes poseidon.json: circomlibjs's Poseidon on 1 to 16 inputs, all lanes of the output state.
// Run where circomlibjs 0.1.7 is installed: node poseidon.mjs > poseidon.json
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.cwd() + "/"));
const { buildPoseidonReference } = await import(pathToFileURL(require.resolve("circomlibjs")));
const poseidon = await buildPoseidonReference();

const MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const vectors = [];
for (let n = 1; n <= 16; n++) {
  const spread = Array.from({ length: n }, (_, i) => (MODULUS / BigInt(i + 3)) ** 3n % MODULUS);
  for (const inputs of [Array(n).fill(0n), Array(n).fill(MODULUS - 1n), spread]) {
    const state = poseidon(inputs, 0, n + 1).map((lane) => poseidon.F.toString(lane));
    vectors.push({ inputs: inputs.map(String), state });
  }
}
console.log(JSON.stringify(vectors, null, 1));
