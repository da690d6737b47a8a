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
@title  PackStream: range-checked values as one bit stream, cut into 253-bit words, low bits first
@param  count   how many values
@param  period  length of `widths`
@param  widths  bits of value i: widths[i % period]
@param  highs   sum of (width - 1) over all values
@input  value   in range (enforced by the LimbRange that made `high`)
@input  high    bits 1.. of each value, value after value
@output words   ceil(sum of widths / 253) field elements below 2^253
*/
template PackStream(count, period, widths, highs, total) {
    signal input value[count];
    signal input high[highs];
    signal output words[g16_ceil(total, g16_word_bits())];
    var word = 0;
    var filled = 0;
    var k = 0;
    var at = 0;
    for (var i = 0; i < count; i++) {
        var width = widths[i % period];
        if (filled + width < g16_word_bits()) {
            word += value[i] * 2 ** filled;
            filled += width;
        } else {
            // Bits `take`.. of the value open the next word; take >= 1, so they are all among the bits in `high`.
            var take = g16_word_bits() - filled;
            var rest = 0;
            for (var j = take; j < width; j++) {
                rest += high[at + j - 1] * 2 ** (j - take);
            }
            words[k] <== word + (value[i] - rest * 2 ** take) * 2 ** filled;
            k++;
            word = rest;
            filled = width - take;
        }
        at += width - 1;
    }
    if (filled > 0) {
        words[k] <== word;
    }
}

/*
@title  PackNumbers: PackStream for committed numbers
@param  count  how many numbers
@input  u      limbs, in range
@input  high   their bits, from NumbersRange
@output words  ceil(254 count / 253) words
*/
template PackNumbers(count) {
    var n = g16_limbs();
    signal input u[count][n];
    signal input high[count][g16_high_bits()];
    signal output words[g16_ceil(254 * count, g16_word_bits())];
    var widths[n];
    for (var i = 0; i < n; i++) {
        widths[i] = g16_limb_width(i);
    }
    component pack = PackStream(n * count, n, widths, g16_high_bits() * count, 254 * count);
    for (var k = 0; k < count; k++) {
        for (var i = 0; i < n; i++) {
            pack.value[n * k + i] <== u[k][i];
        }
        for (var i = 0; i < g16_high_bits(); i++) {
            pack.high[g16_high_bits() * k + i] <== high[k][i];
        }
    }
    words <== pack.words;
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
    for (var j = 222; j < 254; j++) {
        top += high[j - 1] * 2 ** (j - 222);
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
    for (var k = 0; k < count; k++) {
        var sum = -(2 ** (width - 1));
        var done = 0;
        while (done < width) {
            var i = (width * k + done) \ 253;
            var from = (width * k + done) % 253;
            var to = from + width - done < 253 ? from + width - done : 253;
            var chunk = 0;
            if (from == 0) {
                // The lowest bit is not a signal: take the word minus everything above the chunk.
                chunk = word[i];
                for (var j = to; j < 254; j++) {
                    chunk -= bits[i].high[j - 1] * 2 ** j;
                }
            } else {
                for (var j = from; j < to; j++) {
                    chunk += bits[i].high[j - 1] * 2 ** (j - from);
                }
            }
            sum += chunk * 2 ** done;
            done += to - from;
        }
        value[k] <== sum;
    }
}
