pragma circom 2.1.6;

include "lib/range.circom";

component main = AssertBits(2);
