// The package as it is published, over the whole shared corpus. TRIFOLD_LIGHT: where the build put it.

import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

import { bytes, claims, constants, descent, flips, further, network, newest, receipt, receipts, refusals, updates } from "./corpus.mjs";

const { LightClient, RefusedError, networkBytes } = await import(pathToFileURL(path.join(process.env.TRIFOLD_LIGHT, "package/light.js")));

/** Of the bytes of a receipt every so many are changed: each change costs a pairing check. */
const RECEIPT_STRIDE = 9;

const open = (checkpoint = newest.bytes) => LightClient.fromCheckpoint(bytes(network.bytes), bytes(checkpoint));
const client = await open();

function code(work) {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof RefusedError, error.stack);
    assert.ok(error.message.length > 0);
    return error.code;
  }
  return null;
}

async function codeOf(work) {
  const [outcome] = await Promise.allSettled([work()]);
  return outcome.status === "rejected" ? code(() => { throw outcome.reason; }) : null;
}

test("a network has one encoding", async () => {
  assert.deepEqual(await networkBytes(bytes(network.bytes)), bytes(network.bytes));
  assert.deepEqual(await networkBytes(constants), bytes(network.bytes));
  assert.deepEqual(await networkBytes(JSON.stringify(constants)), bytes(network.bytes));
  assert.equal(await codeOf(() => networkBytes(bytes(network.bytes).slice(1))), "length");
  for (const other of ["{}", newest.json, "["]) assert.equal(await codeOf(() => networkBytes(other)), "format");
});

test("the chain is followed from genesis", async () => {
  const client = await LightClient.fromGenesis(bytes(network.bytes), bytes(network.genesis_state));
  assert.equal(client.held.epoch, 0);
  assert.equal(client.checkpoint(), null);
  for (const [at, { epoch, bytes: update, json, other_proofs: others }] of updates.entries()) {
    const verified = client.verify(bytes(update));
    assert.deepEqual(client.verify(json), verified);
    assert.deepEqual(client.verify(JSON.stringify(json)), verified);
    assert.equal(client.held.epoch, at);
    for (const other of others) {
      const state = bytes(update).slice(0, 89);
      assert.deepEqual(client.verify(Uint8Array.from([...state, ...bytes(other.bytes)])), verified);
    }
    assert.deepEqual(client.advance(at % 2 ? json : bytes(update)), verified);
    assert.deepEqual(client.held, verified);
    assert.deepEqual(client.checkpoint(), bytes(update));
    assert.equal(verified.epoch, Number(epoch));
    const { depth, root, history, in_flight } = json.state;
    assert.deepEqual(verified, { epoch: Number(epoch), depth: Number(depth), root, history, inFlight: BigInt(in_flight) });
    assert.ok(Object.isFrozen(verified));
  }
});

test("a checkpoint is where a client goes on", async () => {
  const first = await open(updates[1].bytes);
  const second = await LightClient.fromCheckpoint(constants, first.checkpoint());
  assert.deepEqual(second.held, first.held);
  second.advance(newest.json);
  assert.equal(first.held.epoch, 2);
});

test("every receipt is accepted", () => {
  for (const entry of receipts) {
    const verified = client.verifyReceipt(bytes(entry.bytes));
    assert.deepEqual(client.verifyReceipt(entry.json), verified, entry.name);
    assert.deepEqual(client.verifyReceipt(JSON.stringify(entry.json)), verified, entry.name);
    const presence = (found) => found && (found.present ? "present" : "absent");
    assert.equal(presence(verified.shard), entry.shard, entry.name);
    assert.equal(presence(verified.account), entry.account, entry.name);
    assert.equal(verified.shard.clock?.lamport, entry.lamport === null ? undefined : BigInt(entry.lamport), entry.name);
    assert.equal(verified.state.epoch, Number(entry.epoch), entry.name);
    assert.equal(verified.proven.epoch, Number(entry.proven_epoch), entry.name);
  }
});

test("what was verified is told in full", () => {
  const { json } = receipt("an account in the past");
  const { shard, account, state } = client.verifyReceipt(json);
  const { leaf } = json.shard;
  assert.deepEqual(shard, {
    present: true,
    epoch: state.epoch,
    index: Number(json.shard.index),
    program: leaf.program,
    body: leaf.body,
    supply: BigInt(leaf.supply),
    clock: {
      lamport: BigInt(leaf.lamport),
      timestamp: BigInt(leaf.timestamp),
      unixMilliseconds: Number(BigInt(leaf.timestamp) >> 16n),
      seenEpoch: BigInt(leaf.seen_epoch),
      seenDigest: leaf.seen_digest,
    },
  });
  const { ax, ay, balance, ordinal } = json.account.account;
  const index = BigInt(json.account.index);
  assert.deepEqual(account, { present: true, epoch: state.epoch, shard: Number(json.shard.index), index, ax, ay, balance: BigInt(balance), ordinal: BigInt(ordinal) });
});

test("claims are checked under the state held", () => {
  const { shard, account } = receipt("an account").json;
  assert.equal(client.verifyShard(shard).present, true);
  assert.equal(client.verifyShard(receipt("no shard").json.shard).present, false);
  assert.equal(client.verifyAccount(shard, account).balance, BigInt(account.account.balance));
  assert.equal(client.verifyAccount(shard, receipt("no account").json.account).present, false);
  const past = descent(receipt("a shard in the past").json.past);
  assert.equal(client.verifyPastState(past).epoch, 2);
  assert.equal(code(() => client.verifyShard({ ...shard, index: "3" })), "wrong_index");
  assert.equal(code(() => client.verifyShard({ ...shard, leaf: { ...shard.leaf, lamport: 77n } })), "wrong_root");
  assert.equal(code(() => client.verifyAccount(shard, { ...account, account: null })), "wrong_root");
  assert.equal(code(() => client.verifyPastState({ ...past, state: { ...past.state, depth: "3" } })), "wrong_root");
});

/** What an entry of the claims is told by the package. */
function shown(client, { kind, shard, claim, ...entry }) {
  if (kind === "netted_account") return client.verifyNettedAccount(shard, claim);
  if (kind === "account") return client.verifyAccount(shard, claim);
  const receipt = client.verifyReceipt(bytes(entry.bytes));
  assert.deepEqual(client.verifyReceipt(entry.json), receipt);
  assert.equal(receipt.account, null);
  return receipt.nettedAccount;
}

test("netted accounts are told as the corpus has them", async () => {
  const client = await open(further.bytes);
  for (const entry of claims.filter(({ kind }) => kind !== "message")) {
    const name = `${entry.kind}: ${entry.name}`;
    let found;
    const refused = code(() => (found = shown(client, entry)));
    assert.equal(refused, entry.code, name);
    assert.equal(found && (found.present ? "present" : "absent"), entry.found ?? undefined, name);
  }
});

test("a netted account is told in full", async () => {
  const client = await open(further.bytes);
  const account = claims.find(({ name }) => name === "the third of a bottom node");
  const { key, balance, ordinal } = account.claim.triad[2];
  const epoch = client.held.epoch;
  assert.deepEqual(shown(client, account), { present: true, epoch, shard: Number(account.shard.index), index: 5n, key, balance: BigInt(balance), ordinal: BigInt(ordinal) });
});

test("descent from the state held is shown by a path", async () => {
  const { past } = receipt("a shard in the past").json;
  const client = await open(updates[1].bytes);
  assert.equal(client.checkDescent(newest.json, past.path).epoch, 5);
  assert.equal(client.held.epoch, 2);
});

test("every refusal has its code", async () => {
  const judge = {
    update: (given) => code(() => client.verify(given)),
    bundle: (given) => code(() => client.verify(given)),
    receipt: (given) => code(() => client.verifyReceipt(given)),
    advance: async (given, { held }) => {
      const client = await open(held);
      return code(() => client.advance(given));
    },
    descent: async (given, { held, path }) => {
      const client = await open(held);
      return code(() => client.checkDescent(given, path));
    },
  };
  const seen = new Set();
  for (const entry of refusals) {
    const forms = [entry.bytes !== undefined && bytes(entry.bytes), entry.json !== undefined && JSON.stringify(entry.json), entry.text].filter((form) => form !== false && form !== undefined);
    assert.ok(forms.length > 0, entry.name);
    for (const form of forms) assert.equal(await judge[entry.kind](form, entry), entry.code, `${entry.kind} ${entry.name}`);
    seen.add(entry.code);
  }
  assert.ok(seen.size >= 18, `${[...seen]}`);
});

test("every changed byte is refused", () => {
  for (const { kind, bytes: hex, xor, codes } of flips) {
    const [verify, stride] = kind === "update" ? [(given) => client.verify(given), 1] : [(given) => client.verifyReceipt(given), RECEIPT_STRIDE];
    for (const [first, last, expected] of codes) {
      for (let at = Math.ceil(first / stride) * stride; at <= last; at += stride) {
        const changed = bytes(hex);
        changed[at] ^= xor;
        assert.equal(code(() => verify(changed)), expected, `${kind}, byte ${at} xor ${xor}`);
      }
    }
  }
});

test("equivocation leaves the client where it was", async () => {
  const entry = refusals.find(({ kind, code }) => kind === "advance" && code === "equivocation");
  const client = await open(entry.held);
  const { held } = client;
  assert.equal(code(() => client.advance(bytes(entry.bytes))), "equivocation");
  assert.deepEqual(client.held, held);
  assert.deepEqual(client.checkpoint(), bytes(entry.held));
});

test("too long, too strange, too late", async () => {
  assert.equal(code(() => client.verifyReceipt(" ".repeat(1 << 18))), "length");
  assert.equal(code(() => client.verifyReceipt(new Uint8Array(1 << 18))), "length");
  assert.equal(code(() => client.verifyReceipt(" ".repeat((1 << 16) + 1))), "length");
  assert.equal(code(() => client.verifyShard(new Uint8Array(3))), "format");
  assert.equal(code(() => client.verify("\ud800")), "format");
  for (const strange of [undefined, null, 7, true]) assert.throws(() => client.verify(strange), TypeError);
  assert.throws(() => new LightClient(), TypeError);
  const closed = await open();
  closed.close();
  closed.close();
  assert.throws(() => closed.held, TypeError);
});

test("clients are many, and closed ones make room", async () => {
  const clients = [];
  const full = await codeOf(async () => {
    for (;;) clients.push(await LightClient.fromGenesis(constants, bytes(network.genesis_state)));
  });
  assert.equal(full, "range");
  assert.ok(clients.length >= 32);
  clients.forEach((client) => client.close());
  const again = await open();
  assert.equal(again.held.epoch, Number(newest.epoch));
  again.close();
});
