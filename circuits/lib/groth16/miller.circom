pragma circom 2.1.6;

include "number.circom";
include "constants.circom";
include "fq2.circom";

// The Miller loop of the optimal ate pairing on B (section 6.3), on values at xi. The point's coordinates are
// expressions in the committed slopes; they are committed afresh after windows 7, 15, 23 and 31 only.

// Digits of s = 6 t0 + 2 after the leading one, cut in 33 windows: one digit, 31 pairs, one digit.
function g16_windows() { return 33; }
function g16_window_digit(j, i) {
    var digits[64] = [
        1, 0, 1, 0, 0, 0, -1, 0, -1, 0, 0, 0, -1, 0, 1, 0, -1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, -1, 0, 1, 0,
        0, -1, 0, 0, 0, 0, -1, 0, 1, 0, 0, 0, -1, 0, -1, 0, 0, 1, 0, 0, 0, -1, 0, 0, -1, 0, 1, 0, 1, 0, 0, 0
    ];
    return j == 0 ? digits[0] : digits[2 * j - 1 + i];
}
function g16_window_size(j) { return (j == 0 || j == 32) ? 1 : 2; }
function g16_steps() { return 87; }
function g16_is_checkpoint(j) { return j % 8 == 7 ? 1 : 0; }

/*
@title  DoublePoint: one doubling with a given slope, 13 constraints
@input  x, y, slope   the point and the committed slope
@output residual      2 y slope - 3 x^2, zero modulo q for the true slope
@output mu            slope x - y, the line's constant term
@output xOut, yOut    the doubled point
*/
template DoublePoint() {
    signal input x[2];
    signal input y[2];
    signal input slope[2];
    signal output residual[2];
    signal output mu[2];
    signal output xOut[2];
    signal output yOut[2];
    signal slopeX[2] <== Fq2Mul()(slope, x);
    signal slopeY[2] <== Fq2Mul()(slope, y);
    signal xx[2] <== Fq2Square()(x);
    signal square[2] <== Fq2Square()(slope);
    for (var h = 0; h < 2; h++) {
        mu[h] <== slopeX[h] - y[h];
        residual[h] <== 2 * slopeY[h] - 3 * xx[h];
        xOut[h] <== square[h] - 2 * x[h];
    }
    signal down[2] <== Fq2Mul()(slope, xOut);
    for (var h = 0; h < 2; h++) {
        yOut[h] <== mu[h] - down[h];
    }
}

/*
@title  AddPoint: one addition of (xR, yR) with a given slope, 11 constraints
@input  x, y, xR, yR, slope   both points and the committed slope
@output residual              mu - slope xR + yR, zero modulo q for the true slope
@output mu                    slope x - y
@output xOut, yOut            the sum
*/
template AddPoint() {
    signal input x[2];
    signal input y[2];
    signal input xR[2];
    signal input yR[2];
    signal input slope[2];
    signal output residual[2];
    signal output mu[2];
    signal output xOut[2];
    signal output yOut[2];
    signal slopeX[2] <== Fq2Mul()(slope, x);
    signal slopeXR[2] <== Fq2Mul()(slope, xR);
    signal square[2] <== Fq2Square()(slope);
    for (var h = 0; h < 2; h++) {
        mu[h] <== slopeX[h] - y[h];
        residual[h] <== mu[h] - slopeXR[h] + yR[h];
        xOut[h] <== square[h] - x[h] - xR[h];
    }
    signal down[2] <== Fq2Mul()(slope, xOut);
    for (var h = 0; h < 2; h++) {
        yOut[h] <== mu[h] - down[h];
    }
}

/*
@title  LineAtA: the line through the loop point, evaluated at -A and z, 4 constraints
@input  yA, az1, az7   A's ordinate, xA Z1, xA Z7
@input  slope, mu      from the step
@input  z3, z9         powers of z
@output value          yA + slope_0 AZ1 + slope_1 (AZ7 - 9 AZ1) - mu_0 Z3 - mu_1 (Z9 - 9 Z3)
*/
template LineAtA() {
    signal input yA;
    signal input az1;
    signal input az7;
    signal input slope[2];
    signal input mu[2];
    signal input z3;
    signal input z9;
    signal output value;
    signal s0 <== slope[0] * az1;
    signal s1 <== slope[1] * (az7 - 9 * az1);
    signal m0 <== mu[0] * z3;
    signal m1 <== mu[1] * (z9 - 9 * z3);
    value <== yA + s0 + s1 - m0 - m1;
}

/*
@title  FrobeniusOfB: psi(B), -psi^2(B) and the target of the closing equations, 17 constraints
@input  xB, yB        B at xi
@input  power         xi^0..xi^16
@output x1, y1        psi(B)
@output x2, y2        -psi^2(B)
@output x3, y3        psi^3(B)
*/
template FrobeniusOfB() {
    signal input xB[2];
    signal input yB[2];
    signal input power[17];
    signal output x1[2];
    signal output y1[2];
    signal output x2[2];
    signal output y2[2];
    signal output x3[2];
    signal output y3[2];
    signal psiX[2] <== ConstantsAt(2, g16_psi_x())(power);
    signal psiY[2] <== ConstantsAt(2, g16_psi_y())(power);
    signal psi3X[2] <== ConstantsAt(2, g16_psi3_x())(power);
    signal psi3Y[2] <== ConstantsAt(2, g16_psi3_y())(power);
    signal psi2X[1] <== ConstantsAt(1, [g16_psi2_x()])(power);
    signal xConj[2] <== [xB[0], -xB[1]];
    signal yConj[2] <== [yB[0], -yB[1]];
    x1 <== Fq2Mul()(xConj, psiX);
    y1 <== Fq2Mul()(yConj, psiY);
    x2[0] <== psi2X[0] * xB[0];
    x2[1] <== psi2X[0] * xB[1];
    y2 <== yB;
    x3 <== Fq2Mul()(xConj, psi3X);
    y3 <== Fq2Mul()(yConj, psi3Y);
}

/*
@title  MillerLoop: all steps on B, the slope, checkpoint and closing residuals, and the line values
@input  xB, yB        B
@input  slope         87 committed slopes in loop order
@input  checkpoint    X.0 X.1 Y.0 Y.1 committed after windows 7, 15, 23, 31
@input  yA, az1, az7, z3, z9   for the lines
@input  power         xi^0..xi^16
@output slopes        [87][2] residuals
@output checkpoints   [4][4] residuals
@output end           closing residuals: the loop ends in -psi^3(B). This is the test that B lies in G2 (section 11.3)
@output line          87 line values, to be compared with the committed ones
*/
template MillerLoop() {
    signal input xB[2];
    signal input yB[2];
    signal input slope[g16_steps()][2];
    signal input checkpoint[4][4];
    signal input yA;
    signal input az1;
    signal input az7;
    signal input z3;
    signal input z9;
    signal input power[17];
    signal output slopes[g16_steps()][2];
    signal output checkpoints[4][4];
    signal output end[4];
    signal output line[g16_steps()];

    component image = FrobeniusOfB();
    image.xB <== xB;
    image.yB <== yB;
    image.power <== power;

    component double[64];
    component add[23];
    signal mu[g16_steps()][2];
    var x[2] = [xB[0], xB[1]];
    var y[2] = [yB[0], yB[1]];
    var step = 0;
    var doubles = 0;
    var adds = 0;
    for (var j = 0; j < g16_windows(); j++) {
        // The last window is followed by the two closing additions psi(B) and -psi^2(B).
        var closing = j == g16_windows() - 1 ? 2 : 0;
        for (var i = 0; i < g16_window_size(j) + closing; i++) {
            var isClosing = i >= g16_window_size(j);
            if (!isClosing) {
                double[doubles] = DoublePoint();
                double[doubles].x <== x;
                double[doubles].y <== y;
                double[doubles].slope <== slope[step];
                slopes[step] <== double[doubles].residual;
                mu[step] <== double[doubles].mu;
                x = double[doubles].xOut;
                y = double[doubles].yOut;
                doubles++;
                step++;
            }
            var digit = isClosing ? 1 : g16_window_digit(j, i);
            if (digit != 0) {
                add[adds] = AddPoint();
                add[adds].x <== x;
                add[adds].y <== y;
                if (!isClosing) {
                    add[adds].xR <== xB;
                    add[adds].yR <== [digit * yB[0], digit * yB[1]];
                } else if (i == g16_window_size(j)) {
                    add[adds].xR <== image.x1;
                    add[adds].yR <== image.y1;
                } else {
                    add[adds].xR <== image.x2;
                    add[adds].yR <== image.y2;
                }
                add[adds].slope <== slope[step];
                slopes[step] <== add[adds].residual;
                mu[step] <== add[adds].mu;
                x = add[adds].xOut;
                y = add[adds].yOut;
                adds++;
                step++;
            }
        }
        if (g16_is_checkpoint(j)) {
            var c = j \ 8;
            for (var h = 0; h < 2; h++) {
                checkpoints[c][h] <== x[h] - checkpoint[c][h];
                checkpoints[c][2 + h] <== y[h] - checkpoint[c][2 + h];
                x[h] = checkpoint[c][h];
                y[h] = checkpoint[c][2 + h];
            }
        }
    }
    for (var h = 0; h < 2; h++) {
        end[h] <== x[h] - image.x3[h];
        end[2 + h] <== y[h] + image.y3[h];
    }
    component value[g16_steps()];
    for (var k = 0; k < g16_steps(); k++) {
        value[k] = LineAtA();
        value[k].yA <== yA;
        value[k].az1 <== az1;
        value[k].az7 <== az7;
        value[k].slope <== slope[k];
        value[k].mu <== mu[k];
        value[k].z3 <== z3;
        value[k].z9 <== z9;
        line[k] <== value[k].value;
    }
}
