pragma circom 2.1.6;

include "schnorr_constants.circom";

// Baby Jubjub in the form a = 1: x^2 + y^2 = 1 + d x^2 y^2, d no square. Its addition law is complete (Bernstein, Birkner,
// Joye, Lange, Peters, "Twisted Edwards Curves", section 6): for points of the curve no denominator is zero, so each
// `<--` below has exactly one value that its `===` accepts.

/*
@title  JubjubOnCurve: membership
@input  point   any field elements; forced to be a point of the curve, of any order
*/
template JubjubOnCurve() {
    signal input point[2];
    signal xx <== point[0] * point[0];
    signal yy <== point[1] * point[1];
    jubjub_d() * xx * yy === xx + yy - 1;
}

/*
@title  JubjubAdd: p + q
@input  p, q   points of the curve, enforced by the caller; equal, opposite and neutral points included
@output out   their sum
*/
template JubjubAdd() {
    signal input p[2];
    signal input q[2];
    signal output out[2];
    signal xy <== p[0] * q[1];
    signal yx <== p[1] * q[0];
    signal cross <== (p[0] + p[1]) * (q[1] - q[0]);
    signal product <== jubjub_d() * xy * yx;
    out[0] <-- (xy + yx) / (1 + product);
    out[0] * (1 + product) === xy + yx;
    out[1] <-- (cross - xy + yx) / (1 - product);
    out[1] * (1 - product) === cross - xy + yx;
}

/*
@title  JubjubDouble: 2 p
@input  p   a point of the curve, enforced by the caller
@output out   twice p
*/
template JubjubDouble() {
    signal input p[2];
    signal output out[2];
    signal xy <== p[0] * p[1];
    signal difference <== (p[1] - p[0]) * (p[1] + p[0]);
    signal product <== jubjub_d() * xy * xy;
    out[0] <-- 2 * xy / (1 + product);
    out[0] * (1 + product) === 2 * xy;
    out[1] <-- difference / (1 - product);
    out[1] * (1 - product) === difference;
}

/*
@title  JubjubFixedMultiple: a multiple of the generator B, signed digits to base 8
@input  magnitude   bits of (|digit| - 1) / 2, low bit first; boolean, enforced by the caller
@input  positive   sign of the digit, 1 for plus; boolean, enforced by the caller
@output out   sum of digit[i] 8^i B
*/
template JubjubFixedMultiple() {
    var DIGITS = 84;
    signal input magnitude[DIGITS][2];
    signal input positive[DIGITS];
    signal output out[2];
    var table[DIGITS][4][2] = jubjub_generator_windows();
    signal both[DIGITS];
    signal x[DIGITS];
    component add[DIGITS];
    var sum[2];
    for (var i = 0; i < DIGITS; i++) {
        both[i] <== magnitude[i][0] * magnitude[i][1];
        var entry[2];
        for (var c = 0; c < 2; c++) {
            var t[4] = [table[i][0][c], table[i][1][c], table[i][2][c], table[i][3][c]];
            entry[c] = t[0] + (t[1] - t[0]) * magnitude[i][0] + (t[2] - t[0]) * magnitude[i][1]
                + (t[3] - t[2] - t[1] + t[0]) * both[i];
        }
        x[i] <== (2 * positive[i] - 1) * entry[0];
        if (i == 0) {
            sum = [x[i], entry[1]];
        } else {
            add[i] = JubjubAdd();
            add[i].p <== sum;
            add[i].q <== [x[i], entry[1]];
            sum = add[i].out;
        }
    }
    out <== sum;
}

/*
@title  JubjubMultiple: a multiple of a point, signed digits to base 4
@param  DIGITS   number of digits
@input  point   a point of the curve, enforced by the caller
@input  magnitude   (|digit| - 1) / 2; boolean, enforced by the caller
@input  positive   sign of the digit, 1 for plus; boolean, enforced by the caller
@output out   sum of digit[i] 4^i point
*/
template JubjubMultiple(DIGITS) {
    signal input point[2];
    signal input magnitude[DIGITS];
    signal input positive[DIGITS];
    signal output out[2];
    signal twice[2] <== JubjubDouble()(point);
    signal triple[2] <== JubjubAdd()(twice, point);
    signal size[DIGITS][2];
    signal x[DIGITS];
    component double[DIGITS][2];
    component add[DIGITS];
    var sum[2];
    for (var i = DIGITS - 1; i >= 0; i--) {
        for (var c = 0; c < 2; c++) {
            size[i][c] <== point[c] + magnitude[i] * (triple[c] - point[c]);
        }
        x[i] <== (2 * positive[i] - 1) * size[i][0];
        if (i == DIGITS - 1) {
            sum = [x[i], size[i][1]];
        } else {
            double[i][0] = JubjubDouble();
            double[i][0].p <== sum;
            double[i][1] = JubjubDouble();
            double[i][1].p <== double[i][0].out;
            add[i] = JubjubAdd();
            add[i].p <== double[i][1].out;
            add[i].q <== [x[i], size[i][1]];
            sum = add[i].out;
        }
    }
    out <== sum;
}
