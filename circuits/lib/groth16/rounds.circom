pragma circom 2.1.6;

include "number.circom";
include "transcript.circom";
include "quotient.circom";
include "verify.circom";

// The prover's four rounds, and the random combination of the identities, for any layout of the committed numbers.

/*
@title  Rounds: range checks of everything committed, the transcript, and the committed numbers at xi (section 5)
@param  words      words of the header
@param  windows    window values, each with a coefficient after round 1
@param  numbers1, numbers3   committed numbers of rounds 1 and 3
@input  header     absorbed first, any field elements
@input  u1, u2, u3 committed numbers as limbs; the ranges are enforced here
@input  r_limbs, k_checked, k_free   round 4; the ranges of the first two are enforced here
@output rhoV       coefficients of the window values
@output z          9 signed limbs of z
@output rho        coefficients inside a group
@output power      xi^0..xi^16
@output at1, at2, at3   the committed numbers at xi
*/
template Rounds(words, windows, numbers1, numbers3) {
    var n = g16_limbs();
    var size = g16_group_size();
    signal input header[words];
    signal input u1[numbers1][n];
    signal input u2[g16_round2()][n];
    signal input u3[numbers3][n];
    signal input r_limbs[g16_r_total()];
    signal input k_checked[g16_k_total()];
    signal input k_free[g16_free_total()];
    signal output rhoV[windows];
    signal output z[9];
    signal output rho[size];
    signal output power[17];
    signal output at1[numbers1];
    signal output at2[g16_round2()];
    signal output at3[numbers3];
    var width = g16_coefficient_bits();

    var packed1 = g16_ceil(254 * numbers1, 253);
    signal words1[packed1] <== CommittedNumbers(numbers1)(u1);
    signal absorbed1[words + packed1];
    for (var i = 0; i < words; i++) { absorbed1[i] <== header[i]; }
    for (var i = 0; i < packed1; i++) { absorbed1[words + i] <== words1[i]; }
    signal state1[17] <== Absorb(words + packed1)(g16_iv(), absorbed1);
    var squeezed1 = g16_ceil(windows * width, 253);
    signal (challenge1[squeezed1], capacity1) <== Squeeze(squeezed1)(state1);
    rhoV <== Challenges(squeezed1, windows, width)(challenge1);

    var packed2 = g16_ceil(254 * g16_round2(), 253);
    signal words2[packed2] <== CommittedNumbers(g16_round2())(u2);
    signal state2[17] <== Absorb(packed2)(capacity1, words2);
    signal (challenge2[1], capacity2) <== Squeeze(1)(state2);
    z <== Challenges(1, 9, g16_limb_bits())(challenge2);

    var packed3 = g16_ceil(254 * numbers3, 253);
    signal words3[packed3] <== CommittedNumbers(numbers3)(u3);
    signal state3[17] <== Absorb(packed3)(capacity2, words3);
    var squeezed3 = g16_ceil(size * width, 253);
    signal (challenge3[squeezed3], capacity3) <== Squeeze(squeezed3)(state3);
    rho <== Challenges(squeezed3, size, width)(challenge3);

    signal words4[g16_quotient_words()] <== QuotientWords()(r_limbs, k_checked, k_free);
    signal state4[17] <== Absorb(g16_quotient_words())(capacity3, words4);
    power <== PowersOfXi()(state4[1]);
    at1 <== EvaluateNumbers(numbers1)(u1, power[1]);
    at2 <== EvaluateNumbers(g16_round2())(u2, power[1]);
    at3 <== EvaluateNumbers(numbers3)(u3, power[1]);
}

/*
@title  GroupCombinations: the random combination of every group; residuals of an inactive proof are taken out as a block
@param  P         proofs
@param  each      identities of a proof
@input  residual  residuals of all proofs, then those of the powers of z
@input  rho       challenges
@input  active    boolean, enforced by the caller
@output sum       one per group
*/
template GroupCombinations(P, each) {
    var size = g16_group_size();
    signal input residual[P * each + g16_round3_shared()];
    signal input rho[size];
    signal input {binary} active[P];
    signal output sum[g16_groups()];
    var slots[g16_groups()][size] = g16_slots();
    signal term[g16_groups()][size];
    signal block[g16_groups()][P];
    for (var g = 0; g < g16_groups(); g++) {
        var part[P + 1];
        for (var p = 0; p <= P; p++) { part[p] = 0; }
        for (var a = 0; a < size; a++) {
            if (slots[g][a] != -1) {
                term[g][a] <== rho[a] * residual[slots[g][a]];
                part[slots[g][a] \ each] += term[g][a];
            } else {
                term[g][a] <== 0;
            }
        }
        var total = part[P];
        for (var p = 0; p < P; p++) {
            block[g][p] <== active[p] * part[p];
            total += block[g][p];
        }
        sum[g] <== total;
    }
}
