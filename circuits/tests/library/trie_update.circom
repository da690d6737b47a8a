pragma circom 2.1.6;

include "lib/trie.circom";

component main = TrieUpdate(3);
