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
@input  looks       how many messages of other shards look at the account; below 2^16, enforced here; committed by the caller
@input  point       see Point
@output debit       (balance - rest) / (gamma - pole of (index) among debits)
@output credit      (newBalance - rest) / (gamma - pole of (place) among credits)
@output advance     times alpha: 1 / (gamma - pole of (index, newOrdinal, key)) - 1 / (gamma - pole of (index, ordinal, key))
@output looked      looks / (gamma - pole of (index, newKey, newBalance, newOrdinal, debits) among looks)

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
    signal input looks;
    signal input point[6];
    signal output debit;
    signal output credit;
    signal output advance;
    signal output looked;
    _ <== Bits(64)(rest);
    _ <== Bits(16)(looks);
    (newKey - key) * key === 0;

    debit <== Fraction()(balance - rest, point[0] - index - family_debit() * point[3]);
    credit <== Fraction()(newBalance - rest, point[0] - place);

    signal before <== point[1] * ordinal;
    signal keyed <== point[2] * key;
    advance <== Advance()(newOrdinal - ordinal, point[0] - index - before - keyed - family_numbering() * point[3], point[1]);

    component look = LookDistance();
    look.index <== index;
    look.key <== newKey;
    look.balance <== newBalance;
    look.ordinal <== newOrdinal;
    look.debits <== balance - rest;
    look.point <== point;
    looked <== Fraction()(looks, look.out);
}

/*
@title  LookDistance: gamma less the pole of an account as an epoch leaves it
@input  index       position of the account
@input  key, balance, ordinal   after the epoch
@input  debits      what its messages took in the epoch
@input  point       see Point
@output out
*/
template LookDistance() {
    signal input index;
    signal input key;
    signal input balance;
    signal input ordinal;
    signal input debits;
    signal input point[6];
    signal keyed <== point[1] * key;
    signal held <== point[2] * balance;
    signal numbered <== point[4] * ordinal;
    signal spent <== point[5] * debits;
    signal output out <== point[0] - index - keyed - held - family_look() * point[3] - numbered - spent;
}
