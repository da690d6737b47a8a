pragma circom 2.1.6;

// Non-native numbers: elements of BN254's base field Fq inside the scalar field Fr.
//
// A number is committed as 17 unsigned limbs u_0..u_16 (16 of 15 bits, the last of 14: 254 bits in all). Its signed
// limbs are l_i = u_i - 2^(width_i - 1), its limb polynomial is v(X) = sum l_i X^i, and the number it stands for is
// v(2^15) mod q. Several limb vectors stand for one number; nothing relies on a canonical one.

function g16_limb_bits() { return 15; }
function g16_limbs() { return 17; }
function g16_limb_width(i) { return i < 16 ? 15 : 14; }
// Bits above the lowest of all limbs of one number: 16 * 14 + 13.
function g16_high_bits() { return 237; }
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
    for (var j = 1; j < width; j++) {
        high[j - 1] <-- (u >> j) & 1;
        high[j - 1] * (high[j - 1] - 1) === 0;
        lowest -= high[j - 1] * 2 ** j;
    }
    lowest * (lowest - 1) === 0;
}

/*
@title  NumberRange: every limb of one number in its width, 254 constraints
@input  u      17 limbs; the ranges are enforced here
@output high   bits 1.. of each limb, limb after limb
*/
template NumberRange() {
    signal input u[g16_limbs()];
    signal output {binary} high[g16_high_bits()];
    component limb[g16_limbs()];
    var at = 0;
    for (var i = 0; i < g16_limbs(); i++) {
        limb[i] = LimbRange(g16_limb_width(i));
        limb[i].u <== u[i];
        for (var j = 0; j < g16_limb_width(i) - 1; j++) {
            high[at] <== limb[i].high[j];
            at++;
        }
    }
}

/*
@title  NumbersRange: NumberRange for a list
@param  count  how many numbers
@input  u      their limbs; the ranges are enforced here
@output high   bits 1.. of each limb
*/
template NumbersRange(count) {
    signal input u[count][g16_limbs()];
    signal output {binary} high[count][g16_high_bits()];
    for (var k = 0; k < count; k++) {
        high[k] <== NumberRange()(u[k]);
    }
}

/*
@title  Evaluate: a number's limb polynomial at xi, 16 constraints (Horner)
@input  u      limbs, in range (enforced where the number was committed)
@input  xi     the challenge
@output value  sum (u_i - 2^(width_i - 1)) xi^i
*/
template Evaluate() {
    var n = g16_limbs();
    signal input u[n];
    signal input xi;
    signal output value;
    signal step[n - 1];
    var sum = u[n - 1] - 2 ** (g16_limb_width(n - 1) - 1);
    for (var i = n - 2; i >= 0; i--) {
        step[i] <== sum * xi;
        sum = step[i] + u[i] - 2 ** (g16_limb_width(i) - 1);
    }
    value <== sum;
}

/*
@title  EvaluateNumbers: Evaluate for a list
@param  count  how many numbers
@input  u      limbs, in range
@input  xi     the challenge
@output value  one evaluation per number
*/
template EvaluateNumbers(count) {
    signal input u[count][g16_limbs()];
    signal input xi;
    signal output value[count];
    for (var k = 0; k < count; k++) {
        value[k] <== Evaluate()(u[k], xi);
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
