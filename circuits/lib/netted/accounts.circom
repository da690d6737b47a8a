pragma circom 2.1.6;

include "../range.circom";
include "statement.circom";

/*
@title  AccountsNode: a bottom node of the account trie, three accounts in order
@input  key       u coordinates; 0 where there is no account
@input  balance, ordinal   field elements, each an input of its own so that none can pass for a part of another
@output digest
*/
template AccountsNode() {
    signal input key[3];
    signal input balance[3];
    signal input ordinal[3];
    signal output digest;
    component perm = PoseidonPerm(10);
    perm.in[0] <== tag_accounts();
    for (var i = 0; i < 3; i++) {
        perm.in[3 * i + 1] <== key[i];
        perm.in[3 * i + 2] <== balance[i];
        perm.in[3 * i + 3] <== ordinal[i];
    }
    digest <== perm.out[0];
}

/*
@title  AccountStep: one account over one epoch: what its messages took, what it was credited, and their terms
@input  index       position of the account
@input  place       index + 2^32 shard
@input  key, balance, ordinal               before; bound to the old root by the caller
@input  newKey, newBalance, newOrdinal      after; bound to the new root by the caller
@input  rest        the balance less all debits, before any credit; below 2^64, enforced here; committed by the caller
@input  gamma, alpha, second, third         challenges and powers of alpha
@output debit       (balance - rest) / (gamma - pole of (index) among debits)
@output credit      (newBalance - rest) / (gamma - pole of (place) among credits)
@output advance     times alpha: 1 / (gamma - pole of (index, newOrdinal, key)) - 1 / (gamma - pole of (index, ordinal, key))

A key that is there stays; where there was none any may come.
*/
template AccountStep() {
    signal input index;
    signal input place;
    signal input key;
    signal input balance;
    signal input ordinal;
    signal input newKey;
    signal input newBalance;
    signal input newOrdinal;
    signal input rest;
    signal input gamma;
    signal input alpha;
    signal input second;
    signal input third;
    signal output debit;
    signal output credit;
    signal output advance;
    _ <== Bits(64)(rest);
    (newKey - key) * key === 0;

    debit <-- (balance - rest) / (gamma - index - third);
    debit * (gamma - index - third) === balance - rest;
    credit <-- (newBalance - rest) / (gamma - place);
    credit * (gamma - place) === newBalance - rest;

    signal before <== alpha * ordinal;
    signal moved <== alpha * (newOrdinal - ordinal);
    signal keyed <== second * key;
    var distance = gamma - index - before - keyed - 2 * third;
    signal both <== distance * (distance - moved);
    advance <-- (newOrdinal - ordinal) / both;
    advance * both === newOrdinal - ordinal;
}
