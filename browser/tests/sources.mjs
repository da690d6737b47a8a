// Sources for the page, played from the corpus: an honest one that moves on when told, and others that are not.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";

import { constants, descent, newest, receipt, receipts, refusals, updates } from "./corpus.mjs";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css" };

/** Starts a server on a free port of this machine: `routes` maps paths to functions that return JSON, `undefined` for a 404. */
export async function serve(routes, files) {
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    const file = files && url.pathname.startsWith("/light/") && !url.pathname.startsWith("/light/v1/") && path.join(files, url.pathname.slice("/light/".length) || "index.html");
    if (file && fs.existsSync(file)) {
      response.writeHead(200, { "content-type": TYPES[path.extname(file)] });
      return response.end(fs.readFileSync(file));
    }
    const [, route] = Object.entries(routes).find(([prefix]) => url.pathname.startsWith(prefix)) ?? [];
    const answer = route?.(url.pathname.split("/").pop(), url.searchParams);
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json", "access-control-allow-origin": "*" });
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer ?? { code: "not_found", message: "there is none" }));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }) };
}

const bundle = (epoch) => updates.find((update) => update.epoch === String(epoch)).json;

/** An honest source; `state.epoch` is its newest epoch. */
export function honest(state) {
  return {
    "/light/v1/network": () => constants,
    "/light/v1/latest": () => (state.epoch ? bundle(state.epoch) : undefined),
    "/light/v1/epochs/latest/shards/": (index) => {
      const found = receipts.find(({ epoch, proven_epoch, json }) => epoch === String(state.epoch) && epoch === proven_epoch && json.shard.index === index);
      return found && { ...found.json, account: undefined };
    },
    "/light/v1/descent": (_, query) => descent(receipts.map(({ json }) => json).find(({ past, state }) => past?.state.epoch === query.get("from") && state.epoch === query.get("to"))?.past),
    "/light/v1/accounts/": (index) => receipts.map(({ json }) => json.account).find((account) => account?.index === index),
  };
}

/** A source whose newest proof is a false one, and whose receipts are about other shards than asked for. */
export const lying = {
  "/light/v1/network": () => constants,
  "/light/v1/latest": () => ({ ...newest.json, state: { ...newest.json.state, epoch: "6" } }),
  "/light/v1/epochs/latest/shards/": () => receipt("a shard").json,
};

/** A source with another valid state of the newest epoch: its operator equivocates. */
export const equivocating = {
  ...lying,
  "/light/v1/latest": () => {
    const { json } = refusals.find(({ kind, code }) => kind === "receipt" && code === "equivocation");
    const { keys, genesis, verification_key, state, proof } = json;
    return { format: "trifold/global-proof/v1", keys, genesis, verification_key, state, proof };
  },
};

/** A source of another network. */
export const foreign = {
  "/light/v1/network": () => ({ ...constants, genesis: "1" }),
  "/light/v1/latest": () => ({ ...newest.json, genesis: "1" }),
};
