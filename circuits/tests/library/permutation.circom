pragma circom 2.1.6;

include "lib/poseidon.circom";

component main = PoseidonPerm(17);
