pragma circom 2.1.6;

include "lib/poseidon.circom";
include "lib/range.circom";
include "lib/schnorr.circom";
include "lib/statement.circom";
include "lib/trie.circom";

function tag_row() { return 0x6b762f726f772f7631; }           // kv/row/v1
function tag_table() { return 0x6b762f7461626c652f7631; }     // kv/table/v1
function tag_insert() { return 0x6b762f696e736572742f7631; }  // kv/insert/v1
function tag_answer() { return 0x6b762f616e737765722f7631; }  // kv/answer/v1

/*
@title  RowDigest: a row, a leaf of the trie of rows; 0 where there is none
@input  present  boolean, enforced by the caller
@input  value    any field element; below 2^64 where it was inserted
@input  salt     any field element; hides the value from whoever knows the digest only
@output digest
*/
template RowDigest() {
    signal input {binary} present;
    signal input value;
    signal input salt;
    signal output digest;
    signal hash <== Poseidon(3)([tag_row(), value, salt]);
    digest <== present * hash;
}

/*
@title  TableBody: the shard's body around a table, without messages to other shards
@input  owner    public key that INSERT is signed with
@input  ordinal  INSERTs so far
@input  rows     root of the trie of rows
@input  answers  digest of the answers of the last step
@output body
*/
template TableBody() {
    signal input owner[2];
    signal input ordinal;
    signal input rows;
    signal input answers;
    signal output body;
    signal state <== Poseidon(6)([tag_table(), owner[0], owner[1], ordinal, rows, answers]);
    body <== Poseidon(4)([tag_body(), state, 0, 0]);
}

/*
@title  AtLeast: whether a >= b, 66 constraints
@input  a, b  below 2^64, enforced by the caller
@output out   1 if a >= b, else 0
*/
template AtLeast() {
    signal input a;
    signal input b;
    signal output out;
    component bits = Bits(65);
    bits.in <== a - b + 2 ** 64;
    out <== bits.out[64];
}

/*
@title  Slot: one operation on the table
@param  DEPTH       levels of the trie of rows, at most 20
@input  insert, select, between   which operation; booleans of which at most one is 1, enforced by the caller
@input  shard, owner              as in KeyValue
@input  key         position of the row; below 3^DEPTH, enforced here
@input  present, held_value, held_salt, siblings   the row as it is, and its path; bound to `rows` here if the slot is in use
@input  value, salt what INSERT writes, 0 elsewhere; value below 2^64, all enforced here
@input  low, high   bounds of BETWEEN, 0 elsewhere; below 2^64, all enforced here
@input  commitment, response_*    the owner's signature of an INSERT; by the neutral key elsewhere
@input  rows, ordinal, answers    the table before
@output next_rows, next_ordinal, next_answers   and after
*/
template Slot(DEPTH) {
    signal input {binary} insert;
    signal input {binary} select;
    signal input {binary} between;
    signal input shard;
    signal input owner[2];
    signal input key;
    signal input present;
    signal input held_value;
    signal input held_salt;
    signal input siblings[DEPTH][2];
    signal input value;
    signal input salt;
    signal input low;
    signal input high;
    signal input commitment[2];
    signal input response_magnitude[84][2];
    signal input response_positive[84];
    signal input rows;
    signal input ordinal;
    signal input answers;
    signal output next_rows;
    signal output next_ordinal;
    signal output next_answers;
    var used = insert + select + between;

    // What the operation has no use for is 0, so that nothing is left to the prover.
    (1 - insert) * value === 0;
    (1 - insert) * salt === 0;
    (1 - between) * low === 0;
    (1 - between) * high === 0;
    _ <== Bits(64)(value);
    _ <== Bits(64)(low);
    _ <== Bits(64)(high);

    // The row as it is. A value in the trie is below 2^64: it was inserted, or it was there at genesis.
    signal {binary} there <== AssertBit()(present);
    (1 - there) * held_value === 0;
    (1 - there) * held_salt === 0;
    signal held <== RowDigest()(there, held_value, held_salt);
    signal {binary} one_here;
    one_here <== 1;
    signal written <== RowDigest()(one_here, value, salt);
    component path = TrieUpdate(DEPTH);
    path.old <== held;
    path.new <== written;
    path.index <== key;
    path.siblings <== siblings;
    used * (path.oldRoot - rows) === 0;
    next_rows <== rows + insert * (path.newRoot - rows);

    // The owner signs shard, ordinal, key and row; where nothing is inserted, anyone can sign for the neutral key (0, 1).
    signal message <== Poseidon(6)([tag_insert(), shard, ordinal, key, value, salt]);
    signal signer[2];
    signer[0] <== insert * owner[0];
    signer[1] <== 1 + insert * (owner[1] - 1);
    SchnorrVerify()(signer, message, commitment, response_magnitude, response_positive);
    next_ordinal <== ordinal + insert;

    // The answer: SELECT tells whether there is a row and its value; BETWEEN whether there is one within the bounds, and
    // nothing else of it.
    signal atLeastLow <== AtLeast()(held_value, low);
    signal atMostHigh <== AtLeast()(high, held_value);
    signal within <== atLeastLow * atMostHigh;
    signal holds <== there * within;
    signal selected <== select * there;
    signal found <== between * holds;
    signal told <== select * held_value;
    signal answer <== Poseidon(8)([tag_answer(), answers, insert + 2 * select + 3 * between, key, low, high,
        insert + selected + found, told]);
    next_answers <== answers + used * (answer - answers);
}

/*
@title  KeyValue: up to N operations in sequence on a table of 3^DEPTH places
@param  N, DEPTH        slots of a step, levels of the trie of rows
@input  shard           index in the global trie; merge compares it with the shard's place
@input  seen_digest     in the statement only: nothing is received, so nothing is opened under it
@input  events          slots in use, from 1; enforced here
@input  owner, old_ordinal, old_rows, old_answers   the table before; bound by the old body
@input  insert, select, between   the operation of each slot; enforced here to be booleans of which at most one is 1
@input  key .. response_*         see Slot
@input  x               the program statement, the only public signal; enforced here

The slots in use come first. `answers` starts at 0 in each step, so that who was given the answers of one step can check them
under the leaf that the step led to, without those of any other.

Replays: a message names shard, key, row and ordinal, which each INSERT advances. It doesn't name the network, so an owner must
not use one key in two networks.
*/
template KeyValue(N, DEPTH) {
    signal input shard;
    signal input seen_digest;
    signal input events;
    signal input owner[2];
    signal input old_ordinal;
    signal input old_rows;
    signal input old_answers;
    signal input insert[N];
    signal input select[N];
    signal input between[N];
    signal input key[N];
    signal input present[N];
    signal input held_value[N];
    signal input held_salt[N];
    signal input siblings[N][DEPTH][2];
    signal input value[N];
    signal input salt[N];
    signal input low[N];
    signal input high[N];
    signal input commitment[N][2];
    signal input response_magnitude[N][84][2];
    signal input response_positive[N][84];
    signal input x;

    signal {binary} inserts[N] <== AssertBits(N)(insert);
    signal {binary} selects[N] <== AssertBits(N)(select);
    signal {binary} betweens[N] <== AssertBits(N)(between);
    signal used[N];
    var sum = 0;
    for (var i = 0; i < N; i++) {
        used[i] <== insert[i] + select[i] + between[i];
        if (i == 0) {
            used[i] === 1;
        } else {
            used[i] * (used[i] - 1) === 0;
            used[i] * (1 - used[i - 1]) === 0;
        }
        sum += used[i];
    }
    sum === events;

    signal rows[N + 1];
    signal ordinal[N + 1];
    signal answers[N + 1];
    rows[0] <== old_rows;
    ordinal[0] <== old_ordinal;
    answers[0] <== 0;
    component slot[N];
    for (var i = 0; i < N; i++) {
        slot[i] = Slot(DEPTH);
        slot[i].insert <== inserts[i];
        slot[i].select <== selects[i];
        slot[i].between <== betweens[i];
        slot[i].shard <== shard;
        slot[i].owner <== owner;
        slot[i].key <== key[i];
        slot[i].present <== present[i];
        slot[i].held_value <== held_value[i];
        slot[i].held_salt <== held_salt[i];
        slot[i].siblings <== siblings[i];
        slot[i].value <== value[i];
        slot[i].salt <== salt[i];
        slot[i].low <== low[i];
        slot[i].high <== high[i];
        slot[i].commitment <== commitment[i];
        slot[i].response_magnitude <== response_magnitude[i];
        slot[i].response_positive <== response_positive[i];
        slot[i].rows <== rows[i];
        slot[i].ordinal <== ordinal[i];
        slot[i].answers <== answers[i];
        rows[i + 1] <== slot[i].next_rows;
        ordinal[i + 1] <== slot[i].next_ordinal;
        answers[i + 1] <== slot[i].next_answers;
    }

    signal old_body <== TableBody()(owner, old_ordinal, old_rows, old_answers);
    signal new_body <== TableBody()(owner, ordinal[N], rows[N], answers[N]);
    signal statement <== ProgramStatement()(shard, old_body, new_body, events, seen_digest, 0, 0, 0, 0);
    x === statement;
}
