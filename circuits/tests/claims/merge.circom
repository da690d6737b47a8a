pragma circom 2.1.6;

include "lib/merge.circom";

component main = MergeClaims();
