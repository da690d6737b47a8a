pragma circom 2.1.6;

include "account.circom";
include "channel.circom";
include "poseidon.circom";
include "range.circom";
include "trie.circom";

// What a message does to the reference shard that takes it.

function tag_answer() { return 0x747269666f6c642f616e737765722f7631; } // trifold/answer/v1

/*
@title  KeyPayload: the payload of a message to an account
@input  key      the receiver's key, or (0, 0) for whatever key the account has; any field elements
@output payload  KeyDigest, or 0 where no key is named
*/
template KeyPayload() {
    signal input key[2];
    signal output payload;
    signal isZero[2];
    for (var i = 0; i < 2; i++) {
        isZero[i] <== IsZero()(key[i]);
    }
    signal unnamed <== isZero[0] * isZero[1];
    signal digest <== KeyDigest()(key);
    payload <== (1 - unnamed) * digest;
}

/*
@title  Deliver: a message's account before and after, and the message that goes back
@param  DEPTH      levels of the state trie, at most 20
@input  root       state root before
@input  real       1 iff the slot is in use; boolean, enforced by the caller. Where it is 0 the account need not exist
@input  kind       below 2^32, enforced here
@input  from       below 2^32, enforced here
@input  to         below 2^32, enforced here. It may lie outside the trie; then place 0 is opened and stays as it is
@input  amount     below 2^64, enforced here
@input  payload    any field element; bound with the parts above to the channel by the caller
@input  number     index of the message in its channel, bound by Receive
@input  key        of the account; where one is to be opened the key that payload names, enforced here. A new account's key is any two
                   field elements: one that is no point of the curve can never sign, which SchnorrVerify enforces
@input  occupied   1 iff there is an account; boolean, enforced here. The opened leaf is then the digest of an account, never 0, and
                   otherwise 0, so root leaves the prover no choice
@input  balance, ordinal   the account; bound to root here, 0 where there is none
@input  siblings   path of the account
@output after      state root with balance greater by amount if the message is delivered; else root
@output emits      1 iff a message goes back
@output word, reply, rest   it: MessageWord, payload and amount. rest is what could not be credited

A transfer (0) and a request (2) are delivered to the account with the key that they name, or to any if they name none, and open an
account for a named key where there is none. Everything else goes to the account whatever its key, if there is one. No balance
reaches 2^64. An undelivered transfer goes back as a return (1), a request is always answered (3); what else can't be
delivered stays with the shard and belongs to nobody.
*/
template Deliver(DEPTH) {
    assert(DEPTH <= 20); // 3^20 < 2^32
    signal input root;
    signal input real;
    signal input kind;
    signal input from;
    signal input to;
    signal input amount;
    signal input payload;
    signal input number;
    signal input key[2];
    signal input occupied;
    signal input balance;
    signal input ordinal;
    signal input siblings[DEPTH][2];
    signal output after;
    signal output emits;
    signal output word;
    signal output reply;
    signal output rest;
    _ <== Bits(32)(kind);
    _ <== Bits(32)(from);
    _ <== Bits(32)(to);
    _ <== Bits(64)(amount);
    signal isTransfer <== IsZero()(kind);
    signal isRequest <== IsEqual()([kind, 2]);
    var names = isTransfer + isRequest;

    // The place: bit 32 says whether `to` lies beyond the trie.
    component distance = Bits(33);
    distance.in <== to - 3 ** DEPTH + 2 ** 32;
    signal inside <== 1 - distance.out[32];
    signal index <== inside * to;

    // The account there.
    occupied * (occupied - 1) === 0;
    (1 - occupied) * balance === 0;
    (1 - occupied) * ordinal === 0;
    component sum = Bits(65);
    sum.in <== balance + amount;
    signal fits <== inside * (1 - sum.out[64]);

    // Whether it takes the message.
    signal digest <== KeyDigest()(key);
    signal matches <== IsEqual()([digest, payload]);
    signal unnamed <== IsZero()(payload);
    signal foreign <== names * (1 - matches - unnamed);
    signal takes <== occupied * (1 - foreign);
    signal vacant <== (1 - occupied) * names;
    signal opens <== vacant * (1 - unnamed);
    signal opened <== inside * opens;
    opened * (digest - payload) === 0;
    signal delivered <== fits * (takes + opens);
    signal credited <== delivered * amount;

    signal exists <== occupied + (1 - occupied) * delivered;
    signal old <== AccountDigest()(key, balance, ordinal);
    signal new <== AccountDigest()(key, balance + credited, ordinal);
    component update = TrieUpdate(DEPTH);
    update.old <== occupied * old;
    update.new <== exists * new;
    update.index <== index;
    update.siblings <== siblings;
    real * (update.oldRoot - root) === 0;
    after <== root + real * (update.newRoot - root);

    // What goes back.
    signal returns <== isTransfer * (1 - delivered);
    signal standing <== inside * update.new;
    signal answer <== Poseidon(3)([tag_answer(), number, standing]);
    emits <== real * (returns + isRequest);
    rest <== amount - credited;
    word <== MessageWord()(1 + 2 * isRequest, to, from, rest);
    reply <== payload + isRequest * (answer - payload);
}

/*
@title  Emit: a running hash over the messages that a step sends, in order
@input  chain        over those before; 0 if none
@input  real         1 iff this one is sent; boolean, enforced by the caller
@input  destination  any field element
@input  word, payload   the message
@output after        the hash with this one

The templates that make messages and the slots that put them into channels absorb the same way from 0, so equal ends mean the same
messages in the same order: no digest is 0.
*/
template Emit() {
    signal input chain;
    signal input real;
    signal input destination;
    signal input word;
    signal input payload;
    signal output after;
    signal next <== Poseidon(5)([tag_emit(), chain, destination, word, payload]);
    after <== chain + real * (next - chain);
}

function tag_emit() { return 0x747269666f6c642f656d69742f7631; } // trifold/emit/v1

/*
@title  Prefix: n flags of which the first `count` are 1
@param  n      how many
@input  count  any field element; forced to 0..n
@output real   1, .., 1, 0, .., 0
*/
template Prefix(n) {
    signal input count;
    signal output {binary} real[n];
    var used = 0;
    for (var i = 0; i < n; i++) {
        real[i] <-- i < count;
        real[i] * (real[i] - 1) === 0;
        if (i > 0) {
            real[i] * (1 - real[i - 1]) === 0;
        }
        used += real[i];
    }
    used === count;
}

/*
@title  Latest: the largest of those clocks that count, 0 if none does
@param  n       how many
@input  real    which count; boolean, enforced by the caller
@input  clock   below 2^64 where real, enforced by the caller; anything where not
@output latest
*/
template Latest(n) {
    signal input real[n];
    signal input clock[n];
    signal output latest;
    signal counted[n];
    var largest = 0;
    for (var i = 0; i < n; i++) {
        counted[i] <== real[i] * clock[i];
        largest = counted[i] > largest ? counted[i] : largest;
    }
    latest <-- largest;
    // None exceeds it, and it is one of them.
    signal product[n + 1];
    product[0] <== 1;
    for (var i = 0; i < n; i++) {
        _ <== Bits(64)(latest - counted[i]);
        product[i + 1] <== product[i] * (latest - counted[i]);
    }
    product[n] === 0;
}
