pragma circom 2.1.6;

include "poseidon.circom";
include "trie_constants.circom";

// Ternary Merkle tries: a node is Poseidon(left, middle, right), an empty leaf is 0. verifier/src/trie.rs says the same.

/*
@title  Digits3: the base-3 digits of an index, as one-hot pairs, 3 n + 1 constraints
@param  n      1..159, so that n digits stand for one field element only (3^159 < r)
@input  index  any field element; forced below 3^n
@output one    1 where the digit is 1; lowest digit first
@output two    1 where the digit is 2
*/
template Digits3(n) {
    assert(n >= 1 && n <= 159);
    signal input index;
    signal output {binary} one[n];
    signal output {binary} two[n];
    var sum = 0;
    for (var i = 0; i < n; i++) {
        one[i] <-- (index \ 3 ** i) % 3 == 1;
        two[i] <-- (index \ 3 ** i) % 3 == 2;
        one[i] * (one[i] - 1) === 0;
        two[i] * (two[i] - 1) === 0;
        one[i] * two[i] === 0;
        sum += (one[i] + 2 * two[i]) * 3 ** i;
    }
    sum === index;
}

/*
@title  TrieNode: the digest of a node, given one child and its place
@input  one, two  whether the child stands in the middle, at the right; never both, enforced by the caller
@input  child     any field element
@input  siblings  the other two children, in order
@output parent    the node's digest
*/
template TrieNode() {
    signal input {binary} one;
    signal input {binary} two;
    signal input child;
    signal input siblings[2];
    signal output parent;
    // Left is the first sibling unless the child is; right is the second sibling unless the child is.
    signal left <== child + (one + two) * (siblings[0] - child);
    signal right <== siblings[1] + two * (child - siblings[1]);
    // The three add up to the same whatever their order.
    parent <== Poseidon(3)([left, child + siblings[0] + siblings[1] - left - right, right]);
}

/*
@title  TrieRoot: the root over a leaf, its way given by digits
@param  depth     levels
@input  one, two  digits of the leaf's index as Digits3 gives them, enforced by the caller
@input  leaf      any field element
@input  siblings  per level from the leaf up, the two other children in order; any field elements
@output root      the root's digest
*/
template TrieRoot(depth) {
    signal input {binary} one[depth];
    signal input {binary} two[depth];
    signal input leaf;
    signal input siblings[depth][2];
    signal output root;
    signal node[depth + 1];
    node[0] <== leaf;
    for (var i = 0; i < depth; i++) {
        node[i + 1] <== TrieNode()(one[i], two[i], node[i], siblings[i]);
    }
    root <== node[depth];
}

/*
@title  TriePath: the root over a leaf at an index
@param  depth     levels
@input  leaf      any field element
@input  index     any field element; forced below 3^depth
@input  siblings  per level from the leaf up, the two other children in order; any field elements
@output root      the root's digest; the caller compares it
*/
template TriePath(depth) {
    signal input leaf;
    signal input index;
    signal input siblings[depth][2];
    signal output root;
    component digits = Digits3(depth);
    digits.index <== index;
    root <== TrieRoot(depth)(digits.one, digits.two, leaf, siblings);
}

/*
@title  TrieUpdate: the roots before and after one leaf is replaced
@param  depth     levels
@input  old       the leaf before; any field element
@input  new       the leaf after; any field element
@input  index     any field element; forced below 3^depth
@input  siblings  per level from the leaf up, the two other children in order; any field elements
@output oldRoot   root over `old`; the caller compares it
@output newRoot   root over `new` with the same siblings
*/
template TrieUpdate(depth) {
    signal input old;
    signal input new;
    signal input index;
    signal input siblings[depth][2];
    signal output oldRoot;
    signal output newRoot;
    component digits = Digits3(depth);
    digits.index <== index;
    oldRoot <== TrieRoot(depth)(digits.one, digits.two, old, siblings);
    newRoot <== TrieRoot(depth)(digits.one, digits.two, new, siblings);
}
