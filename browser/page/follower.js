// Follows one network through several sources. Knows no document: page.js shows what this tells.

import { LightClient, RefusedError, networkBytes } from "./light.js";

/** Longest answer that is read of a source; a receipt with the longest paths is shorter. */
const MAX_ANSWER_BYTES = 1 << 17;
const TIMEOUT_MS = 10_000;
const STORED = "trifold/light/v1";

/** A source that could not be asked, or did not answer as one does. */
export class SourceError extends Error {}

export class Follower {
  /**
   * `sources`: addresses without a trailing slash. `fingerprint`: SHA-256 of the network's bytes as hexadecimal digits, if it is known
   * beforehand. `storage`: a Storage.
   */
  constructor({ sources, fingerprint, storage }) {
    this.sources = sources.map((url) => ({ url, epoch: null, verdict: "waiting", message: "not asked yet" }));
    this.fingerprint = fingerprint;
    this.storage = storage;
    this.client = null;
    this.network = null;
    this.bundle = null;
    this.equivocation = null;
    this.milliseconds = null;
    this.descent = null;
  }

  /** Takes up what an earlier visit has stored; a checkpoint that does not verify is of no use and says so. */
  async restore() {
    const stored = JSON.parse(this.storage.getItem(STORED) ?? "null");
    if (!stored) return;
    const network = fromBase64(stored.network);
    await this.#checkFingerprint(network);
    this.network = network;
    if (stored.checkpoint) this.client = await LightClient.fromCheckpoint(network, fromBase64(stored.checkpoint));
  }

  forget() {
    this.storage.removeItem(STORED);
    this.client?.close();
    Object.assign(this, { client: null, network: null, equivocation: null, milliseconds: null, descent: null });
  }

  /** Asks every source once. */
  async poll() {
    await Promise.all(this.sources.map((source) => this.#ask(source)));
    if (!this.network) await this.#pin();
    if (!this.network) return;
    for (const source of this.sources) if (source.bundle) await this.#judge(source);
  }

  async #ask(source) {
    source.bundle = null;
    try {
      if (!this.network) source.network = await networkBytes(await get(`${source.url}/light/v1/network`));
      source.bundle = await get(`${source.url}/light/v1/latest`);
    } catch (error) {
      blame(source, error);
    }
  }

  /** The first visit: a network that all sources which answered agree on. */
  async #pin() {
    const named = this.sources.filter((source) => source.network);
    const known = [];
    for (const source of named) {
      if (await this.#checkFingerprint(source.network).catch((error) => blame(source, error))) known.push(source);
    }
    const [first] = known;
    if (!first) return;
    if (known.some((source) => toBase64(source.network) !== toBase64(first.network))) {
      for (const source of known) blame(source, new SourceError("the sources name different networks, and none is pinned: add ?network=FINGERPRINT to the address"));
      return;
    }
    this.network = first.network;
    this.#store();
  }

  async #checkFingerprint(network) {
    if (!this.fingerprint) return true;
    const found = await fingerprint(network);
    if (found === this.fingerprint) return true;
    throw new RefusedError("other_network", found ? `its network has the fingerprint ${found}` : "fingerprints need a page over https");
  }

  async #judge(source) {
    const { bundle } = source;
    try {
      const before = this.client?.held;
      const begun = performance.now();
      const state = await this.#take(bundle);
      this.milliseconds = performance.now() - begun;
      Object.assign(source, { epoch: state.epoch, verdict: "accepted", message: "verified" });
      this.#store();
      if (before) await this.#connect(source, before);
    } catch (error) {
      this.#place(source, error);
    }
  }

  async #take(bundle) {
    if (this.client) return this.client.advance(bundle);
    this.client = await LightClient.fromCheckpoint(this.network, bundle);
    return this.client.held;
  }

  /** Known and stale states are valid ones; two of one epoch are an alarm; the rest is refused. */
  #place(source, error) {
    if (!(error instanceof RefusedError)) return blame(source, error);
    const epoch = Number(JSON.parse(source.bundle).state?.epoch);
    if (error.code === "known") return Object.assign(source, { epoch, verdict: "accepted", message: "verified, the state held" });
    if (error.code === "stale") return Object.assign(source, { epoch, verdict: "behind", message: `valid, but ${this.client.held.epoch - epoch} behind` });
    if (error.code === "equivocation") this.equivocation = { url: source.url, epoch };
    blame(source, error);
  }

  /** Whether the new state's history records the one that was held. Only a source can give the path; nothing rests on its word. */
  async #connect(source, before) {
    const { epoch } = this.client.held;
    this.descent = { from: before.epoch, to: epoch, shown: false };
    try {
      const past = this.client.verifyPastState(await get(`${source.url}/light/v1/descent?from=${before.epoch}&to=${epoch}`));
      this.descent.shown = past.root === before.root && past.history === before.history && past.depth === before.depth && past.inFlight === before.inFlight;
      if (!this.descent.shown && past.epoch === before.epoch) this.equivocation = { url: source.url, epoch: past.epoch };
    } catch {
      // Not shown; that is what is told.
    }
  }

  /** What the newest receipt of a shard shows, from the first source whose receipt verifies. */
  async shard(index, claim) {
    if (!this.client) throw new SourceError("no state is held yet");
    const failures = [];
    for (const { url } of this.sources) {
      try {
        const text = await get(`${url}/light/v1/epochs/latest/shards/${index}`);
        return this.receipt(claim ? { ...JSON.parse(text), ...claim } : text, index);
      } catch (error) {
        failures.push(`${url}: ${reason(error)}`);
      }
    }
    throw new SourceError(failures.join("; "));
  }

  /** What a receipt shows. With `index`, it has to be about that shard. */
  receipt(receipt, index) {
    if (!this.client) throw new SourceError("no state is held yet");
    const verified = this.client.verifyReceipt(receipt);
    const asked = typeof receipt === "string" ? JSON.parse(receipt) : receipt;
    if (index !== undefined && asked.shard.index !== String(index)) throw new RefusedError("wrong_index", `the receipt is about shard ${asked.shard.index}`);
    const account = verified.account ?? verified.nettedAccount;
    return { ...verified, account, index: asked.shard.index, accountIndex: (asked.account ?? asked.netted_account)?.index };
  }

  /** An account that its shard serves at `url`, under the shard's newest receipt. */
  async account(url, shard, index) {
    const account = JSON.parse(await get(`${url}/light/v1/accounts/${index}`));
    if (account.index !== String(index)) throw new RefusedError("wrong_index", `the answer is about account ${account.index}`);
    return this.shard(shard, account.triad ? { netted_account: account } : { account });
  }

  #store() {
    const checkpoint = this.client?.checkpoint();
    this.storage.setItem(STORED, JSON.stringify({ network: toBase64(this.network), checkpoint: checkpoint ? toBase64(checkpoint) : null }));
  }
}

/** SHA-256 of a network's bytes, `null` where the browser offers none: over plain http. */
export async function fingerprint(network) {
  if (!globalThis.crypto?.subtle) return null;
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", network))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function reason(error) {
  return error instanceof RefusedError ? `refused (${error.code}): ${error.message}` : error.message;
}

function blame(source, error) {
  const verdict = error instanceof RefusedError ? "refused" : "unreachable";
  Object.assign(source, { epoch: null, verdict, message: reason(error) });
}

async function get(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), credentials: "omit" }).catch(() => {
    throw new SourceError("no answer");
  });
  const text = await read(answer);
  if (answer.ok) return text;
  throw new SourceError(explain(text) ?? `answers ${answer.status}`);
}

async function read(answer) {
  const decoder = new TextDecoder();
  let [text, length] = ["", 0];
  const reader = answer.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > MAX_ANSWER_BYTES) {
      await reader.cancel();
      throw new SourceError(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}

function explain(text) {
  try {
    return JSON.parse(text).message;
  } catch {
    return undefined;
  }
}

const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
