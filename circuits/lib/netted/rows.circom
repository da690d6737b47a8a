pragma circom 2.1.6;

include "tablet.circom";

/*
@title  NodeDistance: gamma less the pole of a rewritten node
@input  position    of the node among those of its level
@input  family      2 + its level, times the third power of alpha
@input  old, new    its digests
@input  gamma, alpha, second
@output out
*/
template NodeDistance() {
    signal input position;
    signal input family;
    signal input old;
    signal input new;
    signal input gamma;
    signal input alpha;
    signal input second;
    signal before <== alpha * old;
    signal after <== second * new;
    signal output out <== gamma - position - before - after - family;
}

/*
@title  BottomRow: a touched bottom node: three accounts, and the node offered to the row above
@input  real       1 iff the row is in use; enforced boolean here. A row not in use may hold anything
@input  position   of the node among those of level 1; below 2^32, enforced here
@input  shard
@input  key .. rest, gamma .. third   see Triad
@output old, new   digests of the node, committed by Rows
@output word       rests, position and real: 225 bits, committed by Rows
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
    signal input gamma;
    signal input alpha;
    signal input second;
    signal input third;
    signal output old;
    signal output new;
    signal output word;
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
    triad.gamma <== gamma;
    triad.alpha <== alpha;
    triad.second <== second;
    triad.third <== third;
    old <== triad.old;
    new <== triad.new;
    word <== triad.word + 2 ** 192 * position + 2 ** 224 * real;

    signal distance <== NodeDistance()(position, 3 * third, old, new, gamma, alpha, second);
    signal offered <-- 1 / distance;
    offered * distance === 1;
    signal advanced <== alpha * triad.advance;
    sum <== real * (offered - advanced - triad.moved);
}

/*
@title  UpperRow: a touched node above: it takes the touched children's rows and offers itself
@input  real       1 iff the row is in use; enforced boolean here
@input  position   of the node among those of its level; below 2^32, enforced here
@input  level      2..33, enforced here
@input  old, new   digests of the children
@input  touched    which children have rows of their own; enforced boolean here, the others do not change
@input  gamma, alpha, second, third
@output oldNode, newNode   digests of the node, committed by Rows
@output place      position, level and flags: 41 bits, committed by Rows
@output sum        the row's terms, 0 where it is not in use
*/
template UpperRow() {
    signal input real;
    signal input position;
    signal input level;
    signal input old[3];
    signal input new[3];
    signal input touched[3];
    signal input gamma;
    signal input alpha;
    signal input second;
    signal input third;
    signal output oldNode <== Poseidon(3)(old);
    signal output newNode <== Poseidon(3)(new);
    signal output place;
    signal output sum;
    real * (real - 1) === 0;
    _ <== Bits(32)(position);
    _ <== Bits(5)(level - 2);
    (1 - real) * (touched[0] + touched[1] + touched[2]) === 0;

    signal levelled <== third * level;
    signal distance <== NodeDistance()(position, levelled + 2 * third, oldNode, newNode, gamma, alpha, second);
    signal offered <-- real / distance;
    offered * distance === real;
    signal below[3];
    signal taken[3];
    var flags = real;
    for (var i = 0; i < 3; i++) {
        touched[i] * (touched[i] - 1) === 0;
        (1 - touched[i]) * (new[i] - old[i]) === 0;
        below[i] <== NodeDistance()(3 * position + i, levelled + third, old[i], new[i], gamma, alpha, second);
        taken[i] <-- touched[i] / below[i];
        taken[i] * below[i] === touched[i];
        flags += touched[i] * 2 ** (i + 1);
    }
    place <== position + 2 ** 32 * (level - 2) + 2 ** 37 * flags;
    sum <== offered - taken[0] - taken[1] - taken[2];
}

/*
@title  Rows: B touched bottom nodes and U touched nodes above them, in any order; a part without a subtree of its own
@param  B, U     rows of each kind, at least 1
@input  keys, network, shard, gamma, alpha   the context
@input  bottom_*   see BottomRow
@input  upper_*    see UpperRow
@input  x        PartStatement, the only public signal

What links the rows, those of other proofs included, is the sum: every row offers its node, every row but the root's is taken by
exactly one other, and the close of the epoch takes the root's.
*/
template Rows(B, U) {
    var PLACES = 6; // of 41 bits to a word
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
    signal input upper_real[U];
    signal input upper_position[U];
    signal input upper_level[U];
    signal input upper_old[U][3];
    signal input upper_new[U][3];
    signal input upper_touched[U][3];
    signal input x;

    signal context <== ContextDigest()(keys, network, shard, gamma, alpha);
    signal (second, third) <== Powers()(alpha);
    var placesAt = 1 + 3 * B + 2 * U;
    component list = Commitment(placesAt + g16_ceil(U, PLACES), tag_rows());
    list.words[0] <== B + 2 ** 32 * U;
    component bottom[B];
    component upper[U];
    var sum = 0;
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
        bottom[i].gamma <== gamma;
        bottom[i].alpha <== alpha;
        bottom[i].second <== second;
        bottom[i].third <== third;
        list.words[1 + 3 * i] <== bottom[i].old;
        list.words[2 + 3 * i] <== bottom[i].new;
        list.words[3 + 3 * i] <== bottom[i].word;
        sum += bottom[i].sum;
    }
    var word = 0;
    for (var i = 0; i < U; i++) {
        upper[i] = UpperRow();
        upper[i].real <== upper_real[i];
        upper[i].position <== upper_position[i];
        upper[i].level <== upper_level[i];
        upper[i].old <== upper_old[i];
        upper[i].new <== upper_new[i];
        upper[i].touched <== upper_touched[i];
        upper[i].gamma <== gamma;
        upper[i].alpha <== alpha;
        upper[i].second <== second;
        upper[i].third <== third;
        list.words[1 + 3 * B + 2 * i] <== upper[i].oldNode;
        list.words[2 + 3 * B + 2 * i] <== upper[i].newNode;
        word += upper[i].place * 2 ** (41 * (i % PLACES));
        if (i % PLACES == PLACES - 1 || i == U - 1) {
            list.words[placesAt + i \ PLACES] <== word;
            word = 0;
        }
        sum += upper[i].sum;
    }
    signal statement <== PartStatement()(context, 0, 0, 0, 0, list.digest, sum, 0);
    x === statement;
}
