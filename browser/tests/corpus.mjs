// The shared corpus of verifier/tests/vectors/light.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../verifier/tests/vectors/light");
const read = (name) => JSON.parse(fs.readFileSync(path.join(folder, `${name}.json`), "utf8"));

export const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));

export const [network] = read("network");
export const updates = read("updates");
export const receipts = read("receipts");
export const refusals = read("refusals");
export const flips = read("flips");
/** A state, and claims under it of netted accounts and messages. */
export const [further, ...claims] = read("claims");

export const receipt = (name) => receipts.find((entry) => entry.name === name);
export const newest = updates.at(-1);

const { keys, genesis, verification_key } = network;
/** What `/light/v1/network` answers. */
export const constants = { format: "trifold/network/v1", keys, genesis, verification_key };
/** What `/light/v1/descent` answers, of the part `past` of a receipt. */
export const descent = (past) => past && { format: "trifold/descent/v1", ...past };
