pragma circom 2.1.6;

include "poseidon_constants.circom";

/*
@title  PoseidonPerm: the Poseidon permutation, 3 constraints per S-box: 24 t and 3 per partial round, 612 for t = 17
@param  t    state size, 2..10 or 17
@input  in   any field elements
@output out  the permuted state

All linear layers stay in variables, so that only the S-boxes become constraints.
*/
template PoseidonPerm(t) {
    signal input in[t];
    signal output out[t];
    var PARTIAL = poseidon_partial_rounds(t);
    var full[8][t] = poseidon_full(t);
    var partial[PARTIAL] = poseidon_partial(t);
    var mds[t][t] = poseidon_mds(t);
    var pre[t][t] = poseidon_pre(t);
    var sparse[PARTIAL][2 * t - 1] = poseidon_sparse(t);
    signal square[8][t];
    signal fourth[8][t];
    signal power[8][t];
    signal partialSquare[PARTIAL];
    signal partialFourth[PARTIAL];
    signal partialPower[PARTIAL];

    var lane[t] = in;
    for (var r = 0; r < 8; r++) {
        for (var i = 0; i < t; i++) {
            var base = lane[i] + full[r][i];
            square[r][i] <== base * base;
            fourth[r][i] <== square[r][i] * square[r][i];
            power[r][i] <== fourth[r][i] * base;
        }
        for (var i = 0; i < t; i++) {
            lane[i] = 0;
            for (var j = 0; j < t; j++) {
                lane[i] += (r == 3 ? pre[i][j] : mds[i][j]) * power[r][j];
            }
        }
        if (r == 3) {
            for (var p = 0; p < PARTIAL; p++) {
                var base = lane[0] + partial[p];
                partialSquare[p] <== base * base;
                partialFourth[p] <== partialSquare[p] * partialSquare[p];
                partialPower[p] <== partialFourth[p] * base;
                var first = sparse[p][0] * partialPower[p];
                for (var i = 1; i < t; i++) {
                    first += sparse[p][i] * lane[i];
                    lane[i] += sparse[p][t + i - 1] * partialPower[p];
                }
                lane[0] = first;
            }
        }
    }
    out <== lane;
}

/*
@title  Poseidon: the hash of n field elements, as circomlib and verifier/src/poseidon.rs define it
@param  n       how many, 1..9 or 16
@input  inputs  any field elements
@output out     lane 0 of the permuted state (0, inputs)
*/
template Poseidon(n) {
    signal input inputs[n];
    signal output out;
    component perm = PoseidonPerm(n + 1);
    perm.in[0] <== 0;
    for (var i = 0; i < n; i++) {
        perm.in[i + 1] <== inputs[i];
    }
    out <== perm.out[0];
}
