pragma circom 2.1.6;

include "lib/range.circom";
include "lib/trie.circom";
include "lib/statement.circom";
include "lib/groth16/plan_a2.circom";
include "lib/groth16/verify.circom";

function history_depth() { return 20; }
function max_depth() { return 9; }

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
    var empty[max_depth() + 1] = trie_empty();
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
@title  Nest: the previous global proof and the epoch's top transition give the new global state
@input  merge_key, nest_key, registry   opened from `keys`
@input  genesis        digest of G_0
@input  epoch          n; 1..3^20 enforced by the history path
@input  depth, root, history, in_flight   of G_(n-1), opened from its digest
@input  deepen         1 iff this epoch deepens the trie
@input  new_root       R_n
@input  sent, received value leaving and entering shards this epoch
@input  history_siblings   path of the entry n-1 of the history
@input  the rest       see Groth16Verify(2, 2): proof 0 is the previous nest's, proof 1 the top merge's
@output x              NestStatement
Public: x alone.
*/
template Nest() {
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
    signal input u1[2][g16_round1()][g16_limbs()];
    signal input u2[g16_round2()][g16_limbs()];
    signal input u3s[g16_round3_shared()][g16_limbs()];
    signal input u3[2][g16_round3()][g16_limbs()];
    signal input nonce;
    signal input e_bits[2][g16_comb_bits()];
    signal input vkw[2][3 * g16_vk_numbers()];
    signal input r_limbs[g16_r_total()];
    signal input k_checked[g16_k_total()];
    signal input k_free[g16_free_total()];
    signal output x;

    signal keys <== KeysDigest()(merge_key, nest_key, registry);
    signal previous <== GlobalDigest()(epoch - 1, depth, root, history, in_flight);

    // The first epoch starts from genesis; every other one from a verified global proof.
    signal first <== IsEqual()([epoch, 1]);
    first * (previous - genesis) === 0;
    signal {binary} active[2];
    active[0] <== 1 - first;
    active[1] <== 1;
    signal statement[2];
    statement[0] <== NestStatement()(keys, genesis, previous);

    signal newDepth <== depth + deepen;
    signal oldRoot <== Deepen()(depth, deepen, root);
    statement[1] <== MergeStatement()(keys, newDepth - 1, 0, oldRoot, new_root, history, sent, received);

    Groth16Verify(2, 2, [0, 1])(active, statement, [nest_key, merge_key], u1, u2, u3s, u3, nonce, e_bits, vkw, r_limbs, k_checked, k_free);

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

component main = Nest();
