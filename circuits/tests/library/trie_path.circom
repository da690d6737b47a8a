pragma circom 2.1.6;

include "lib/trie.circom";

component main = TriePath(3);
