pragma circom 2.1.6;

include "number.circom";
include "constants.circom";
include "miller.circom";

// The pairings whose G2 argument is fixed (section 6.4): gamma at V = IC0 + x IC1, delta at C. Each window of the loop
// contributes one function a(x) + y b(x), the product of its lines over its verticals, written in monomials by pole
// order 1, x, y, xx, xy, xxx, xxy with the leading coefficient scaled to 1.

// How many monomials of window j lie below the leading one.
function g16_window_terms(j) {
    var terms = 4;
    if (j == 0) {
        terms = 3;
    } else if (j < 32) {
        if (g16_window_digit(j, 0) != 0) {
            terms = 6;
        } else if (g16_window_digit(j, 1) != 0) {
            terms = 5;
        }
    }
    return terms;
}
// Fq2 coefficients of all windows together.
function g16_fixed_terms() { return 156; }

/*
@title  Monomials: the monomials of a point P times their powers of z, and their defining residuals
@input  x, y       P at xi
@input  committed  xx xZ4 xZ10 yZ3 yZ9 xxZ2 xxZ8 xyZ1 xyZ7 xxx xxxZ6 xxyZ5
@input  z          z[k] = Z_k at xi, k = 0..12
@output residual   12, defining product minus committed
@output low, high  for the monomials 1, x, y, xx, xy, xxx, xxy: m Z_e and m Z_(e+6) (high of xxy is never used: 0)
*/
template Monomials() {
    signal input x;
    signal input y;
    signal input committed[12];
    signal input z[13];
    signal output residual[12];
    signal output low[7];
    signal output high[7];
    signal xy <== x * y;
    signal xxy <== committed[0] * y;
    residual[0] <== x * x - committed[0];
    residual[1] <== x * z[4] - committed[1];
    residual[2] <== x * z[10] - committed[2];
    residual[3] <== y * z[3] - committed[3];
    residual[4] <== y * z[9] - committed[4];
    residual[5] <== committed[0] * z[2] - committed[5];
    residual[6] <== committed[0] * z[8] - committed[6];
    residual[7] <== xy * z[1] - committed[7];
    residual[8] <== xy * z[7] - committed[8];
    residual[9] <== committed[0] * x - committed[9];
    residual[10] <== committed[9] * z[6] - committed[10];
    residual[11] <== xxy * z[5] - committed[11];
    low <== [1, committed[1], committed[3], committed[5], committed[7], committed[9], committed[11]];
    high <== [z[6], committed[2], committed[4], committed[6], committed[8], committed[10], 0];
}

/*
@title  FixedArgument: the window functions of one fixed G2 point at P, two constraints per coefficient
@input  low, high    from Monomials
@input  coefficient  [156][2] evaluated coefficients, windows in order, monomials by pole order
@output value        33 window values G_j(z)
*/
template FixedArgument() {
    signal input low[7];
    signal input high[7];
    signal input coefficient[g16_fixed_terms()][2];
    signal output value[g16_windows()];
    signal real[g16_fixed_terms()];
    signal imaginary[g16_fixed_terms()];
    var at = 0;
    for (var j = 0; j < g16_windows(); j++) {
        var sum = low[g16_window_terms(j)];
        for (var m = 0; m < g16_window_terms(j); m++) {
            real[at] <== coefficient[at][0] * low[m];
            imaginary[at] <== coefficient[at][1] * (high[m] - 9 * low[m]);
            sum += real[at] + imaginary[at];
            at++;
        }
        value[j] <== sum;
    }
}

/*
@title  GammaCoefficients: the constant coefficients of gamma, the standard G2 generator
@input  power  xi^0..xi^16
@output value  [156][2], linear combinations
*/
template GammaCoefficients() {
    signal input power[17];
    signal output value[g16_fixed_terms()][2];
    var limbs[g16_fixed_terms()][2][17] = g16_gamma_windows();
    for (var k = 0; k < g16_fixed_terms(); k++) {
        for (var h = 0; h < 2; h++) {
            var sum = 0;
            for (var i = 0; i < 17; i++) {
                sum += limbs[k][h][i] * power[i];
            }
            value[k][h] <== sum;
        }
    }
}
