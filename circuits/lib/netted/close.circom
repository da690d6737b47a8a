pragma circom 2.1.6;

include "../range.circom";
include "../statement.circom";
include "../trie.circom";
include "statement.circom";

/*
@title  EpochChallenges: gamma and alpha from everything that the epoch's sums depend on
@input  keys, network, shard, depth, sparse
@input  old, new             roots of the account trie
@input  messages, accounts   commitments of the two parts
@output gamma, alpha
*/
template EpochChallenges() {
    signal input keys;
    signal input network;
    signal input shard;
    signal input depth;
    signal input sparse;
    signal input old;
    signal input new;
    signal input messages;
    signal input accounts;
    signal output gamma;
    signal output alpha;
    component perm = PoseidonPerm(10);
    perm.in <== [tag_challenge(), keys, network, shard, depth, sparse, old, new, messages, accounts];
    gamma <== perm.out[1];
    alpha <== perm.out[2];
}

/*
@title  CloseClaims: everything that the close of an epoch states, but for the proofs of its two parts; a program statement
@input  keys, network        see StateDigest; the same before and after by construction
@input  shard                index of the shard
@input  depth                levels of the account trie, 1..32, enforced here
@input  old, new             its roots
@input  sparse               1 where the accounts come as rows, 0 where as tablets; enforced boolean here
@input  key, key_index, key_siblings   of the two proofs and their place under keys, enforced here
@input  commitment, sum      of the two parts: messages first, accounts second
@input  events               signed messages of the epoch; 1.. is enforced by merge
@input  seen_digest          global state the shard has seen; nothing is received under it, it is only stated
@output statement            the public inputs of the two proofs
@output x                    ProgramStatement

Outbox and inbox are 0 before and after and nothing is sent or received until channels between shards exist. A payment to another
shard then has no account to end at, so the sums differ.
*/
template CloseClaims() {
    signal input keys;
    signal input network;
    signal input shard;
    signal input depth;
    signal input old;
    signal input new;
    signal input sparse;
    signal input key[2];
    signal input key_index[2];
    signal input key_siblings[2][part_depth()][2];
    signal input commitment[2];
    signal input sum[2];
    signal input events;
    signal input seen_digest;
    signal output statement[2];
    signal output x;

    sparse * (sparse - 1) === 0;
    _ <== Bits(5)(depth - 1);
    signal registered[2];
    for (var i = 0; i < 2; i++) {
        registered[i] <== TriePath(part_depth())(key[i], key_index[i], key_siblings[i]);
        registered[i] === keys;
    }

    signal (gamma, alpha) <== EpochChallenges()(keys, network, shard, depth, sparse, old, new, commitment[0], commitment[1]);
    signal context <== ContextDigest()(keys, network, shard, gamma, alpha);
    signal level <== (1 - sparse) * depth;
    signal oldTablets <== (1 - sparse) * old;
    signal newTablets <== (1 - sparse) * new;
    statement[0] <== PartStatement()(context, 0, 0, 0, 0, commitment[0], sum[0], events);
    statement[1] <== PartStatement()(context, level, 0, oldTablets, newTablets, commitment[1], sum[1], 0);

    // Rows offer the root; it is taken here. With that every term has its counterpart.
    signal (second, third) <== Powers()(alpha);
    signal levelled <== third * depth;
    signal before <== alpha * old;
    signal after <== second * new;
    signal distance <== gamma - before - after - levelled - 2 * third;
    signal taken <-- sparse / distance;
    taken * distance === sparse;
    sum[0] + sum[1] === taken;

    signal oldState <== StateDigest()(network, keys, depth, old);
    signal newState <== StateDigest()(network, keys, depth, new);
    signal oldBody <== Poseidon(4)([tag_body(), oldState, 0, 0]);
    signal newBody <== Poseidon(4)([tag_body(), newState, 0, 0]);
    x <== ProgramStatement()(shard, oldBody, newBody, events, seen_digest, 0, 0, 0, 0);
}
