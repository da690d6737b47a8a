pragma circom 2.1.6;

include "number.circom";
include "constants.circom";
include "fq2.circom";
include "miller.circom";
include "fixed_argument.circom";
include "accumulator.circom";

// The identities of one proof that are the same wherever the verifying key comes from: all but those of V and of the
// window functions of delta.

// Their numbers of round 1: c | 32 states | 87 slopes | 4 checkpoints.
function g16_pairing_round1() { return 6 + 192 + 174 + 16; }
// Round 3: AZ | monomials of V, C | Cz Fr Mz | lines | accumulators | window numbers.
function g16_monomials_at() { return 2; }
function g16_torus_at() { return 26; }
function g16_lines_at() { return 31; }
function g16_accumulators_at() { return 118; }
function g16_window_numbers_at() { return 189; }

/*
@title  FixedMonomials: the monomials of a point and the window functions of a fixed G2 point there
@input  point        x, y at xi
@input  committed    its 12 monomials
@input  coefficient  coefficients of the window functions at xi
@input  z            powers of z
@output residual     12, defining product minus committed
@output value        33 window values G_j(z)
*/
template FixedMonomials() {
    signal input point[2];
    signal input committed[12];
    signal input coefficient[g16_fixed_terms()][2];
    signal input z[13];
    signal output residual[12];
    signal output value[g16_windows()];
    component monomials = Monomials();
    monomials.x <== point[0];
    monomials.y <== point[1];
    monomials.committed <== committed;
    monomials.z <== z;
    residual <== monomials.residual;
    value <== FixedArgument()(monomials.low, monomials.high, coefficient);
}

/*
@title  PairingIdentities: the points' curves, the loop on B, torus forms and accumulators of one proof
@input  points     A, C, B at xi: xA yA xC yC xB.0 xB.1 yB.0 yB.1
@input  round1     c, states, slopes, checkpoints at xi
@input  round3     all numbers of round 3 at xi
@input  mab        ML(alpha, beta) at xi
@input  gamma      33 factors of the window values next to the committed window numbers
@input  frobenius  from FrobeniusPowers
@input  z          Z0..Z12
@input  power      xi^0..xi^16
@output curve, az, torus, slopes, lines, accumulators, checkpoints, end   residuals by class
@output value      33 window values V_j
*/
template PairingIdentities() {
    signal input points[8];
    signal input round1[g16_pairing_round1()];
    signal input round3[g16_round3()];
    signal input mab[6];
    signal input gamma[g16_windows()];
    signal input frobenius[3][6];
    signal input z[13];
    signal input power[17];
    signal output curve[4];
    signal output az[2];
    signal output torus[5];
    signal output slopes[174];
    signal output lines[87];
    signal output accumulators[71];
    signal output checkpoints[16];
    signal output end[4];
    signal output value[g16_windows()];

    signal xB[2] <== [points[4], points[5]];
    signal yB[2] <== [points[6], points[7]];
    signal xx[2];
    signal yy[2];
    for (var i = 0; i < 2; i++) {
        xx[i] <== points[2 * i] * points[2 * i];
        yy[i] <== points[2 * i + 1] * points[2 * i + 1];
        curve[i] <== yy[i] - xx[i] * points[2 * i] - 3;
    }
    signal xxB[2] <== Fq2Square()(xB);
    signal yyB[2] <== Fq2Square()(yB);
    signal cubeB[2] <== Fq2Mul()(xxB, xB);
    signal b[2] <== ConstantsAt(2, g16_twist_b())(power);
    for (var h = 0; h < 2; h++) { curve[2 + h] <== yyB[h] - cubeB[h] - b[h]; }
    az[0] <== points[0] * z[1] - round3[0];
    az[1] <== points[0] * z[7] - round3[1];

    signal c[6];
    for (var i = 0; i < 6; i++) { c[i] <== round1[i]; }
    signal form[5];
    form[0] <== TorusAt()(c, z);
    for (var k = 0; k < 3; k++) { form[1 + k] <== TorusOfFrobenius()(c, frobenius[k]); }
    form[4] <== TorusAt()(mab, z);
    for (var i = 0; i < 5; i++) { torus[i] <== form[i] - round3[g16_torus_at() + i]; }

    var slopeAt = 6 + 192;
    var checkpointAt = slopeAt + 174;
    component miller = MillerLoop();
    miller.xB <== xB;
    miller.yB <== yB;
    miller.yA <== points[1];
    miller.az1 <== round3[0];
    miller.az7 <== round3[1];
    miller.z3 <== z[3];
    miller.z9 <== z[9];
    miller.power <== power;
    for (var k = 0; k < 174; k++) { miller.slope[k \ 2][k % 2] <== round1[slopeAt + k]; }
    for (var k = 0; k < 16; k++) { miller.checkpoint[k \ 4][k % 4] <== round1[checkpointAt + k]; }
    for (var k = 0; k < 174; k++) { slopes[k] <== miller.slopes[k \ 2][k % 2]; }
    for (var k = 0; k < 16; k++) { checkpoints[k] <== miller.checkpoints[k \ 4][k % 4]; }
    for (var k = 0; k < 87; k++) { lines[k] <== miller.line[k] - round3[g16_lines_at() + k]; }
    end <== miller.end;

    component accumulator = Accumulator();
    for (var j = 0; j < 32; j++) {
        for (var i = 0; i < 6; i++) { accumulator.state[j][i] <== round1[6 + 6 * j + i]; }
    }
    accumulator.cz <== round3[g16_torus_at()];
    for (var k = 0; k < 3; k++) { accumulator.fr[k] <== round3[g16_torus_at() + 1 + k]; }
    accumulator.mz <== round3[g16_torus_at() + 4];
    for (var k = 0; k < 87; k++) { accumulator.line[k] <== round3[g16_lines_at() + k]; }
    for (var k = 0; k < 71; k++) { accumulator.n[k] <== round3[g16_accumulators_at() + k]; }
    accumulator.gamma <== gamma;
    for (var j = 0; j < g16_windows(); j++) { accumulator.delta[j] <== round3[g16_window_numbers_at() + j]; }
    accumulator.z <== z;
    accumulators <== accumulator.residual;
    value <== accumulator.value;
}
