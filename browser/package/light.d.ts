/**
 * Trifold's light client: it checks with one hash and one pairing that a global state descends from genesis through valid
 * epochs, and with paths what that state records.
 *
 * A proof shows validity. It does not show which of two valid successors is the canonical one, that a state is the newest, or that
 * the data behind its roots is available: ask several sources, and keep a checkpoint.
 */

/** Why something was refused; the Rust crate and the contract use the same words. */
export type RefusalCode =
  | "length"
  | "format"
  | "not_canonical"
  | "infinity"
  | "off_curve"
  | "wrong_subgroup"
  | "range"
  | "wrong_key"
  | "other_network"
  | "pairing"
  | "stale"
  | "known"
  | "equivocation"
  | "not_past"
  | "wrong_index"
  | "wrong_depth"
  | "wrong_root"
  | "wrong_body";

/** What all methods throw when they refuse what they were given. Misuse, as of a closed client, is a `TypeError`. */
export class RefusedError extends Error {
  private constructor();
  readonly name: "RefusedError";
  readonly code: RefusalCode;
}

/** A JSON text, or what `JSON.parse` made of it. */
export type Json = string | object;

/** 352 bytes; or JSON, `trifold/network/v1`, as `/light/v1/network` answers. */
export type Network = Uint8Array | Json;

/** 89 bytes; or JSON, the part `state` of a bundle. */
export type GlobalState = Uint8Array | Json;

/** 217 bytes; or a bundle, `trifold/global-proof/v1`, which has to name the client's network. */
export type Update = Uint8Array | Json;

/** The bytes of a receipt, or its JSON, `trifold/receipt/v1`. */
export type Receipt = Uint8Array | Json;

/** A field element: a decimal text. */
export type Field = string;

/** What stands at a place: something, or verifiably nothing. */
export type Presence<T> = ({ readonly present: true } & T) | { readonly present: false };

/** A global state that descends from genesis through valid epochs. */
export interface VerifiedState {
  readonly epoch: number;
  /** Levels of the trie of shards: there is room for 3^depth. */
  readonly depth: number;
  /** Root over the shards. */
  readonly root: Field;
  /** Root over the digests of all earlier states. */
  readonly history: Field;
  /** Value sent and not yet received. */
  readonly inFlight: bigint;
}

export interface VerifiedShard {
  /** Of the state that records it. */
  readonly epoch: number;
  readonly index: number;
  /** Key digest of its program. */
  readonly program: Field;
  /** Digest of its body. */
  readonly body: Field;
  readonly supply: bigint;
  readonly clock: Clock;
}

export interface Clock {
  /** Events so far. */
  readonly lamport: bigint;
  /** 48 bits of Unix milliseconds, then 16 bits of logical counter. The shard says this time itself; it only advances. */
  readonly timestamp: bigint;
  readonly unixMilliseconds: number;
  /** Epoch of the newest state that the shard had seen. */
  readonly seenEpoch: bigint;
  /** Digest of that state; "0" if none. */
  readonly seenDigest: Field;
}

export interface VerifiedAccount {
  /** Of the state that records its shard. */
  readonly epoch: number;
  readonly shard: number;
  readonly index: bigint;
  readonly ax: Field;
  readonly ay: Field;
  readonly balance: bigint;
  /** Transfers that it has signed so far. */
  readonly ordinal: bigint;
}

export interface VerifiedNettedAccount {
  /** Of the state that records its shard. */
  readonly epoch: number;
  readonly shard: number;
  readonly index: bigint;
  /** The u coordinate of the owner's key, in the Montgomery form of Baby Jubjub. */
  readonly key: Field;
  readonly balance: bigint;
  /** Messages that it has signed so far. */
  readonly ordinal: bigint;
}

export interface VerifiedReceipt {
  /** The state whose proof was checked. */
  readonly proven: VerifiedState;
  /** The state that the receipt is about: the proven one, or one out of its history. */
  readonly state: VerifiedState;
  readonly shard: Presence<VerifiedShard>;
  /** `null`: the receipt is about no account of the reference program. */
  readonly account: Presence<VerifiedAccount> | null;
  /** `null`: the receipt is about no account of a netted shard. */
  readonly nettedAccount: Presence<VerifiedNettedAccount> | null;
}

/** Follows one network from state to state. Its methods are synchronous; opening the first client loads the module. */
export class LightClient {
  private constructor();
  /** Starts at genesis, which needs no proof. */
  static fromGenesis(network: Network, genesis: GlobalState): Promise<LightClient>;
  /** Starts at a state that the caller pins, after checking its proof. */
  static fromCheckpoint(network: Network, checkpoint: Update): Promise<LightClient>;
  /** The newest state accepted so far. */
  readonly held: VerifiedState;
  /** What `fromCheckpoint` takes to go on from the state held: 217 bytes. `null` at genesis. */
  checkpoint(): Uint8Array | null;
  /** Checks an update's proof; changes nothing, and says nothing about the state held. */
  verify(update: Update): VerifiedState;
  /** Checks an update and moves on to it. Refuses `known`, `stale` and `equivocation`: two valid states of the epoch held. */
  advance(update: Update): VerifiedState;
  /** Checks an update and that its history records the state held, so that it is no fork of it; changes nothing. */
  checkDescent(update: Update, path: Json): VerifiedState;
  /** What the state held records for a shard. `claim`: the part `shard` of a receipt. */
  verifyShard(claim: Json): Presence<VerifiedShard>;
  /** What the state held records for an account of a shard. `account`: the part `account` of a receipt. */
  verifyAccount(shard: Json, account: Json): Presence<VerifiedAccount>;
  /** What the state held records for an account of a netted shard. `account`: the part `netted_account` of a receipt. */
  verifyNettedAccount(shard: Json, account: Json): Presence<VerifiedNettedAccount>;
  /**
   * An earlier state that the history of the state held records. `past`: JSON, `trifold/descent/v1`, as
   * `/light/v1/descent` answers.
   */
  verifyPastState(past: Json): VerifiedState;
  /** Checks a receipt, whatever its epoch, and that it knows no other state of the epoch held. */
  verifyReceipt(receipt: Receipt): VerifiedReceipt;
  /** Frees the client; one that is forgotten is freed some time later. */
  close(): void;
}

/** The 352 bytes of a network: what to pin, compare and hash. */
export function networkBytes(network: Network): Promise<Uint8Array>;
