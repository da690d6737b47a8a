pragma circom 2.1.6;

include "montgomery_constants.circom";

// Baby Jubjub as B v^2 = u^3 + A u^2 + u, where an addition costs 3 constraints instead of 6. Its formulas are incomplete:
// each template says which pairs of points it must not meet, and its caller why it does not. Where it does, a slope is free
// or does not exist.

/*
@title  MontgomeryOnCurve: membership, 3 constraints
@input  point   any field elements (u, v); forced to be a point of the curve, of any order but not the neutral one
*/
template MontgomeryOnCurve() {
    signal input point[2];
    signal square <== point[0] * point[0];
    signal cube <== square * (point[0] + montgomery_a());
    montgomery_b() * point[1] * point[1] === cube + point[0];
}

/*
@title  MontgomeryDouble: 2 p, 4 constraints
@input  p    a point of the curve. If its order is 2 no assignment satisfies the constraints
@output out  twice p
*/
template MontgomeryDouble() {
    signal input p[2];
    signal output out[2];
    signal square <== p[0] * p[0];
    signal slope <-- (3 * square + 2 * montgomery_a() * p[0] + 1) / (2 * montgomery_b() * p[1]);
    slope * (2 * montgomery_b() * p[1]) === 3 * square + 2 * montgomery_a() * p[0] + 1;
    out[0] <== montgomery_b() * slope * slope - montgomery_a() - 2 * p[0];
    out[1] <== slope * (p[0] - out[0]) - p[1];
}

/*
@title  MontgomeryAdd: p + q, 3 constraints
@input  p, q  points of the curve, p != q and p != -q, for which the caller answers
@output out   their sum
*/
template MontgomeryAdd() {
    signal input p[2];
    signal input q[2];
    signal output out[2];
    signal slope <-- (q[1] - p[1]) / (q[0] - p[0]);
    slope * (q[0] - p[0]) === q[1] - p[1];
    out[0] <== montgomery_b() * slope * slope - montgomery_a() - p[0] - q[0];
    out[1] <== slope * (p[0] - out[0]) - p[1];
}

/*
@title  MontgomeryDoubleAdd: 2 p + q as (p + q) + p without the y coordinate between, 5 constraints
@input  p, q  points of the curve, p != q, p != -q and p + q != -p, for which the caller answers
@output out   2 p + q
*/
template MontgomeryDoubleAdd() {
    signal input p[2];
    signal input q[2];
    signal output out[2];
    signal first <-- (q[1] - p[1]) / (q[0] - p[0]);
    first * (q[0] - p[0]) === q[1] - p[1];
    signal middle <== montgomery_b() * first * first - montgomery_a() - p[0] - q[0];
    // The slope from p to p + q, whose v is first (p.u - middle) - p.v.
    signal second <-- -first - 2 * p[1] / (middle - p[0]);
    (second + first) * (middle - p[0]) === -2 * p[1];
    out[0] <== montgomery_b() * second * second - montgomery_a() - p[0] - middle;
    out[1] <== second * (p[0] - out[0]) - p[1];
}

/*
@title  MontgomeryMultiple: a multiple of a point, signed digits to base 4, 12 constraints per digit
@param  DIGITS     number of digits, at most 64
@input  point      a point of the curve, enforced by the caller
@input  magnitude  (|digit| - 1) / 2; boolean, enforced by the caller
@input  positive   sign of the digit, 1 for plus; boolean, enforced by the caller
@output out        sum of digit[i] 4^i point

If the order of the point is that of the large subgroup or a multiple of it, no step degenerates: a running sum k is odd with
|k| < 4^64, the next step adds 2 k and a digit d of 1 or 3 in magnitude, and 2 k = +-d, 2 k + d = -2 k and d = 0 are false as
integers and, all numbers being far below the order, in the group. For points of order 8 or less the result may be anything.
*/
template MontgomeryMultiple(DIGITS) {
    assert(DIGITS <= 64);
    signal input point[2];
    signal input magnitude[DIGITS];
    signal input positive[DIGITS];
    signal output out[2];
    signal twice[2] <== MontgomeryDouble()(point);
    signal triple[2] <== MontgomeryAdd()(twice, point);
    signal size[DIGITS][2];
    signal v[DIGITS];
    component double[DIGITS];
    component add[DIGITS];
    var sum[2];
    for (var i = DIGITS - 1; i >= 0; i--) {
        for (var c = 0; c < 2; c++) {
            size[i][c] <== point[c] + magnitude[i] * (triple[c] - point[c]);
        }
        v[i] <== (2 * positive[i] - 1) * size[i][1];
        if (i == DIGITS - 1) {
            sum = [size[i][0], v[i]];
        } else {
            double[i] = MontgomeryDouble();
            double[i].p <== sum;
            add[i] = MontgomeryDoubleAdd();
            add[i].p <== double[i].out;
            add[i].q <== [size[i][0], v[i]];
            sum = add[i].out;
        }
    }
    out <== sum;
}

/*
@title  MontgomeryFixedMultiple: a multiple of the generator, 83 signed digits to base 8, 5 constraints per digit
@input  magnitude  bits of (|digit| - 1) / 2, low bit first; boolean, enforced by the caller
@input  positive   sign of the digit, 1 for plus; boolean, enforced by the caller
@output out        sum of digit[i] 8^i B

The sum of the digits below i is odd and smaller than 8^i in magnitude, so it differs from +-digit[i] 8^i; both together are
below 8^83 = 2^249, less than the order, so they differ in the group too. A digit 83 would break that: it is the caller's.
*/
template MontgomeryFixedMultiple() {
    var DIGITS = 83;
    signal input magnitude[DIGITS][2];
    signal input positive[DIGITS];
    signal output out[2];
    var table[DIGITS][4][2] = montgomery_generator_windows();
    signal both[DIGITS];
    signal v[DIGITS];
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
        v[i] <== (2 * positive[i] - 1) * entry[1];
        if (i == 0) {
            sum = [entry[0], v[i]];
        } else {
            add[i] = MontgomeryAdd();
            add[i].p <== sum;
            add[i].q <== [entry[0], v[i]];
            sum = add[i].out;
        }
    }
    out <== sum;
}

/*
@title  MontgomeryToEdwards: the same point on x^2 + y^2 = 1 + d x^2 y^2, 2 constraints
@input  point  a point of the curve whose order is not 2, for which the caller answers; u = -1 is on no point
@output out    (u / v, (u - 1) / (u + 1))
*/
template MontgomeryToEdwards() {
    signal input point[2];
    signal output out[2];
    out[0] <-- point[0] / point[1];
    out[0] * point[1] === point[0];
    out[1] <-- (point[0] - 1) / (point[0] + 1);
    out[1] * (point[0] + 1) === point[0] - 1;
}
