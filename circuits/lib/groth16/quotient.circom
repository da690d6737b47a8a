pragma circom 2.1.6;

include "number.circom";
include "transcript.circom";

// Round 4 (section 7): for each group of identities a quotient R by q and the carries K that show its sum to vanish at
// X = 2^15. Group 0 is the main identity. Sizes come from the plan (plan_*.circom).

function g16_r_total() {
    var sum = 0;
    var count[g16_groups() + 1] = g16_r_count();
    for (var g = 0; g <= g16_groups(); g++) { sum += count[g]; }
    return sum;
}
function g16_k_total() {
    var sum = 0;
    var count[g16_groups() + 1] = g16_k_count();
    for (var g = 0; g <= g16_groups(); g++) { sum += count[g]; }
    return sum;
}
function g16_free_total() {
    var sum = 0;
    var count[g16_groups() + 1] = g16_k_count();
    var degree[g16_groups() + 1] = g16_degree();
    for (var g = 0; g <= g16_groups(); g++) { sum += degree[g] - count[g]; }
    return sum;
}
function g16_quotient_bits() {
    var sum = 0;
    var rWidths[g16_groups() + 1][g16_max_r()] = g16_r_widths();
    var kWidths[g16_groups() + 1][g16_max_k()] = g16_k_widths();
    for (var g = 0; g <= g16_groups(); g++) {
        for (var i = 0; i < g16_max_r(); i++) { sum += rWidths[g][i]; }
        for (var i = 0; i < g16_max_k(); i++) { sum += kWidths[g][i]; }
    }
    return sum;
}
function g16_quotient_words() {
    return g16_ceil(g16_quotient_bits(), g16_word_bits()) + g16_free_total();
}

/*
@title  QuotientWords: range-checks quotients and checked carries and makes the words of round 4
@input  r         offset-coded limbs of R, flat in group order; the ranges are enforced here
@input  checked   offset-coded carries k_(m-1), k_(2m-1), .. of each group; the ranges are enforced here
@input  free      the other carries, any field elements
@output words     one bit stream (per group: R, then checked carries), then the free carries raw
*/
template QuotientWords() {
    signal input r[g16_r_total()];
    signal input checked[g16_k_total()];
    signal input free[g16_free_total()];
    signal output words[g16_quotient_words()];
    var groups = g16_groups() + 1;
    var values = g16_r_total() + g16_k_total();
    var bits = g16_quotient_bits();
    var rCount[groups] = g16_r_count();
    var kCount[groups] = g16_k_count();
    var rWidths[groups][g16_max_r()] = g16_r_widths();
    var kWidths[groups][g16_max_k()] = g16_k_widths();
    var widths[values];
    var at = 0;
    for (var g = 0; g < groups; g++) {
        for (var i = 0; i < rCount[g]; i++) { widths[at] = rWidths[g][i]; at++; }
        for (var i = 0; i < kCount[g]; i++) { widths[at] = kWidths[g][i]; at++; }
    }
    component stream = CommittedStream(values, values, widths, bits);
    var rAt = 0;
    var kAt = 0;
    at = 0;
    for (var g = 0; g < groups; g++) {
        for (var i = 0; i < rCount[g]; i++) { stream.value[at] <== r[rAt]; at++; rAt++; }
        for (var i = 0; i < kCount[g]; i++) { stream.value[at] <== checked[kAt]; at++; kAt++; }
    }
    var packed = g16_ceil(bits, g16_word_bits());
    for (var i = 0; i < packed; i++) { words[i] <== stream.words[i]; }
    for (var i = 0; i < g16_free_total(); i++) { words[packed + i] <== free[i]; }
}

/*
@title  QuotientCheck: (xi - 2^15) K(xi) = sum - R(xi) q(xi), one equation and two Horner evaluations
@param  degree   D: the number of carries
@param  m        every m-th carry is range-checked
@param  rCount, rWidths, kCount, kWidths   of this group
@input  sum      the group's random combination of residuals at xi
@input  r, checked, free   this group's part of round 4 (ranges enforced by QuotientWords)
@input  xi, xi5  the challenge and its fifth power, the distance between limbs of R
@input  modulus  q(xi)
*/
template QuotientCheck(degree, m, rCount, rWidths, kCount, kWidths) {
    signal input sum;
    signal input r[rCount];
    signal input checked[kCount];
    signal input free[degree - kCount];
    signal input xi;
    signal input xi5;
    signal input modulus;

    signal rStep[rCount];
    var quotient = r[rCount - 1] - 2 ** (rWidths[rCount - 1] - 1);
    for (var i = rCount - 2; i >= 0; i--) {
        rStep[i] <== quotient * xi5;
        quotient = rStep[i] + r[i] - 2 ** (rWidths[i] - 1);
    }

    signal kStep[degree];
    var carry = 0;
    var unread = degree - kCount;
    for (var i = degree - 1; i >= 0; i--) {
        kStep[i] <== carry * xi;
        carry = kStep[i];
        if ((i + 1) % m == 0 && (i + 1) \ m <= kCount) {
            var b = (i + 1) \ m - 1;
            carry += checked[b] - 2 ** (kWidths[b] - 1);
        } else {
            unread--;
            carry += free[unread];
        }
    }
    signal product <== quotient * modulus;
    (xi - 2 ** 15) * carry === sum - product;
}

/*
@title  QuotientChecks: QuotientCheck for every group
@input  sum      one per group, the main identity first
@input  r, checked, free   all of round 4, flat in group order
@input  power    xi^0..xi^16
@input  modulus  q(xi)
*/
template QuotientChecks() {
    var groups = g16_groups() + 1;
    signal input sum[groups];
    signal input r[g16_r_total()];
    signal input checked[g16_k_total()];
    signal input free[g16_free_total()];
    signal input power[17];
    signal input modulus;
    var rCount[groups] = g16_r_count();
    var kCount[groups] = g16_k_count();
    var degree[groups] = g16_degree();
    var m[groups] = g16_m();
    var rWidths[groups][g16_max_r()] = g16_r_widths();
    var kWidths[groups][g16_max_k()] = g16_k_widths();
    component check[groups];
    var rAt = 0;
    var kAt = 0;
    var freeAt = 0;
    for (var g = 0; g < groups; g++) {
        check[g] = QuotientCheck(degree[g], m[g], rCount[g], rWidths[g], kCount[g], kWidths[g]);
        check[g].sum <== sum[g];
        check[g].xi <== power[1];
        check[g].xi5 <== power[5];
        check[g].modulus <== modulus;
        for (var i = 0; i < rCount[g]; i++) { check[g].r[i] <== r[rAt]; rAt++; }
        for (var i = 0; i < kCount[g]; i++) { check[g].checked[i] <== checked[kAt]; kAt++; }
        for (var i = 0; i < degree[g] - kCount[g]; i++) { check[g].free[i] <== free[freeAt]; freeAt++; }
    }
}
