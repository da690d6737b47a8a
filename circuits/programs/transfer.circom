pragma circom 2.1.6;

include "lib/poseidon.circom";
include "lib/range.circom";
include "lib/schnorr.circom";
include "lib/statement.circom";
include "lib/trie.circom";

function tag_account() { return 0x747269666f6c642f6163636f756e742f7631; }   // trifold/account/v1
function tag_transfer() { return 0x747269666f6c642f7472616e736665722f7631; } // trifold/transfer/v1

/*
@title  AccountDigest: an account, a leaf of the state trie
@input  key       public key, two field elements
@input  balance   below 2^64: enforced when the account was written, at genesis or by TransferSlot
@input  ordinal   transfers the account has signed; starts at 0 and grows by 1 per slot, so it stays below 2^64
@output digest
*/
template AccountDigest() {
    signal input key[2];
    signal input balance;
    signal input ordinal;
    signal output digest <== Poseidon(5)([tag_account(), key[0], key[1], balance, ordinal]);
}

/*
@title  Debit: the sender's account before and after
@param  DEPTH      levels of the state trie
@input  root       state root before
@input  real       1 iff the slot is in use; boolean, enforced by Transfer. Where it is 0 the account need not exist
@input  index      position of the account; below 3^DEPTH, enforced here
@input  key, balance, ordinal   the account; bound to root here
@input  amount     below 2^64, enforced here
@input  siblings   path of the account
@output after      state root with balance less by amount and ordinal greater by 1
*/
template Debit(DEPTH) {
    signal input root;
    signal input real;
    signal input index;
    signal input key[2];
    signal input balance;
    signal input ordinal;
    signal input amount;
    signal input siblings[DEPTH][2];
    signal output after;
    _ <== Bits(64)(amount);
    _ <== Bits(64)(balance - amount);
    component update = TrieUpdate(DEPTH);
    update.old <== AccountDigest()(key, balance, ordinal);
    update.new <== AccountDigest()(key, balance - amount, ordinal + 1);
    update.index <== index;
    update.siblings <== siblings;
    real * (update.oldRoot - root) === 0;
    after <== update.newRoot;
}

/*
@title  Credit: the receiver's account before and after
@param  DEPTH      levels of the state trie
@input  root       state root after the debit, so that a transfer to oneself sees its own debit
@input  real       1 iff the slot is in use; boolean, enforced by Transfer
@input  index      position of the account; below 3^DEPTH, enforced here
@input  key        the key that the sender named; the account's own if there is one, enforced here. A new account's key is
                   any two field elements: one that is no point of the curve can never sign, which SchnorrVerify enforces
@input  fresh      1 iff there is no account yet; boolean, enforced here. The opened leaf is then 0 and otherwise the
                   digest of an account, never 0, so root leaves the prover no choice
@input  balance, ordinal   the account; bound to root here, 0 where fresh
@input  amount     below 2^64, enforced by Debit
@input  siblings   path of the account
@output after      state root with balance greater by amount; the sum is below 2^64, enforced here
*/
template Credit(DEPTH) {
    signal input root;
    signal input real;
    signal input index;
    signal input key[2];
    signal input fresh;
    signal input balance;
    signal input ordinal;
    signal input amount;
    signal input siblings[DEPTH][2];
    signal output after;
    fresh * (fresh - 1) === 0;
    fresh * balance === 0;
    fresh * ordinal === 0;
    _ <== Bits(64)(balance + amount);
    signal held <== AccountDigest()(key, balance, ordinal);
    component update = TrieUpdate(DEPTH);
    update.old <== (1 - fresh) * held;
    update.new <== AccountDigest()(key, balance + amount, ordinal);
    update.index <== index;
    update.siblings <== siblings;
    real * (update.oldRoot - root) === 0;
    after <== update.newRoot;
}

/*
@title  Transfer: N signed transfers in sequence; the program of the reference shard
@param  N               slots; the first `events` are in use
@param  DEPTH           levels of the state trie
@input  shard           index of the shard; every message names it; below 3^9, enforced by merge
@input  seen_digest     global state the shard has seen; nothing is received under it, it is only stated
@input  events          slots in use; 1..N, enforced here
@input  old_root        state root before
@input  from, to        positions of sender and receiver; below 3^DEPTH, enforced here
@input  amount          below 2^64, enforced here
@input  sender_*        the sender's account when its turn comes, and its path; bound to the state root here
@input  receiver_key    the receiver's key; signed by the sender
@input  receiver_*      the receiver's account after the debit, whether it is fresh, and its path; bound to the state root here
@input  commitment, response_*   the sender's signature of the transfer
@input  x               the program statement, the only public signal; enforced here

There are no messages between shards yet: outbox and inbox are the empty trie's constant 0 before and after, and nothing is sent or
received. A slot not in use holds a transfer by the neutral key over nothing: it has to be signed, which anyone can do, and
leaves the root alone. The old body is derived from old_root, so a fresh shard (old body 0) has no first batch: its
ledger is empty, and a batch has at least one transfer, which needs a sender with an account.

Replays: a message names shard, sender and the sender's ordinal, which the slot advances. It does not name the network, so
a client must not use one key in two networks.
*/
template Transfer(N, DEPTH) {
    signal input shard;
    signal input seen_digest;
    signal input events;
    signal input old_root;
    signal input from[N];
    signal input to[N];
    signal input amount[N];
    signal input sender_key[N][2];
    signal input sender_balance[N];
    signal input sender_ordinal[N];
    signal input sender_siblings[N][DEPTH][2];
    signal input receiver_key[N][2];
    signal input receiver_fresh[N];
    signal input receiver_balance[N];
    signal input receiver_ordinal[N];
    signal input receiver_siblings[N][DEPTH][2];
    signal input commitment[N][2];
    signal input response_magnitude[N][84][2];
    signal input response_positive[N][84];
    signal input x;

    // The slots in use come first: 1, .., 1, 0, .., 0 with at least one 1.
    signal real[N];
    var used = 0;
    for (var i = 0; i < N; i++) {
        real[i] <-- i < events;
        if (i == 0) {
            real[i] === 1;
        } else {
            real[i] * (real[i] - 1) === 0;
            real[i] * (1 - real[i - 1]) === 0;
        }
        used += real[i];
    }
    used === events;

    signal root[N + 1];
    signal debited[N];
    signal credited[N];
    signal message[N];
    root[0] <== old_root;
    for (var i = 0; i < N; i++) {
        message[i] <== Poseidon(8)([tag_transfer(), shard, from[i], sender_ordinal[i], to[i],
            receiver_key[i][0], receiver_key[i][1], amount[i]]);
        SchnorrVerify()(sender_key[i], message[i], commitment[i], response_magnitude[i], response_positive[i]);
        debited[i] <== Debit(DEPTH)(root[i], real[i], from[i], sender_key[i], sender_balance[i], sender_ordinal[i],
            amount[i], sender_siblings[i]);
        credited[i] <== Credit(DEPTH)(debited[i], real[i], to[i], receiver_key[i], receiver_fresh[i],
            receiver_balance[i], receiver_ordinal[i], amount[i], receiver_siblings[i]);
        root[i + 1] <== root[i] + real[i] * (credited[i] - root[i]);
    }

    signal old_body <== Poseidon(4)([tag_body(), root[0], 0, 0]);
    signal new_body <== Poseidon(4)([tag_body(), root[N], 0, 0]);
    signal statement <== ProgramStatement()(shard, old_body, new_body, events, seen_digest, 0, 0, 0, 0);
    x === statement;
}
