pragma circom 2.1.6;

include "../range.circom";
include "../trie.circom";
include "statement.circom";

/*
@title  JoinClaims: everything that a join states, but for the proofs of its three parts
@input  keys, network, shard, gamma, alpha   the context
@input  key                      digest of the key that all three proofs verify under
@input  key_index, key_siblings  its place under keys, enforced here
@input  level                    of the parts: 0 where they rewrite no subtree
@input  index                    position of the joined subtree; part i has 3 index + i
@input  old, new, commitment, sum, events   of the parts, see PartStatement. A part whose commitment is 0 is absent: it
                                 changes and adds nothing and needs no proof
@output active                   which parts need a proof
@output statement                the public inputs of their proofs
@output x                        PartStatement

level, index and events need no range here. A level is that of tablets, a constant, or of rows and messages, 0, plus one for each
join above: no part could be the first below 0. Indices follow downwards from 0 in the close, and events add up what Messages counts.
*/
template JoinClaims() {
    signal input keys;
    signal input network;
    signal input shard;
    signal input gamma;
    signal input alpha;
    signal input key;
    signal input key_index;
    signal input key_siblings[part_depth()][2];
    signal input level;
    signal input index;
    signal input old[3];
    signal input new[3];
    signal input commitment[3];
    signal input sum[3];
    signal input events[3];
    signal output {binary} active[3];
    signal output statement[3];
    signal output x;

    signal context <== ContextDigest()(keys, network, shard, gamma, alpha);
    signal registered <== TriePath(part_depth())(key, key_index, key_siblings);
    registered === keys;

    signal flat <== IsZero()(level);
    flat * index === 0;
    signal absent[3];
    for (var i = 0; i < 3; i++) {
        absent[i] <== IsZero()(commitment[i]);
        active[i] <== 1 - absent[i];
        absent[i] * sum[i] === 0;
        absent[i] * events[i] === 0;
        absent[i] * (new[i] - old[i]) === 0;
        flat * old[i] === 0;
        flat * new[i] === 0;
        // Where parts are flat, index is 0 and so is that of each.
        statement[i] <== PartStatement()(context, level, 3 * index + i * (1 - flat), old[i], new[i], commitment[i],
            sum[i], events[i]);
    }
    signal oldNode <== Poseidon(3)(old);
    signal newNode <== Poseidon(3)(new);
    signal parentOld <== (1 - flat) * oldNode;
    signal parentNew <== (1 - flat) * newNode;
    signal joined <== Poseidon(4)([tag_join(), commitment[0], commitment[1], commitment[2]]);
    x <== PartStatement()(context, level + 1 - flat, index, parentOld, parentNew, joined,
        sum[0] + sum[1] + sum[2], events[0] + events[1] + events[2]);
}
