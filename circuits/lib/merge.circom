pragma circom 2.1.6;

include "range.circom";
include "trie.circom";
include "statement.circom";

/*
@title  LeafStep: the protocol's rules for one shard's step, the same for every program (protocol.md, merge)
@input  guard            1 iff the step is claimed: level 0 and old != new. Boolean, derived by Merge. Where it is 0 the
                         bindings below fall away and the prover fills in a trivial step
@input  old, new         digests of the child before and after
@input  program          digest of the program's key, the same before and after by construction
@input  history          root of the history trie
@input  events           program events of the step; 1..2^32 enforced here
@input  old_*, new_*     leaf fields; the new ones' ranges are enforced here, the old ones' when they were made
@input  seen_siblings    path of new_seen_digest at new_seen_epoch under history
@input  sent, received   value leaving and entering the shard; < 2^96 enforced here where guarded
@input  received_lamport, received_timestamp   at least the clocks of the leaves that messages were taken from, 0 if none were;
                         below 2^64 enforced here
*/
template LeafStep() {
    signal input {binary} guard;
    signal input old;
    signal input new;
    signal input program;
    signal input history;
    signal input events;
    signal input old_body;
    signal input old_lamport;
    signal input old_timestamp;
    signal input old_seen_epoch;
    signal input old_seen_digest;
    signal input old_supply;
    signal input new_body;
    signal input new_lamport;
    signal input new_timestamp;
    signal input new_seen_epoch;
    signal input new_seen_digest;
    signal input new_supply;
    signal input seen_siblings[history_depth()][2];
    signal input sent;
    signal input received;
    signal input received_lamport;
    signal input received_timestamp;

    // An empty leaf may become a fresh shard: everything starts at zero.
    signal fresh <== IsZero()(old);
    fresh * old_body === 0;
    fresh * old_lamport === 0;
    fresh * old_timestamp === 0;
    fresh * old_seen_epoch === 0;
    fresh * old_seen_digest === 0;
    fresh * old_supply === 0;

    signal oldLeaf <== LeafDigest()(program, old_body, old_lamport, old_timestamp, old_seen_epoch, old_seen_digest, old_supply);
    signal newLeaf <== LeafDigest()(program, new_body, new_lamport, new_timestamp, new_seen_epoch, new_seen_digest, new_supply);
    signal opened <== (1 - fresh) * oldLeaf;
    guard * (opened - old) === 0;
    guard * (newLeaf - new) === 0;

    // Clocks advance.
    _ <== Bits(32)(events - 1);
    _ <== Bits(64)(new_lamport);
    _ <== Bits(64)(new_lamport - old_lamport - events);
    _ <== Bits(64)(new_timestamp);
    _ <== Bits(64)(new_timestamp - old_timestamp - 1);

    // They exceed the clocks of what was received.
    _ <== Bits(64)(received_lamport);
    _ <== Bits(64)(new_lamport - received_lamport - 1);
    _ <== Bits(64)(received_timestamp);
    _ <== Bits(64)(new_timestamp - received_timestamp - 1);

    // The seen state lies in the history at its epoch, unless the shard has seen none; then it never had.
    signal unseen <== IsZero()(new_seen_digest);
    unseen * new_seen_epoch === 0;
    unseen * old_seen_digest === 0;
    _ <== Bits(32)(new_seen_epoch - old_seen_epoch);
    signal seenRoot <== TriePath(history_depth())(new_seen_digest, new_seen_epoch, seen_siblings);
    signal mustLie <== guard * (1 - unseen);
    mustLie * (seenRoot - history) === 0;

    // Value.
    signal leafSent <== guard * sent;
    signal leafReceived <== guard * received;
    _ <== Bits(96)(leafSent);
    _ <== Bits(96)(leafReceived);
    _ <== Bits(96)(new_supply);
    new_supply === old_supply + leafReceived - leafSent;
}

/*
@title  MergeClaims: everything that merge states, but for the proofs of its three children
@input  merge_key, nest_key, registry   opened from `keys`
@input  program            digest of the program's key (at level 0 the key all three proofs verify under)
@input  program_index, program_siblings   its place in the registry
@input  level, index       of the merged subtree; child i has index 3 index + i, a shard's index at level 0
@input  history            root of the history trie
@input  old, new           child digests. Child i is verified iff old_i != new_i
@input  sent, received     per child
@input  events, old_*, new_*, seen_siblings   leaf fields per child, see LeafStep
@output active             which children need a proof
@output statement          the public inputs of their proofs
@output key                the key of all three
@output x                  MergeStatement
*/
template MergeClaims() {
    signal input merge_key;
    signal input nest_key;
    signal input registry;
    signal input program;
    signal input program_index;
    signal input program_siblings[registry_depth()][2];
    signal input level;
    signal input index;
    signal input history;
    signal input old[3];
    signal input new[3];
    signal input sent[3];
    signal input received[3];
    signal input received_lamport[3];
    signal input received_timestamp[3];
    signal input events[3];
    signal input old_body[3];
    signal input old_lamport[3];
    signal input old_timestamp[3];
    signal input old_seen_epoch[3];
    signal input old_seen_digest[3];
    signal input old_supply[3];
    signal input new_body[3];
    signal input new_lamport[3];
    signal input new_timestamp[3];
    signal input new_seen_epoch[3];
    signal input new_seen_digest[3];
    signal input new_supply[3];
    signal input seen_siblings[3][history_depth()][2];
    signal output {binary} active[3];
    signal output statement[3];
    signal output key;
    signal output x;

    signal keys <== KeysDigest()(merge_key, nest_key, registry);
    signal isLeaf <== IsZero()(level);
    signal registered <== TriePath(registry_depth())(program, program_index, program_siblings);
    isLeaf * (registered - registry) === 0;
    key <== merge_key + isLeaf * (program - merge_key);

    signal unchanged[3];
    signal {binary} guard[3];
    signal leafStatement[3];
    signal mergeStatement[3];
    signal countedSent[3];
    signal countedReceived[3];
    component step[3];
    for (var i = 0; i < 3; i++) {
        unchanged[i] <== IsEqual()([old[i], new[i]]);
        active[i] <== 1 - unchanged[i];
        guard[i] <== isLeaf * active[i];
        step[i] = LeafStep();
        step[i].guard <== guard[i];
        step[i].old <== old[i];
        step[i].new <== new[i];
        step[i].program <== program;
        step[i].history <== history;
        step[i].events <== events[i];
        step[i].old_body <== old_body[i];
        step[i].old_lamport <== old_lamport[i];
        step[i].old_timestamp <== old_timestamp[i];
        step[i].old_seen_epoch <== old_seen_epoch[i];
        step[i].old_seen_digest <== old_seen_digest[i];
        step[i].old_supply <== old_supply[i];
        step[i].new_body <== new_body[i];
        step[i].new_lamport <== new_lamport[i];
        step[i].new_timestamp <== new_timestamp[i];
        step[i].new_seen_epoch <== new_seen_epoch[i];
        step[i].new_seen_digest <== new_seen_digest[i];
        step[i].new_supply <== new_supply[i];
        step[i].seen_siblings <== seen_siblings[i];
        step[i].sent <== sent[i];
        step[i].received <== received[i];
        step[i].received_lamport <== received_lamport[i];
        step[i].received_timestamp <== received_timestamp[i];

        var child = 3 * index + i;
        leafStatement[i] <== ProgramStatement()(child, old_body[i], new_body[i], events[i], new_seen_digest[i], sent[i],
            received[i], received_lamport[i], received_timestamp[i]);
        mergeStatement[i] <== MergeStatement()(keys, level - 1, child, old[i], new[i], history, sent[i], received[i]);
        statement[i] <== mergeStatement[i] + isLeaf * (leafStatement[i] - mergeStatement[i]);
        countedSent[i] <== active[i] * sent[i];
        countedReceived[i] <== active[i] * received[i];
    }

    signal oldNode <== Poseidon(3)(old);
    signal newNode <== Poseidon(3)(new);
    x <== MergeStatement()(
        keys, level, index, oldNode, newNode, history,
        countedSent[0] + countedSent[1] + countedSent[2],
        countedReceived[0] + countedReceived[1] + countedReceived[2]
    );
}
