pragma circom 2.1.6;

// Non-native numbers: elements of BN254's base field Fq inside the scalar field Fr.
//
// A number is committed as 17 unsigned limbs u_0..u_16 (16 of 15 bits, the last of 14: 254 bits in all). Its signed
// limbs are l_i = u_i - 2^(width_i - 1), its limb polynomial is v(X) = sum l_i X^i, and the number it stands for is
// v(2^15) mod q. Several limb vectors stand for one number; nothing relies on a canonical one.

function g16_limb_bits() { return 15; }
function g16_limbs() { return 17; }
function g16_limb_width(i) { return i < 16 ? 15 : 14; }
function g16_limb_half(i) { return i < 16 ? 16384 : 8192; }
// A verifying key's number comes as three signed words at X^0, X^6, X^12.
function g16_word_limbs() { return 6; }

/*
@title  LimbRange: 0 <= u < 2^width, at `width` constraints and no linear one
@param  width  bits of the limb, >= 2
@input  u      any field element; the range is enforced here
@output high   bits 1..width-1 of u, low first; bit 0 is u - sum high_j 2^(j+1), enforced boolean
*/
template LimbRange(width) {
    signal input u;
    signal output {binary} high[width - 1];
    var lowest = u;
    // Running powers of two, here and below: the witness calculator would compute each 2 ** j by squaring.
    var power = 1;
    for (var j = 1; j < width; j++) {
        power += power;
        high[j - 1] <-- (u >> j) & 1;
        high[j - 1] * (high[j - 1] - 1) === 0;
        lowest -= high[j - 1] * power;
    }
    lowest * (lowest - 1) === 0;
}

/*
@title  EvaluateNumbers: limb polynomials at xi, 16 constraints each (Horner)
@param  count  how many numbers
@input  u      limbs, in range (enforced by CommittedNumbers)
@input  xi     the challenge
@output value  sum (u_i - 2^(width_i - 1)) xi^i, one per number
*/
template EvaluateNumbers(count) {
    var n = g16_limbs();
    signal input u[count][n];
    signal input xi;
    signal output value[count];
    signal step[count][n - 1];
    for (var k = 0; k < count; k++) {
        var sum = u[k][n - 1] - g16_limb_half(n - 1);
        for (var i = n - 2; i >= 0; i--) {
            step[k][i] <== sum * xi;
            sum = step[k][i] + u[k][i] - g16_limb_half(i);
        }
        value[k] <== sum;
    }
}

/*
@title  EvaluateWords: numbers of a verifying key at xi, 2 constraints each
@param  count  how many numbers
@input  words  three signed words per number (bounded by whoever computed the key's digest, section 9)
@input  power  xi^6, the distance between words
@output value  W_0 + W_1 xi^6 + W_2 xi^12
*/
template EvaluateWords(count) {
    signal input words[3 * count];
    signal input power;
    signal output value[count];
    signal inner[count];
    signal outer[count];
    for (var k = 0; k < count; k++) {
        inner[k] <== words[3 * k + 2] * power;
        outer[k] <== (inner[k] + words[3 * k + 1]) * power;
        value[k] <== outer[k] + words[3 * k];
    }
}

/*
@title  ConstantsAt: constant numbers at xi, linear combinations only
@param  count  how many constants
@param  limbs  [count][17], from constants.circom
@input  power  xi^0..xi^16
@output value  one evaluation per constant
*/
template ConstantsAt(count, limbs) {
    signal input power[g16_limbs()];
    signal output value[count];
    for (var k = 0; k < count; k++) {
        var sum = 0;
        for (var i = 0; i < g16_limbs(); i++) {
            sum += limbs[k][i] * power[i];
        }
        value[k] <== sum;
    }
}
