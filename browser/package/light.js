// Trifold's light client: bytes and texts in, verdicts out. No network, no storage, no clock. See light.d.ts.

/** The module, deflated; the build puts it here. */
const WASM = "%WASM%";

/** Operations of the module, in the order of `Operation` in src/session.rs. */
const [FROM_GENESIS, FROM_CHECKPOINT, CLOSE, HELD, CHECKPOINT, VERIFY, ADVANCE, CHECK_DESCENT, VERIFY_SHARD, VERIFY_ACCOUNT, VERIFY_NETTED_ACCOUNT, VERIFY_PAST_STATE, VERIFY_RECEIPT, NETWORK] = Array(14).keys();
const NO_CLIENT = 0;

/** Kinds of frames, as src/input.rs reads them. */
const BYTES = 0;
const TEXT = 1;
const FRAME_HEAD_BYTES = 5;

/** Answers that may exceed what a number holds. */
const INTEGERS = new Set(["inFlight", "supply", "lamport", "timestamp", "seenEpoch", "balance", "ordinal", "index"]);

export class RefusedError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "RefusedError";
    this.code = code;
  }
}

export class LightClient {
  static #opening = Symbol("opened by a static method only");
  static #forgotten = new FinalizationRegistry(({ module, handle }) => ask(module, CLOSE, handle));
  #module;
  #handle;

  constructor(key, module, handle) {
    if (key !== LightClient.#opening) throw new TypeError("use LightClient.fromCheckpoint or LightClient.fromGenesis");
    this.#module = module;
    this.#handle = handle;
    LightClient.#forgotten.register(this, { module, handle }, this);
  }

  static fromGenesis(network, genesis) {
    return this.#open(FROM_GENESIS, network, genesis);
  }

  static fromCheckpoint(network, checkpoint) {
    return this.#open(FROM_CHECKPOINT, network, checkpoint);
  }

  static async #open(operation, ...input) {
    const module = await load();
    const handle = value(ask(module, operation, NO_CLIENT, input));
    return new LightClient(LightClient.#opening, module, handle);
  }

  get held() {
    return value(this.#ask(HELD));
  }

  checkpoint() {
    const bytes = this.#ask(CHECKPOINT);
    return bytes.length ? bytes : null;
  }

  verify(update) {
    return value(this.#ask(VERIFY, update));
  }

  advance(update) {
    return value(this.#ask(ADVANCE, update));
  }

  checkDescent(update, path) {
    return value(this.#ask(CHECK_DESCENT, update, path));
  }

  verifyShard(claim) {
    return value(this.#ask(VERIFY_SHARD, claim));
  }

  verifyAccount(shard, account) {
    return value(this.#ask(VERIFY_ACCOUNT, shard, account));
  }

  verifyNettedAccount(shard, account) {
    return value(this.#ask(VERIFY_NETTED_ACCOUNT, shard, account));
  }

  verifyPastState(past) {
    return value(this.#ask(VERIFY_PAST_STATE, past));
  }

  verifyReceipt(receipt) {
    return value(this.#ask(VERIFY_RECEIPT, receipt));
  }

  close() {
    if (this.#handle === undefined) return;
    LightClient.#forgotten.unregister(this);
    this.#ask(CLOSE);
    this.#handle = undefined;
  }

  #ask(operation, ...input) {
    if (this.#handle === undefined) throw new TypeError("the client is closed");
    return ask(this.#module, operation, this.#handle, input);
  }
}

export async function networkBytes(network) {
  return ask(await load(), NETWORK, NO_CLIENT, [network]);
}

let loading;

/** The one instance of the module. */
function load() {
  loading ??= instantiate();
  return loading;
}

async function instantiate() {
  const { instance } = await WebAssembly.instantiate(await inflate(fromBase64(WASM)));
  return instance.exports;
}

/** In Node by its own means: those of the web take it fifty milliseconds to get ready. */
function fromBase64(text) {
  if (globalThis.Buffer) return globalThis.Buffer.from(text, "base64");
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

async function inflate(bytes) {
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib");
  if (zlib) return zlib.inflateRawSync(bytes);
  const stream = new DecompressionStream("deflate-raw");
  const writer = stream.writable.getWriter();
  writer.write(bytes);
  writer.close();
  const chunks = [];
  for (const reader = stream.readable.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return join(chunks);
    chunks.push(value);
  }
}

/** The bytes of an answer; a refusal is thrown. */
function ask(module, operation, handle, input = []) {
  const bytes = join(input.flatMap(frame));
  const pointer = module.allocate(bytes.length);
  if (pointer === 0) throw new RefusedError("length", `${bytes.length} bytes are more than any input has`);
  new Uint8Array(module.memory.buffer, pointer, bytes.length).set(bytes);
  const refused = module.call(operation, handle, pointer, bytes.length);
  const answer = new Uint8Array(module.memory.buffer, module.answer_pointer(), module.answer_bytes()).slice();
  if (!refused) return answer;
  const { code, message } = value(answer);
  throw new RefusedError(code, message);
}

/** Head and data of what a caller gave: bytes, a text, or the object that a text says. */
function frame(given) {
  const kind = given instanceof Uint8Array ? BYTES : TEXT;
  const data = kind === BYTES ? given : new TextEncoder().encode(text(given));
  const head = new DataView(new ArrayBuffer(FRAME_HEAD_BYTES));
  head.setUint8(0, kind);
  head.setUint32(1, data.length, true);
  return [new Uint8Array(head.buffer), data];
}

function text(given) {
  if (typeof given === "string") return given;
  if (typeof given !== "object" || given === null) throw new TypeError("expected a Uint8Array, a JSON text or an object");
  return JSON.stringify(given, (_, member) => (typeof member === "bigint" ? String(member) : member));
}

function join(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The frozen value that an answer says. */
function value(answer) {
  return JSON.parse(new TextDecoder().decode(answer), (key, member) =>
    INTEGERS.has(key) && typeof member === "string" ? BigInt(member) : Object.freeze(member),
  );
}
