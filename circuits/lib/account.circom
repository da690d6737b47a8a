pragma circom 2.1.6;

include "poseidon.circom";
include "range.circom";
include "trie.circom";

// Accounts of the reference shard: leaves of its state trie.

function tag_account() { return 0x747269666f6c642f6163636f756e742f7631; } // trifold/account/v1
function tag_key() { return 0x747269666f6c642f6b65792f7631; }             // trifold/key/v1

/*
@title  AccountDigest: an account, a leaf of the state trie
@input  key       public key, two field elements
@input  balance   below 2^64: enforced when the account was written, at genesis, by Credit or by Deliver
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
@title  KeyDigest: a key as a message names it
@input  key      any two field elements
@output digest   never 0, which names no key
*/
template KeyDigest() {
    signal input key[2];
    signal output digest <== Poseidon(3)([tag_key(), key[0], key[1]]);
}

/*
@title  Debit: the sender's account before and after
@param  DEPTH      levels of the state trie
@input  root       state root before
@input  real       1 iff the slot is in use; boolean, enforced by the caller. Where it is 0 the account need not exist
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
@input  real       1 iff the slot is in use and its receiver is of this shard; boolean, enforced by the caller
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
