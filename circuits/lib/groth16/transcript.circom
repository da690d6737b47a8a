pragma circom 2.1.6;

include "../poseidon.circom";
include "number.circom";

// The Fiat-Shamir transcript: an overwrite-mode sponge over Poseidon with t = 17. Lane 0 is the capacity, lanes 1..16
// the rate. A bit stream is cut into 253-bit words, so that every word is a canonical field element.

function g16_word_bits() { return 253; }
function g16_coefficient_bits() { return 120; }
function g16_ceil(a, b) { return (a + b - 1) \ b; }

/*
@title  Absorb: words into the sponge, zero-padded to whole blocks, 612 constraints per block
@param  count     how many words
@input  capacity  lane 0 before
@input  words     any field elements
@output state     all 17 lanes after
*/
template Absorb(count) {
    signal input capacity;
    signal input words[count];
    signal output state[17];
    var blocks = g16_ceil(count, 16);
    component perm[blocks];
    for (var b = 0; b < blocks; b++) {
        perm[b] = PoseidonPerm(17);
        if (b == 0) {
            perm[b].in[0] <== capacity;
        } else {
            perm[b].in[0] <== perm[b - 1].out[0];
        }
        for (var i = 0; i < 16; i++) {
            if (16 * b + i < count) {
                perm[b].in[i + 1] <== words[16 * b + i];
            } else {
                perm[b].in[i + 1] <== 0;
            }
        }
    }
    state <== perm[blocks - 1].out;
}

/*
@title  Squeeze: the rate lanes, permuting again (with a zero block) when more than 16 words are wanted
@param  count     how many words
@input  state     17 lanes after an Absorb
@output words     the challenge words
@output capacity  lane 0 for the next Absorb
*/
template Squeeze(count) {
    signal input state[17];
    signal output words[count];
    signal output capacity;
    var blocks = g16_ceil(count, 16);
    component perm[blocks];
    var lane[17] = state;
    for (var b = 0; b < blocks; b++) {
        if (b > 0) {
            perm[b] = PoseidonPerm(17);
            perm[b].in[0] <== lane[0];
            for (var i = 1; i < 17; i++) {
                perm[b].in[i] <== 0;
            }
            lane = perm[b].out;
        }
        for (var i = 0; i < 16; i++) {
            if (16 * b + i < count) {
                words[16 * b + i] <== lane[i + 1];
            }
        }
    }
    capacity <== lane[0];
}

/*
@title  CommittedStream: range-checks values and packs them as one bit stream into 253-bit words, low bits first
@param  count   how many values
@param  period  length of `widths`
@param  widths  bits of value i: widths[i % period], each >= 2
@param  total   sum of all widths; also the number of constraints
@input  value   0 <= value_i < 2^width_i; enforced here
@output words   ceil(total / 253) field elements below 2^253
Each value has a component of its own: the compiler takes time in proportion to an array's size for every cell that is
assigned in it, so one array for the bits of all values would be quadratic.
*/
template CommittedStream(count, period, widths, total) {
    signal input value[count];
    signal output words[g16_ceil(total, g16_word_bits())];
    component range[count];
    var wordEnd = 2 ** g16_word_bits();
    var word = 0;
    var filled = 0;
    var scale = 1; // 2^filled
    var k = 0;
    for (var i = 0; i < count; i++) {
        var width = widths[i % period];
        range[i] = LimbRange(width);
        range[i].u <== value[i];
        // Bits `take`.. of the value open the next word. take >= 1, so they are all signals.
        var take = g16_word_bits() - filled;
        if (take > width) {
            word += value[i] * scale;
            filled += width;
            for (var j = 0; j < width; j++) { scale += scale; }
        } else {
            var rest = 0;
            var restPower = 1;
            for (var j = take; j < width; j++) {
                rest += range[i].high[j - 1] * restPower;
                restPower += restPower;
            }
            words[k] <== word + value[i] * scale - rest * wordEnd;
            k++;
            word = rest;
            filled = width - take;
            scale = restPower;
        }
    }
    if (filled > 0) {
        words[k] <== word;
    }
}

/*
@title  CommittedNumbers: CommittedStream for numbers, 254 constraints each
@param  count  how many numbers
@input  u      limbs; the ranges are enforced here
@output words  ceil(254 count / 253) words
*/
template CommittedNumbers(count) {
    var n = g16_limbs();
    signal input u[count][n];
    signal output words[g16_ceil(254 * count, g16_word_bits())];
    var widths[n];
    for (var i = 0; i < n; i++) {
        widths[i] = g16_limb_width(i);
    }
    component stream = CommittedStream(n * count, n, widths, 254 * count);
    for (var k = 0; k < count; k++) {
        for (var i = 0; i < n; i++) {
            stream.value[n * k + i] <== u[k][i];
        }
    }
    words <== stream.words;
}

/*
@title  ChallengeBits: the one decomposition of a challenge word, 286 constraints
@input  word   a squeezed word, any field element
@output high   bits 1..253; bit 0 is implied and enforced boolean
The top 32 bits are enforced below r >> 222 = 3247520203. That refuses the bits of word + r, and also an honest word
whose top bits equal r >> 222 (probability below 2^-31; the prover then takes another nonce).
*/
template ChallengeBits() {
    signal input word;
    signal output {binary} high[253];
    high <== LimbRange(254)(word);
    var top = 0;
    var power = 1;
    for (var j = 222; j < 254; j++) {
        top += high[j - 1] * power;
        power += power;
    }
    _ <== LimbRange(32)(3247520203 - 1 - top);
}

/*
@title  Challenges: small integer challenges from squeezed words
@param  words  how many words
@param  count  how many challenges, count * width <= 253 words
@param  width  bits of a challenge
@input  word   squeezed words; decomposed here
@output value  challenge k = bits width*k.. of the stream of low 253 bits, minus 2^(width-1)
*/
template Challenges(words, count, width) {
    signal input word[words];
    signal output value[count];
    component bits[words];
    for (var i = 0; i < words; i++) {
        bits[i] = ChallengeBits();
        bits[i].word <== word[i];
    }
    var half = 2 ** (width - 1);
    for (var k = 0; k < count; k++) {
        var sum = -half;
        var done = 0;
        var scale = 1; // 2^done
        while (done < width) {
            var i = (width * k + done) \ 253;
            var from = (width * k + done) % 253;
            var to = from + width - done < 253 ? from + width - done : 253;
            if (from == 0) {
                // The lowest bit is not a signal: take the word minus everything above the chunk.
                var above = 0;
                var power = 1;
                for (var j = to; j < 254; j++) {
                    above += bits[i].high[j - 1] * power;
                    power += power;
                }
                sum += word[i] * scale - above * scale * 2 ** to;
                for (var j = 0; j < to; j++) { scale += scale; }
            } else {
                for (var j = from; j < to; j++) {
                    sum += bits[i].high[j - 1] * scale;
                    scale += scale;
                }
            }
            done += to - from;
        }
        value[k] <== sum;
    }
}
