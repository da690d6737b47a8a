pragma circom 2.1.6;

include "tablet.circom";

/*
@title  NodeDistance: gamma less the pole of a rewritten node
@input  position    of the node among those of its level
@input  family      of its trie and level, times the third power of alpha
@input  old, new    its digests
@input  point       see Point
@output out
*/
template NodeDistance() {
    signal input position;
    signal input family;
    signal input old;
    signal input new;
    signal input point[6];
    signal before <== point[1] * old;
    signal after <== point[2] * new;
    signal output out <== point[0] - position - before - after - family;
}

/*
@title  BottomRow: a touched bottom node: three accounts, and the node offered to the row above
@input  real       1 iff the row is in use; enforced boolean here. A row not in use may hold anything
@input  position   of the node among those of level 1; below 2^32, enforced here
@input  shard
@input  key .. looks, point   see Triad
@output old, new   digests of the node, committed by the caller
@output word       rests and looks: 240 bits, committed by the caller
@output place      position and real: 33 bits, committed by the caller
@output sum        the row's terms, 0 where it is not in use
*/
template BottomRow() {
    signal input real;
    signal input position;
    signal input shard;
    signal input key[3];
    signal input balance[3];
    signal input ordinal[3];
    signal input newKey[3];
    signal input newBalance[3];
    signal input newOrdinal[3];
    signal input rest[3];
    signal input looks[3];
    signal input point[6];
    signal output old;
    signal output new;
    signal output word;
    signal output place;
    signal output sum;
    real * (real - 1) === 0;
    _ <== Bits(32)(position);
    component triad = Triad();
    triad.index <== 3 * position;
    triad.place <== 3 * position + 2 ** 32 * shard;
    triad.key <== key;
    triad.balance <== balance;
    triad.ordinal <== ordinal;
    triad.newKey <== newKey;
    triad.newBalance <== newBalance;
    triad.newOrdinal <== newOrdinal;
    triad.rest <== rest;
    triad.looks <== looks;
    triad.point <== point;
    old <== triad.old;
    new <== triad.new;
    word <== triad.word;
    place <== position + 2 ** 32 * real;

    signal distance <== NodeDistance()(position, family_node(0, 1) * point[3], old, new, point);
    signal offered <== Fraction()(1, distance);
    signal advanced <== point[1] * triad.advance;
    sum <== real * (offered - advanced - triad.moved);
}

/*
@title  UpperRow: a touched node above: it takes the touched children's rows and offers itself
@input  real       1 iff the row is in use; enforced boolean here
@input  tree       number of its trie: 0 is the accounts'; below 2^17, enforced here
@input  position   of the node among those of its level; below 2^32, enforced here
@input  level      2..33, enforced here
@input  old, new   digests of the children
@input  touched    which children have rows of their own; enforced boolean here, the others do not change
@input  point      see Point
@output oldNode, newNode   digests of the node, committed by the caller
@output place      position, level, flags and tree: 58 bits, committed by the caller
@output sum        the row's terms, 0 where it is not in use
*/
template UpperRow() {
    signal input real;
    signal input tree;
    signal input position;
    signal input level;
    signal input old[3];
    signal input new[3];
    signal input touched[3];
    signal input point[6];
    signal output oldNode <== Poseidon(3)(old);
    signal output newNode <== Poseidon(3)(new);
    signal output place;
    signal output sum;
    real * (real - 1) === 0;
    _ <== Bits(17)(tree);
    _ <== Bits(32)(position);
    _ <== Bits(5)(level - 2);
    (1 - real) * (touched[0] + touched[1] + touched[2]) === 0;

    signal family <== point[3] * family_node(tree, level);
    signal distance <== NodeDistance()(position, family, oldNode, newNode, point);
    signal offered <== Fraction()(real, distance);
    signal below[3];
    signal taken[3];
    var flags = real;
    for (var i = 0; i < 3; i++) {
        touched[i] * (touched[i] - 1) === 0;
        (1 - touched[i]) * (new[i] - old[i]) === 0;
        below[i] <== NodeDistance()(3 * position + i, family - point[3], old[i], new[i], point);
        taken[i] <== Fraction()(touched[i], below[i]);
        flags += touched[i] * 2 ** (i + 1);
    }
    place <== position + 2 ** 32 * (level - 2) + 2 ** 37 * flags + 2 ** 41 * tree;
    sum <== offered - taken[0] - taken[1] - taken[2];
}

/*
@title  Packed: values of few bits, as many to a word as fit 253 bits
@param  N      values
@param  BITS   of each, enforced by the caller
@input  in
@output word
*/
template Packed(N, BITS) {
    var ROOM = 253 \ BITS;
    signal input in[N];
    signal output word[g16_ceil(N, ROOM)];
    for (var w = 0; w < g16_ceil(N, ROOM); w++) {
        var sum = 0;
        for (var i = ROOM * w; i < N && i < ROOM * (w + 1); i++) {
            sum += in[i] * 2 ** (BITS * (i - ROOM * w));
        }
        word[w] <== sum;
    }
}

// Words that RowList commits.
function row_words(B, U) { return 3 * B + g16_ceil(B, 7) + 2 * U + g16_ceil(U, 4); }

/*
@title  RowList: B touched bottom nodes and U touched nodes above them, in any order
@param  B, U       rows of each kind, at least 1
@input  shard
@input  bottom_*   see BottomRow
@input  upper_*    see UpperRow
@input  point      see Point
@output words      what the rows' terms depend on; committed by the caller
@output sum        their terms
*/
template RowList(B, U) {
    signal input shard;
    signal input bottom_real[B];
    signal input bottom_position[B];
    signal input bottom_key[B][3];
    signal input bottom_balance[B][3];
    signal input bottom_ordinal[B][3];
    signal input bottom_new_key[B][3];
    signal input bottom_new_balance[B][3];
    signal input bottom_new_ordinal[B][3];
    signal input bottom_rest[B][3];
    signal input bottom_looks[B][3];
    signal input upper_real[U];
    signal input upper_tree[U];
    signal input upper_position[U];
    signal input upper_level[U];
    signal input upper_old[U][3];
    signal input upper_new[U][3];
    signal input upper_touched[U][3];
    signal input point[6];
    signal output words[row_words(B, U)];
    signal output sum;

    component bottom[B];
    component upper[U];
    component bottomPlaces = Packed(B, 33);
    component upperPlaces = Packed(U, 58);
    var terms = 0;
    for (var i = 0; i < B; i++) {
        bottom[i] = BottomRow();
        bottom[i].real <== bottom_real[i];
        bottom[i].position <== bottom_position[i];
        bottom[i].shard <== shard;
        bottom[i].key <== bottom_key[i];
        bottom[i].balance <== bottom_balance[i];
        bottom[i].ordinal <== bottom_ordinal[i];
        bottom[i].newKey <== bottom_new_key[i];
        bottom[i].newBalance <== bottom_new_balance[i];
        bottom[i].newOrdinal <== bottom_new_ordinal[i];
        bottom[i].rest <== bottom_rest[i];
        bottom[i].looks <== bottom_looks[i];
        bottom[i].point <== point;
        words[3 * i] <== bottom[i].old;
        words[3 * i + 1] <== bottom[i].new;
        words[3 * i + 2] <== bottom[i].word;
        bottomPlaces.in[i] <== bottom[i].place;
        terms += bottom[i].sum;
    }
    var at = 3 * B;
    for (var i = 0; i < g16_ceil(B, 7); i++) {
        words[at + i] <== bottomPlaces.word[i];
    }
    at += g16_ceil(B, 7);
    for (var i = 0; i < U; i++) {
        upper[i] = UpperRow();
        upper[i].real <== upper_real[i];
        upper[i].tree <== upper_tree[i];
        upper[i].position <== upper_position[i];
        upper[i].level <== upper_level[i];
        upper[i].old <== upper_old[i];
        upper[i].new <== upper_new[i];
        upper[i].touched <== upper_touched[i];
        upper[i].point <== point;
        words[at + 2 * i] <== upper[i].oldNode;
        words[at + 2 * i + 1] <== upper[i].newNode;
        upperPlaces.in[i] <== upper[i].place;
        terms += upper[i].sum;
    }
    at += 2 * U;
    for (var i = 0; i < g16_ceil(U, 4); i++) {
        words[at + i] <== upperPlaces.word[i];
    }
    sum <== terms;
}

/*
@title  Rows: B touched bottom nodes and U touched nodes above them; a part without a subtree of its own
@param  B, U     rows of each kind, at least 1
@input  keys, network, shard, gamma, alpha   the context
@input  bottom_*, upper_*   see RowList
@input  x        PartStatement, the only public signal

What links the rows, those of other proofs included, is the sum: every row offers its node, every row but the root's is taken by
exactly one other, and the close of the epoch takes the root's.
*/
template Rows(B, U) {
    signal input keys;
    signal input network;
    signal input shard;
    signal input gamma;
    signal input alpha;
    signal input bottom_real[B];
    signal input bottom_position[B];
    signal input bottom_key[B][3];
    signal input bottom_balance[B][3];
    signal input bottom_ordinal[B][3];
    signal input bottom_new_key[B][3];
    signal input bottom_new_balance[B][3];
    signal input bottom_new_ordinal[B][3];
    signal input bottom_rest[B][3];
    signal input bottom_looks[B][3];
    signal input upper_real[U];
    signal input upper_tree[U];
    signal input upper_position[U];
    signal input upper_level[U];
    signal input upper_old[U][3];
    signal input upper_new[U][3];
    signal input upper_touched[U][3];
    signal input x;

    signal context <== ContextDigest()(keys, network, shard, gamma, alpha);
    signal point[6] <== Point()(gamma, alpha);
    component rows = RowList(B, U);
    rows.shard <== shard;
    rows.bottom_real <== bottom_real;
    rows.bottom_position <== bottom_position;
    rows.bottom_key <== bottom_key;
    rows.bottom_balance <== bottom_balance;
    rows.bottom_ordinal <== bottom_ordinal;
    rows.bottom_new_key <== bottom_new_key;
    rows.bottom_new_balance <== bottom_new_balance;
    rows.bottom_new_ordinal <== bottom_new_ordinal;
    rows.bottom_rest <== bottom_rest;
    rows.bottom_looks <== bottom_looks;
    rows.upper_real <== upper_real;
    rows.upper_tree <== upper_tree;
    rows.upper_position <== upper_position;
    rows.upper_level <== upper_level;
    rows.upper_old <== upper_old;
    rows.upper_new <== upper_new;
    rows.upper_touched <== upper_touched;
    rows.point <== point;
    component list = Commitment(1 + row_words(B, U), tag_rows());
    list.words[0] <== B + 2 ** 32 * U;
    for (var i = 0; i < row_words(B, U); i++) {
        list.words[1 + i] <== rows.words[i];
    }
    signal statement <== PartStatement()(context, 0, 0, 0, 0, list.digest, rows.sum, 0);
    x === statement;
}
