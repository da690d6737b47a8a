pragma circom 2.1.6;

include "number.circom";

// V = IC0 + x IC1 with IC1 from the verifying key (section 8.1): a signed comb of 6 rows and 43 columns over 258 bits.
// x need not be decomposed canonically: IC1 has order r, so every E with 2E - (2^258 - 1) = x mod r gives the same V.

function g16_comb_rows() { return 6; }
function g16_comb_columns() { return 43; }
function g16_comb_bits() { return 258; }
function g16_comb_entries() { return 32; }

/*
@title  CombDigits: bits of E, tied to x
@input  x       the public input of the inner proof, any field element
@input  bits    E, low first; enforced boolean here
@output low     E's low 253 bits as one number
@output high    E >> 253
*/
template CombDigits() {
    signal input x;
    signal input bits[g16_comb_bits()];
    signal output low;
    signal output high;
    var lowSum = 0;
    var highSum = 0;
    var power = 1;
    for (var i = 0; i < g16_comb_bits(); i++) {
        bits[i] * (bits[i] - 1) === 0;
        if (i < 253) {
            lowSum += bits[i] * power;
        } else {
            highSum += bits[i] * power;
        }
        power += power;
        if (i == 252) { power = 1; }
    }
    low <== lowSum;
    high <== highSum;
    2 * (lowSum + highSum * 2 ** 253) - (2 ** 258 - 1) === x;
}

/*
@title  CombSelect: the signed table entry of one column, 99 constraints
@input  bits    the column's 6 bits, row 0 first, boolean (enforced by CombDigits)
@input  tableX, tableY   the 32 entries at xi
@output x, y    entry e with e_row = (bit_row == bit_5); y is negated where bit_5 = 0
*/
template CombSelect() {
    signal input bits[6];
    signal input tableX[32];
    signal input tableY[32];
    signal output x;
    signal output y;
    signal both[5];
    signal hot[6][32];
    hot[0][0] <== 1;
    for (var k = 1; k < 32; k++) {
        hot[0][k] <== 0;
    }
    for (var row = 0; row < 5; row++) {
        both[row] <== bits[row] * bits[5];
        var same = 1 - bits[row] - bits[5] + 2 * both[row];
        for (var k = 0; k < 32; k++) {
            if (k < 2 ** row) {
                hot[row + 1][k + 2 ** row] <== hot[row][k] * same;
                hot[row + 1][k] <== hot[row][k] - hot[row + 1][k + 2 ** row];
            } else if (k >= 2 ** (row + 1)) {
                hot[row + 1][k] <== 0;
            }
        }
    }
    signal partX[32];
    signal partY[32];
    var sumX = 0;
    var sumY = 0;
    for (var k = 0; k < 32; k++) {
        partX[k] <== hot[5][k] * tableX[k];
        partY[k] <== hot[5][k] * tableY[k];
        sumX += partX[k];
        sumY += partY[k];
    }
    x <== sumX;
    y <== (2 * bits[5] - 1) * sumY;
}

/*
@title  PublicInputPoint: residuals that pin V = IC0 + x IC1
@input  bits            258 comb bits (boolean, enforced by CombDigits)
@input  tableX, tableY  the comb table at xi
@input  ic0             IC0 at xi
@input  xV, yV          the committed V
@input  vx, vy          committed abscissae after each column, ordinates after columns 0, 6, .., 42
@input  slope           85 committed slopes: per column 1.. the doubling's and the addition's, last IC0's
@input  inverse         7 committed inverses: additions of columns 37..42, then IC0's. They exclude the degenerate case
                        x = xT where |2 acc| + |T| could reach r (section 11.4)
@output doubles, adds   residuals of the slopes, columns 1..42
@output xs, ys          residuals of vx, vy
@output inverses        residuals of the first 6 inverses
@output last            slope of IC0, its inverse, xV, yV
*/
template PublicInputPoint() {
    var n = g16_comb_columns();
    signal input bits[g16_comb_bits()];
    signal input tableX[32];
    signal input tableY[32];
    signal input ic0[2];
    signal input xV;
    signal input yV;
    signal input vx[n];
    signal input vy[8];
    signal input slope[2 * n - 1];
    signal input inverse[7];
    signal output doubles[n - 1];
    signal output adds[n - 1];
    signal output xs[n];
    signal output ys[8];
    signal output inverses[6];
    signal output last[4];

    component entry[n];
    for (var i = 0; i < n; i++) {
        entry[i] = CombSelect();
        for (var row = 0; row < 6; row++) {
            entry[i].bits[row] <== bits[n * row + (n - 1 - i)];
        }
        entry[i].tableX <== tableX;
        entry[i].tableY <== tableY;
    }

    xs[0] <== vx[0] - entry[0].x;
    ys[0] <== vy[0] - entry[0].y;
    var y = vy[0];
    signal slopeX[n];
    signal slopeY[n];
    signal xx[n];
    signal doubleX[n];
    signal doubleDown[n];
    signal addX[n];
    signal addT[n];
    signal addSquare[n];
    signal addDown[n];
    for (var i = 1; i < n; i++) {
        var x = vx[i - 1];
        var m = slope[2 * i - 2];
        slopeX[i] <== m * x;
        slopeY[i] <== m * y;
        xx[i] <== x * x;
        doubles[i - 1] <== 2 * slopeY[i] - 3 * xx[i];
        doubleX[i] <== m * m - 2 * x;
        doubleDown[i] <== m * doubleX[i];
        y = slopeX[i] - y - doubleDown[i];

        m = slope[2 * i - 1];
        addX[i] <== m * doubleX[i];
        addT[i] <== m * entry[i].x;
        var mu = addX[i] - y;
        adds[i - 1] <== mu - addT[i] + entry[i].y;
        if (i >= 37) {
            inverses[i - 37] <== inverse[i - 37] * (doubleX[i] - entry[i].x) - 1;
        }
        addSquare[i] <== m * m;
        xs[i] <== vx[i] - (addSquare[i] - doubleX[i] - entry[i].x);
        addDown[i] <== m * vx[i];
        y = mu - addDown[i];
        if (i % 6 == 0) {
            ys[i \ 6] <== vy[i \ 6] - y;
            y = vy[i \ 6];
        }
    }

    var m = slope[2 * n - 2];
    signal endX <== m * vx[n - 1];
    signal endT <== m * ic0[0];
    signal endSquare <== m * m;
    var mu = endX - y;
    var x = endSquare - vx[n - 1] - ic0[0];
    signal endDown <== m * x;
    last[0] <== mu - endT + ic0[1];
    last[1] <== inverse[6] * (vx[n - 1] - ic0[0]) - 1;
    last[2] <== xV - x;
    last[3] <== yV - (mu - endDown);
}
