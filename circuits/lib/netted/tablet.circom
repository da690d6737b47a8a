pragma circom 2.1.6;

include "accounts.circom";

/*
@title  Subtree: the root over the bottom nodes of a full subtree
@param  LEVELS  levels above the bottom nodes, 0 or more
@input  bottom  digests of the bottom nodes in order
@output root
*/
template Subtree(LEVELS) {
    signal input bottom[3 ** LEVELS];
    signal output root;
    if (LEVELS == 0) {
        root <== bottom[0];
    } else {
        component third[3];
        signal child[3];
        for (var i = 0; i < 3; i++) {
            third[i] = Subtree(LEVELS - 1);
            for (var j = 0; j < 3 ** (LEVELS - 1); j++) {
                third[i].bottom[j] <== bottom[3 ** (LEVELS - 1) * i + j];
            }
            child[i] <== third[i].root;
        }
        root <== Poseidon(3)(child);
    }
}

/*
@title  Triad: three neighbouring accounts over one epoch
@input  index    position of the first
@input  place    index + 2^32 shard
@input  key .. looks, point   see AccountStep
@output old, new   digests of their bottom node
@output advance, moved   sums of the accounts' terms, with the sign of messages; looks have the other one
@output word     the three rests, 64 bits each, and the three numbers of looks, 16 bits each
*/
template Triad() {
    signal input index;
    signal input place;
    signal input key[3];
    signal input balance[3];
    signal input ordinal[3];
    signal input newKey[3];
    signal input newBalance[3];
    signal input newOrdinal[3];
    signal input rest[3];
    signal input looks[3];
    signal input point[6];
    signal output old <== AccountsNode()(key, balance, ordinal);
    signal output new <== AccountsNode()(newKey, newBalance, newOrdinal);
    signal output advance;
    signal output moved;
    signal output word;
    signal debit[3];
    signal credit[3];
    signal step[3];
    signal looked[3];
    var moves = 0;
    var seen = 0;
    for (var i = 0; i < 3; i++) {
        (debit[i], credit[i], step[i], looked[i]) <== AccountStep()(index + i, place + i, key[i], balance[i], ordinal[i],
            newKey[i], newBalance[i], newOrdinal[i], rest[i], looks[i], point);
        moves += debit[i] + credit[i] - looked[i];
        seen += looks[i] * 2 ** (16 * i);
    }
    advance <== step[0] + step[1] + step[2];
    moved <== moves;
    word <== rest[0] + 2 ** 64 * rest[1] + 2 ** 128 * rest[2] + 2 ** 192 * seen;
}

/*
@title  Tablet: all accounts of a full subtree of K levels rewritten, whether or not anything happened to them
@param  K        levels, 1 or more: 3^K accounts
@input  keys, network, shard, gamma, alpha   the context
@input  index    position of the subtree among those of K levels; bound by the parts above
@input  key .. looks  one per account, see AccountStep
@input  x        PartStatement, the only public signal
*/
template Tablet(K) {
    assert(K >= 1);
    var ACCOUNTS = 3 ** K;
    var TRIADS = 3 ** (K - 1);
    signal input keys;
    signal input network;
    signal input shard;
    signal input gamma;
    signal input alpha;
    signal input index;
    signal input key[ACCOUNTS];
    signal input balance[ACCOUNTS];
    signal input ordinal[ACCOUNTS];
    signal input new_key[ACCOUNTS];
    signal input new_balance[ACCOUNTS];
    signal input new_ordinal[ACCOUNTS];
    signal input rest[ACCOUNTS];
    signal input looks[ACCOUNTS];
    signal input x;

    signal context <== ContextDigest()(keys, network, shard, gamma, alpha);
    signal point[6] <== Point()(gamma, alpha);
    component triad[TRIADS];
    component old = Subtree(K - 1);
    component new = Subtree(K - 1);
    component list = Commitment(1 + TRIADS, tag_tablet());
    list.words[0] <== K;
    var advance = 0;
    var moved = 0;
    for (var t = 0; t < TRIADS; t++) {
        var first = ACCOUNTS * index + 3 * t;
        triad[t] = Triad();
        triad[t].index <== first;
        triad[t].place <== first + 2 ** 32 * shard;
        for (var i = 0; i < 3; i++) {
            triad[t].key[i] <== key[3 * t + i];
            triad[t].balance[i] <== balance[3 * t + i];
            triad[t].ordinal[i] <== ordinal[3 * t + i];
            triad[t].newKey[i] <== new_key[3 * t + i];
            triad[t].newBalance[i] <== new_balance[3 * t + i];
            triad[t].newOrdinal[i] <== new_ordinal[3 * t + i];
            triad[t].rest[i] <== rest[3 * t + i];
            triad[t].looks[i] <== looks[3 * t + i];
        }
        triad[t].point <== point;
        old.bottom[t] <== triad[t].old;
        new.bottom[t] <== triad[t].new;
        list.words[1 + t] <== triad[t].word;
        advance += triad[t].advance;
        moved += triad[t].moved;
    }
    signal advanced <== alpha * advance;
    signal statement <== PartStatement()(context, K, index, old.root, new.root, list.digest, -(advanced + moved), 0);
    x === statement;
}
