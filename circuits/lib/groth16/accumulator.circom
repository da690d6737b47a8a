pragma circom 2.1.6;

include "number.circom";
include "constants.circom";
include "miller.circom";

// Torus forms and the accumulator of the product of Miller functions (sections 6.5 to 6.7). A class of Fq12*/Fq6* is
// written 1 + sum t_i w^(2i+1); everything here is evaluated at w = z and then at xi.

/*
@title  TorusAt: 1 + sum t_i Z_(2i+1), 6 constraints
@input  t      6 numbers
@input  z      z[k] = Z_k, k = 0..12
@output value
*/
template TorusAt() {
    signal input t[6];
    signal input z[13];
    signal output value;
    signal term[6];
    var sum = 1;
    for (var i = 0; i < 6; i++) {
        term[i] <== t[i] * z[2 * i + 1];
        sum += term[i];
    }
    value <== sum;
}

/*
@title  FrobeniusPowers: (w^(2i+1))^(q^k) at z for k = 1, 2, 3
@input  power   xi^0..xi^16
@input  z       powers of z
@output value   [3][6]
*/
template FrobeniusPowers() {
    signal input power[17];
    signal input z[13];
    signal output value[3][6];
    var table[3][6][2][17] = g16_frobenius();
    signal low[3][6];
    signal high[3][6];
    for (var k = 0; k < 3; k++) {
        for (var i = 0; i < 6; i++) {
            var c[2];
            for (var h = 0; h < 2; h++) {
                c[h] = 0;
                for (var l = 0; l < 17; l++) {
                    c[h] += table[k][i][h][l] * power[l];
                }
            }
            var e = (2 * i + 1) % 6;
            low[k][i] <== c[0] * z[e];
            high[k][i] <== c[1] * z[e + 6];
            value[k][i] <== low[k][i] + high[k][i];
        }
    }
}

/*
@title  TorusOfFrobenius: 1 + sum c_i value_i, the conjugates of c under Frobenius, 6 constraints
@input  c      the residue witness's torus coefficients
@input  basis  one row of FrobeniusPowers
@output value
*/
template TorusOfFrobenius() {
    signal input c[6];
    signal input basis[6];
    signal output value;
    signal term[6];
    var sum = 1;
    for (var i = 0; i < 6; i++) {
        term[i] <== c[i] * basis[i];
        sum += term[i];
    }
    value <== sum;
}

/*
@title  Accumulator: the accumulators N of all windows and the window values V_j
@input  state       torus states t_1..t_32
@input  cz, fr, mz  committed values at z of c, its Frobenius images, and the key's ML(alpha, beta)
@input  line        87 committed line values L_k
@input  n           71 committed accumulators, loop order
@input  gamma       33 window values of gamma at V
@input  delta       33 committed window values Gd of delta at C
@input  z           powers of z
@output residual    71, defining product minus committed
@output value       V_j, j = 0..32
*/
template Accumulator() {
    signal input state[32][6];
    signal input cz;
    signal input fr[3];
    signal input mz;
    signal input line[g16_steps()];
    signal input n[71];
    signal input gamma[g16_windows()];
    signal input delta[g16_windows()];
    signal input z[13];
    signal output residual[71];
    signal output value[g16_windows()];

    signal torus[32];
    for (var j = 0; j < 32; j++) {
        torus[j] <== TorusAt()(state[j], z);
    }
    signal square[64];
    signal doubled[64];
    signal added[23];
    signal closing;
    signal withGamma[g16_windows()];
    signal withDelta[g16_windows()];
    var step = 0;
    var k = 0;
    var doubles = 0;
    var adds = 0;
    for (var j = 0; j < g16_windows(); j++) {
        var current = j == 0 ? 2 - cz : torus[j - 1];
        for (var i = 0; i < g16_window_size(j); i++) {
            var digit = g16_window_digit(j, i);
            square[doubles] <== current * current;
            if (digit == 0 || (i == 0 && j > 0)) {
                residual[k] <== square[doubles] * line[step] - n[k];
                doubled[doubles] <== 0;
                current = n[k];
                k++;
            } else {
                doubled[doubles] <== square[doubles] * line[step];
                current = doubled[doubles];
            }
            doubles++;
            step++;
            if (digit != 0) {
                added[adds] <== current * line[step];
                // c^-1 for the digit 1 and c for -1 (section 11.1).
                residual[k] <== added[adds] * (digit == 1 ? 2 - cz : cz) - n[k];
                current = n[k];
                adds++;
                step++;
                k++;
            }
        }
        var tail = 2;
        if (j == g16_windows() - 1) {
            added[adds] <== current * line[step];
            residual[k] <== added[adds] * (2 - fr[0]) - n[k];
            added[adds + 1] <== n[k] * line[step + 1];
            closing <== added[adds + 1] * fr[1];
            residual[k + 1] <== closing * mz - n[k + 1];
            current = n[k + 1];
            tail -= fr[2];
        } else {
            tail -= torus[j];
        }
        withGamma[j] <== current * gamma[j];
        withDelta[j] <== withGamma[j] * delta[j];
        value[j] <== withDelta[j] * tail;
    }
}
