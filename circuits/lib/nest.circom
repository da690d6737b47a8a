pragma circom 2.1.6;

include "range.circom";
include "trie.circom";
include "statement.circom";

/*
@title  Deepen: the root before the epoch, one level deeper if the epoch grows the trie
@input  depth   D_(n-1); 1..9 enforced here
@input  deepen  enforced boolean here; 0 where depth is 9
@input  root    R_(n-1)
@output out     root, or H(root, empty, empty) with the empty subtrees of its level
*/
template Deepen() {
    signal input depth;
    signal input deepen;
    signal input root;
    signal output out;
    deepen * (deepen - 1) === 0;
    var empty[21] = trie_empty();
    signal is[max_depth() + 1];
    var one = 0;
    var sibling = 0;
    for (var d = 1; d <= max_depth(); d++) {
        is[d] <== IsEqual()([depth, d]);
        one += is[d];
        sibling += is[d] * empty[d];
    }
    is[0] <== 0;
    one === 1;
    deepen * is[max_depth()] === 0;
    signal deeper <== Poseidon(3)([root, sibling, sibling]);
    out <== root + deepen * (deeper - root);
}

/*
@title  NestClaims: everything that nest states, but for the proofs of the previous state and of the top transition
@input  merge_key, nest_key, registry   opened from `keys`
@input  genesis        digest of G_0
@input  epoch          n; 1..3^20 enforced by the history path
@input  depth, root, history, in_flight   of G_(n-1), opened from its digest
@input  deepen         1 iff this epoch deepens the trie; enforced boolean
@input  new_root       R_n
@input  sent, received value leaving and entering shards this epoch
@input  history_siblings   path of the entry n-1 of the history
@output active         which of the two proofs are needed: the previous one unless n = 1, the top merge's always
@output statement      their public inputs
@output x              NestStatement
*/
template NestClaims() {
    signal input merge_key;
    signal input nest_key;
    signal input registry;
    signal input genesis;
    signal input epoch;
    signal input depth;
    signal input root;
    signal input history;
    signal input in_flight;
    signal input deepen;
    signal input new_root;
    signal input sent;
    signal input received;
    signal input history_siblings[history_depth()][2];
    signal output {binary} active[2];
    signal output statement[2];
    signal output x;

    signal keys <== KeysDigest()(merge_key, nest_key, registry);
    signal previous <== GlobalDigest()(epoch - 1, depth, root, history, in_flight);

    // The first epoch starts from genesis; every other one from a verified global proof.
    signal first <== IsEqual()([epoch, 1]);
    first * (previous - genesis) === 0;
    active[0] <== 1 - first;
    active[1] <== 1;
    statement[0] <== NestStatement()(keys, genesis, previous);

    signal newDepth <== depth + deepen;
    signal oldRoot <== Deepen()(depth, deepen, root);
    statement[1] <== MergeStatement()(keys, newDepth - 1, 0, oldRoot, new_root, history, sent, received);

    // Append G_(n-1) at index n-1, which was empty.
    component append = TrieUpdate(history_depth());
    append.old <== 0;
    append.new <== previous;
    append.index <== epoch - 1;
    append.siblings <== history_siblings;
    append.oldRoot === history;

    // Nothing is received that was not sent.
    signal newInFlight <== in_flight + sent - received;
    _ <== Bits(112)(newInFlight);

    signal global <== GlobalDigest()(epoch, newDepth, new_root, append.newRoot, newInFlight);
    x <== NestStatement()(keys, genesis, global);
}
