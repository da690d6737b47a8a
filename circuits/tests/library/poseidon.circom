pragma circom 2.1.6;

include "lib/poseidon.circom";

// @title Poseidon at every size that circuits use
// @input in any field elements
// @output out hashes of the first 1..9 inputs, then of all 16
template Sizes() {
    signal input in[16];
    signal output out[10];
    component hash[10];
    for (var k = 0; k < 10; k++) {
        var n = k < 9 ? k + 1 : 16;
        hash[k] = Poseidon(n);
        for (var i = 0; i < n; i++) {
            hash[k].inputs[i] <== in[i];
        }
        out[k] <== hash[k].out;
    }
}

component main = Sizes();
