pragma circom 2.1.6;

include "number.circom";

// V = IC0 + x IC1 with a constant IC1 (section 8.2): signed digits of E in windows of 7 bits, lowest first; the last
// window has 2. x need not be decomposed canonically: IC1 has order r, so every E with 2E - (2^254 - 1) = x mod r gives
// the same V. The tables come from a file made for the key: g16_fixed_base(i) has the limbs of (2e + 1) 2^(7i) IC1.

function g16_fixed_bits() { return 254; }
function g16_fixed_windows() { return 37; }
function g16_fixed_width(i) { return i < 36 ? 7 : 2; }

/*
@title  FixedBaseDigits: bits of E, tied to x
@input  x       the public input of the inner proof, any field element
@input  bits    E, low first; enforced boolean here
@output low     E's low 253 bits as one number
@output high    E >> 253
*/
template FixedBaseDigits() {
    signal input x;
    signal input bits[g16_fixed_bits()];
    signal output low;
    signal output high;
    var sum = 0;
    var power = 1;
    for (var i = 0; i < g16_fixed_bits(); i++) {
        bits[i] * (bits[i] - 1) === 0;
        if (i < 253) {
            sum += bits[i] * power;
            power += power;
        }
    }
    low <== sum;
    high <== bits[253];
    2 * (sum + bits[253] * 2 ** 253) - (2 ** 254 - 1) === x;
}

/*
@title  FixedBaseSelect: the signed table entry of one window; 101 constraints for 7 bits
@param  width   bits of the window, >= 2
@param  table   [64][2][17] limbs of x and y; entries from 2^(width-1) on are not read
@input  bits    the window's bits, low first, boolean (enforced by FixedBaseDigits)
@input  xi      the challenge
@output x, y    entry e with e_k = (bit_k == top bit) at xi; y is negated where the top bit is 0
The limbs of the selected entry are linear in the one-hot signals, so only their evaluation costs.
*/
template FixedBaseSelect(width, table) {
    var n = g16_limbs();
    var entries = 2 ** (width - 1);
    signal input bits[width];
    signal input xi;
    signal output x;
    signal output y;
    signal both[width - 1];
    signal hot[width][entries];
    hot[0][0] <== 1;
    for (var k = 1; k < entries; k++) {
        hot[0][k] <== 0;
    }
    for (var row = 0; row < width - 1; row++) {
        both[row] <== bits[row] * bits[width - 1];
        var same = 1 - bits[row] - bits[width - 1] + 2 * both[row];
        for (var k = 0; k < entries; k++) {
            if (k < 2 ** row) {
                hot[row + 1][k + 2 ** row] <== hot[row][k] * same;
                hot[row + 1][k] <== hot[row][k] - hot[row + 1][k + 2 ** row];
            } else if (k >= 2 ** (row + 1)) {
                hot[row + 1][k] <== 0;
            }
        }
    }
    signal step[2][n - 1];
    var value[2];
    for (var h = 0; h < 2; h++) {
        var sum = 0;
        for (var i = n - 1; i >= 0; i--) {
            if (i < n - 1) {
                step[h][i] <== sum * xi;
                sum = step[h][i];
            }
            for (var k = 0; k < entries; k++) {
                sum += hot[width - 1][k] * table[k][h][i];
            }
        }
        value[h] = sum;
    }
    x <== value[0];
    y <== (2 * bits[width - 1] - 1) * value[1];
}

/*
@title  FixedBasePoint: residuals that pin V = IC0 + x IC1 for a constant IC1
@input  bits       254 bits of E (boolean, enforced by FixedBaseDigits)
@input  ic0        IC0 at xi
@input  xV, yV     the committed V
@input  slope      37 committed slopes: of windows 1..36, then of IC0
@input  inverse    2 committed inverses: of the last window, then of IC0. They exclude the degenerate case where the sum
                   may reach r; below, the sum is odd and smaller than the entry (section 11.4)
@input  xi         the challenge
@output adds       residuals of the slopes, windows 1..36
@output last       inverse of the last window; slope of IC0, its inverse, xV, yV
*/
template FixedBasePoint() {
    var n = g16_fixed_windows();
    signal input bits[g16_fixed_bits()];
    signal input ic0[2];
    signal input xV;
    signal input yV;
    signal input slope[n];
    signal input inverse[2];
    signal input xi;
    signal output adds[n - 1];
    signal output last[5];

    component entry[n];
    for (var i = 0; i < n; i++) {
        entry[i] = FixedBaseSelect(g16_fixed_width(i), g16_fixed_base(i));
        for (var k = 0; k < g16_fixed_width(i); k++) {
            entry[i].bits[k] <== bits[7 * i + k];
        }
        entry[i].xi <== xi;
    }

    // Point i + 1 of n + 1 is added with slope i: the windows' entries after the first, then IC0.
    var x = entry[0].x;
    var y = entry[0].y;
    signal slopeX[n];
    signal slopeT[n];
    signal square[n];
    signal down[n];
    for (var i = 0; i < n; i++) {
        var xT = ic0[0];
        var yT = ic0[1];
        if (i < n - 1) {
            xT = entry[i + 1].x;
            yT = entry[i + 1].y;
        }
        slopeX[i] <== slope[i] * x;
        slopeT[i] <== slope[i] * xT;
        square[i] <== slope[i] * slope[i];
        var mu = slopeX[i] - y;
        if (i < n - 1) {
            adds[i] <== mu - slopeT[i] + yT;
        } else {
            last[1] <== mu - slopeT[i] + yT;
        }
        if (i >= n - 2) {
            last[2 * (i - (n - 2))] <== inverse[i - (n - 2)] * (x - xT) - 1;
        }
        x = square[i] - x - xT;
        down[i] <== slope[i] * x;
        y = mu - down[i];
    }
    last[3] <== xV - x;
    last[4] <== yV - y;
}
