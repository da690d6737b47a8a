pragma circom 2.1.6;

include "jubjub.circom";
include "montgomery.circom";
include "schnorr.circom";

/*
@title  SchnorrEquation: s B = R + c A for the challenge c of a hash that the caller computes, about 1,730 constraints
@input  key                 A in Montgomery form (u, v): any field elements, forced onto the curve here. Only u has to be bound
                            by the caller: the other point with that u is -A, whose secret is that of A with its sign changed
@input  hash                binds R, u and the message; any field element, forced below the bound of SchnorrChallenge
@input  commitment          R in Edwards form: any field elements, forced to s B - c A here
@input  response_magnitude  with response_positive the signed digits of s to base 8; forced to be boolean here
@input  response_positive

The equation of SchnorrVerify, whose comment says why R, s and the order of A need no check of their own, with multiples in
Montgomery form, where an addition costs half as much. A of order 8 or less may satisfy it for any s; nobody can sign under
u = 0, since the one point there has order 2 and has no double. docs/soundness-ledger.md, section 3, has the argument.
*/
template SchnorrEquation() {
    signal input key[2];
    signal input hash;
    signal input commitment[2];
    signal input response_magnitude[84][2];
    signal input response_positive[84];
    for (var i = 0; i < 84; i++) {
        response_positive[i] * (response_positive[i] - 1) === 0;
        for (var j = 0; j < 2; j++) {
            response_magnitude[i][j] * (response_magnitude[i][j] - 1) === 0;
        }
    }
    MontgomeryOnCurve()(key);
    component challenge = SchnorrChallenge();
    challenge.hash <== hash;
    signal keyed[2] <== MontgomeryMultiple(64)(key, challenge.magnitude, challenge.positive);
    signal keyedEdwards[2] <== MontgomeryToEdwards()(keyed);
    component low = MontgomeryFixedMultiple();
    for (var i = 0; i < 83; i++) {
        low.magnitude[i] <== response_magnitude[i];
        low.positive[i] <== response_positive[i];
    }
    signal lowEdwards[2] <== MontgomeryToEdwards()(low.out);

    // The highest digit and the difference are added by the complete law.
    var table[84][4][2] = jubjub_generator_windows();
    var top[4][2] = table[83];
    signal both <== response_magnitude[83][0] * response_magnitude[83][1];
    var entry[2];
    for (var c = 0; c < 2; c++) {
        entry[c] = top[0][c] + (top[1][c] - top[0][c]) * response_magnitude[83][0]
            + (top[2][c] - top[0][c]) * response_magnitude[83][1]
            + (top[3][c] - top[2][c] - top[1][c] + top[0][c]) * both;
    }
    signal x <== (2 * response_positive[83] - 1) * entry[0];
    signal own[2] <== JubjubAdd()(lowEdwards, [x, entry[1]]);
    signal difference[2] <== JubjubAdd()(own, [-keyedEdwards[0], keyedEdwards[1]]);
    difference === commitment;
}
