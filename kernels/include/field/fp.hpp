// A prime field of at most 254 bits in Montgomery form, R = 2^256, eight 32-bit limbs, least significant first.
//
// Values inside a kernel are lazy, in [0, 2p): every operation below takes and returns such values unless it says
// otherwise. 4p < R leaves the room for it, and p/R < 0.19 keeps products reduced: ab/R + p < 2p for a, b < 2p.
// Memory holds canonical values, in [0, p).
//
// Multiplication: rows of 32x32-bit products alternate between an accumulator of the even words and one of the odd
// words, so that each row is one chain of multiply-adds with carry (IMAD.WIDE on the device) and carries between
// neighbouring words are resolved once at the end. Reduction is Montgomery's, one word at a time.
#pragma once

#include "portable.hpp"

// P gives modulus(i), modulus_doubled(i), r_mod_p(i), r_squared(i): limb i of p, 2p, R mod p, R^2 mod p; and
// INVERSE = -p^-1 mod 2^32.
template <class P>
struct alignas(16) Fp {
    static constexpr int LIMBS = 8;
    u32 limb[LIMBS];

    static METHOD Fp zero() {
        Fp r;
        UNROLL for (int i = 0; i < LIMBS; i++) r.limb[i] = 0;
        return r;
    }

    static METHOD Fp one() {
        Fp r;
        UNROLL for (int i = 0; i < LIMBS; i++) r.limb[i] = P::r_mod_p(i);
        return r;
    }

    // True for both representations of zero, 0 and p.
    METHOD bool is_zero() const {
        u32 any = 0;
        u32 differs = 0;
        UNROLL for (int i = 0; i < LIMBS; i++) {
            any |= limb[i];
            differs |= limb[i] ^ P::modulus(i);
        }
        return any == 0 || differs == 0;
    }

    // Subtracts p once if that leaves a value that is not negative.
    METHOD Fp canonical() const {
        Fp r;
        u32 borrow = subtract_modulus(r);
        UNROLL for (int i = 0; i < LIMBS; i++) r.limb[i] = borrow ? limb[i] : r.limb[i];
        return r;
    }

    METHOD bool operator==(const Fp& b) const { return (*this - b).is_zero(); }
    METHOD bool operator!=(const Fp& b) const { return !(*this == b); }

    METHOD Fp operator+(const Fp& b) const {
        Fp sum;
        sum.limb[0] = add_cc(limb[0], b.limb[0]);
        UNROLL for (int i = 1; i < LIMBS - 1; i++) sum.limb[i] = addc_cc(limb[i], b.limb[i]);
        sum.limb[LIMBS - 1] = addc(limb[LIMBS - 1], b.limb[LIMBS - 1]);
        return sum.below_2p();
    }

    METHOD Fp operator-(const Fp& b) const {
        Fp r;
        u32 borrow = subtract(limb, b.limb, r.limb);
        return r.plus_2p_if(borrow);
    }

    // True for the representation of zero that zero() gives.
    METHOD bool is_exact_zero() const {
        u32 any = 0;
        UNROLL for (int i = 0; i < LIMBS; i++) any |= limb[i];
        return any == 0;
    }

    METHOD Fp negated() const { return zero() - *this; }

    METHOD Fp negated_if(bool negate) const {
        Fp minus = negated();
        UNROLL for (int i = 0; i < LIMBS; i++) minus.limb[i] = negate ? minus.limb[i] : limb[i];
        return minus;
    }

    METHOD Fp doubled() const { return *this + *this; }

    // Montgomery product ab/R.
    METHOD Fp operator*(Fp b) const {
        u32 even[LIMBS], odd[LIMBS];
        UNROLL for (int i = 0; i < LIMBS; i += 2) {
            row(even, odd, limb, b.limb[i], i == 0);
            reduce_row(even, odd);
            row(odd, even, limb, b.limb[i + 1], false);
            reduce_row(odd, even);
        }
        return merged(even, odd);
    }

    // ab - cd with one reduction: 8p^2/R + p < 2.6p, brought below 2p. By value: operands that are loaded between the
    // steps of a chain keep the compiler from pairing the halves of a product.
    static METHOD Fp product_difference(Fp a, Fp b, Fp c, Fp d) {
        Fp minus_c;
        subtract_from_2p(c.limb, minus_c.limb);
        u32 even[LIMBS], odd[LIMBS];
        UNROLL for (int i = 0; i < LIMBS; i += 2) {
            row(even, odd, a.limb, b.limb[i], i == 0);
            add_row(even, odd, minus_c.limb, d.limb[i]);
            reduce_row(even, odd);
            row(odd, even, a.limb, b.limb[i + 1], false);
            add_row(odd, even, minus_c.limb, d.limb[i + 1]);
            reduce_row(odd, even);
        }
        return merged(even, odd).below_2p();
    }

    METHOD Fp squared() const {
        u32 wide[2 * LIMBS];
        square_wide(limb, wide);
        return reduced(wide);
    }

    // Plain integer in [0, p) whose Montgomery form this is.
    METHOD Fp from_montgomery() const {
        u32 wide[2 * LIMBS];
        UNROLL for (int i = 0; i < LIMBS; i++) {
            wide[i] = limb[i];
            wide[i + LIMBS] = 0;
        }
        return reduced(wide).canonical();
    }

    // The inverse of from_montgomery, for a plain integer below 2p.
    METHOD Fp to_montgomery() const {
        Fp r2;
        UNROLL for (int i = 0; i < LIMBS; i++) r2.limb[i] = P::r_squared(i);
        return *this * r2;
    }

    // a^(p-2), Fermat; zero gives zero. Not inlined: its users invert rarely, for many values at once.
    METHOD_NOINLINE Fp inverse() const {
        Fp exponent;
        UNROLL for (int i = 0; i < LIMBS; i++) exponent.limb[i] = P::modulus(i);
        exponent.limb[0] -= 2;
        Fp power = one();
        for (int bit = 0; bit < 32 * LIMBS; bit++) {
            power = power.squared();
            if (exponent.limb[LIMBS - 1] >> 31) power = power * *this;
            UNROLL for (int i = LIMBS - 1; i > 0; i--) {
                exponent.limb[i] = (exponent.limb[i] << 1) | (exponent.limb[i - 1] >> 31);
            }
            exponent.limb[0] <<= 1;
        }
        return power;
    }

    // -- Steps shared with the quadratic extension --

    // wide = ab, all sixteen words, for any a, b < 2^256.
    static METHOD void multiply_wide(const u32 (&a)[LIMBS], const u32 (&b)[LIMBS], u32 (&wide)[2 * LIMBS]) {
        u32 even[2 * LIMBS], odd[2 * LIMBS];
        UNROLL for (int i = 0; i < 2 * LIMBS; i++) even[i] = odd[i] = 0;
        UNROLL for (int i = 0; i < LIMBS; i++) {
            u32* same = i % 2 == 0 ? even : odd;
            u32* other = i % 2 == 0 ? odd : even;
            wide_row<LIMBS>(same + i, a, 0, b[i], i == 0);
            wide_row<LIMBS>(other + i + 1, a, 1, b[i], i == 0);
        }
        merge_wide(even, odd, wide);
    }

    // wide = a^2: the products of different limbs once, doubled, and the squares of the limbs.
    static METHOD void square_wide(const u32 (&a)[LIMBS], u32 (&wide)[2 * LIMBS]) {
        u32 even[2 * LIMBS], odd[2 * LIMBS];
        UNROLL for (int i = 0; i < 2 * LIMBS; i++) even[i] = odd[i] = 0;
        UNROLL for (int i = 0; i < LIMBS - 1; i++) {
            square_row(odd, a, i, i + 1);
            if (i + 2 < LIMBS) square_row(even, a, i, i + 2);
        }
        merge_wide(even, odd, wide);
        UNROLL for (int i = 2 * LIMBS - 1; i > 0; i--) wide[i] = (wide[i] << 1) | (wide[i - 1] >> 31);
        wide[0] = mad_lo_cc(a[0], a[0], 0);
        wide[1] = madc_hi_cc(a[0], a[0], wide[1]);
        UNROLL for (int i = 1; i < LIMBS; i++) {
            wide[2 * i] = madc_lo_cc(a[i], a[i], wide[2 * i]);
            wide[2 * i + 1] = madc_hi_cc(a[i], a[i], wide[2 * i + 1]);
        }
    }

    // wide/R, below wide/R + p + 1: below 2p where wide < pR.
    static METHOD Fp reduced(const u32 (&wide)[2 * LIMBS]) {
        u32 even[LIMBS], odd[LIMBS];
        UNROLL for (int i = 0; i < LIMBS; i++) {
            even[i] = wide[i];
            odd[i] = 0;
        }
        UNROLL for (int i = 0; i < LIMBS; i += 2) {
            if (i == 0) {
                reduce_row(even, odd);
            } else {
                shift_and_reduce_row(even, odd);
            }
            shift_and_reduce_row(odd, even);
        }
        Fp r = merged(even, odd);
        r.limb[0] = add_cc(r.limb[0], wide[LIMBS]);
        UNROLL for (int i = 1; i < LIMBS - 1; i++) r.limb[i] = addc_cc(r.limb[i], wide[LIMBS + i]);
        r.limb[LIMBS - 1] = addc(r.limb[LIMBS - 1], wide[2 * LIMBS - 1]);
        return r;
    }

    // This if below 2p, else this - 2p; for values below 4p.
    METHOD Fp below_2p() const {
        Fp r;
        r.limb[0] = sub_cc(limb[0], P::modulus_doubled(0));
        UNROLL for (int i = 1; i < LIMBS; i++) r.limb[i] = subc_cc(limb[i], P::modulus_doubled(i));
        u32 borrow = subc(0, 0);
        UNROLL for (int i = 0; i < LIMBS; i++) r.limb[i] = borrow ? limb[i] : r.limb[i];
        return r;
    }

    // r = a - b modulo 2^256; all ones if b > a, else zero.
    static METHOD u32 subtract(const u32* a, const u32* b, u32* r) {
        r[0] = sub_cc(a[0], b[0]);
        UNROLL for (int i = 1; i < LIMBS; i++) r[i] = subc_cc(a[i], b[i]);
        return subc(0, 0);
    }

private:
    METHOD u32 subtract_modulus(Fp& r) const {
        r.limb[0] = sub_cc(limb[0], P::modulus(0));
        UNROLL for (int i = 1; i < LIMBS; i++) r.limb[i] = subc_cc(limb[i], P::modulus(i));
        return subc(0, 0);
    }

    METHOD Fp plus_2p_if(u32 mask) const {
        Fp r;
        r.limb[0] = add_cc(limb[0], P::modulus_doubled(0) & mask);
        UNROLL for (int i = 1; i < LIMBS - 1; i++) r.limb[i] = addc_cc(limb[i], P::modulus_doubled(i) & mask);
        r.limb[LIMBS - 1] = addc(limb[LIMBS - 1], P::modulus_doubled(LIMBS - 1) & mask);
        return r;
    }

    static METHOD void subtract_from_2p(const u32* a, u32* r) {
        r[0] = sub_cc(P::modulus_doubled(0), a[0]);
        UNROLL for (int i = 1; i < LIMBS - 1; i++) r[i] = subc_cc(P::modulus_doubled(i), a[i]);
        r[LIMBS - 1] = subc(P::modulus_doubled(LIMBS - 1), a[LIMBS - 1]);
    }

    // The running value is even + 2^32 odd. A row adds a*word to it; the first row starts it. A later row divides by
    // 2^32 first: the word that the last reduction made zero leaves, and the accumulators swap their roles, which the
    // callers do by the order of the arguments.
    static METHOD void row(u32* even, u32* odd, const u32* a, u32 word, bool first) {
        if (first) {
            UNROLL for (int j = 0; j < LIMBS; j += 2) {
                set_product(even + j, a[j], word);
                set_product(odd + j, a[j + 1], word);
            }
            return;
        }
        even[0] = add_cc(even[0], odd[1]);
        shifted_odd_row(odd, a, word);
        accumulate_even(even, odd, a, word);
    }

    static METHOD void set_product(u32* pair, u32 a, u32 b) {
        u64 product = mul_wide(a, b);
        pair[0] = (u32)product;
        pair[1] = (u32)(product >> 32);
    }

    // odd/2^64 + the odd limbs of a times word + carry.
    static METHOD void shifted_odd_row(u32* odd, const u32* a, u32 word) {
        UNROLL for (int j = 0; j < LIMBS - 2; j += 2) {
            odd[j] = madc_lo_cc(a[j + 1], word, odd[j + 2]);
            odd[j + 1] = madc_hi_cc(a[j + 1], word, odd[j + 3]);
        }
        odd[LIMBS - 2] = madc_lo_cc(a[LIMBS - 1], word, 0);
        odd[LIMBS - 1] = madc_hi(a[LIMBS - 1], word, 0);
    }

    // Adds a*word to even + 2^32 odd.
    static METHOD void add_row(u32* even, u32* odd, const u32* a, u32 word) {
        odd[0] = mad_lo_cc(a[1], word, odd[0]);
        odd[1] = madc_hi_cc(a[1], word, odd[1]);
        UNROLL for (int j = 2; j < LIMBS; j += 2) {
            odd[j] = madc_lo_cc(a[j + 1], word, odd[j]);
            odd[j + 1] = madc_hi_cc(a[j + 1], word, odd[j + 1]);
        }
        accumulate_even(even, odd, a, word);
    }

    static METHOD void accumulate_even(u32* even, u32* odd, const u32* a, u32 word) {
        even[0] = mad_lo_cc(a[0], word, even[0]);
        even[1] = madc_hi_cc(a[0], word, even[1]);
        UNROLL for (int j = 2; j < LIMBS; j += 2) {
            even[j] = madc_lo_cc(a[j], word, even[j]);
            even[j + 1] = madc_hi_cc(a[j], word, even[j + 1]);
        }
        odd[LIMBS - 1] = addc(odd[LIMBS - 1], 0);
    }

    // Adds the multiple of p that makes the lowest word zero.
    static METHOD void reduce_row(u32* even, u32* odd) {
        u32 modulus[LIMBS];
        UNROLL for (int j = 0; j < LIMBS; j++) modulus[j] = P::modulus(j);
        add_row(even, odd, modulus, mul_lo(even[0], P::INVERSE));
    }

    // Division by 2^32 as in row, then a reduction.
    static METHOD void shift_and_reduce_row(u32* even, u32* odd) {
        u32 modulus[LIMBS];
        UNROLL for (int j = 0; j < LIMBS; j++) modulus[j] = P::modulus(j);
        u32 multiple = mul_lo(even[0] + odd[1], P::INVERSE);
        even[0] = add_cc(even[0], odd[1]);
        shifted_odd_row(odd, modulus, multiple);
        accumulate_even(even, odd, modulus, multiple);
    }

    // After the last reduction: even is one word behind odd, and its lowest word is zero.
    static METHOD Fp merged(const u32* even, const u32* odd) {
        Fp r;
        r.limb[0] = add_cc(even[0], odd[1]);
        UNROLL for (int i = 1; i < LIMBS - 1; i++) r.limb[i] = addc_cc(even[i], odd[i + 1]);
        r.limb[LIMBS - 1] = addc(even[LIMBS - 1], 0);
        return r;
    }

    // acc[0..8] += (a[start], a[start + 2], ..) * word. With start = 0 the carry opens acc[8]; with start = 1 the
    // words end above everything summed so far, and there is none.
    template <int N>
    static METHOD void wide_row(u32* acc, const u32* a, int start, u32 word, bool first) {
        if (first) {
            UNROLL for (int j = 0; j < N; j += 2) set_product(acc + j, a[j + start], word);
            return;
        }
        acc[0] = mad_lo_cc(a[start], word, acc[0]);
        acc[1] = madc_hi_cc(a[start], word, acc[1]);
        UNROLL for (int j = 2; j < N; j += 2) {
            acc[j] = madc_lo_cc(a[j + start], word, acc[j]);
            acc[j + 1] = madc_hi_cc(a[j + start], word, acc[j + 1]);
        }
        if (start == 0) acc[N] = addc(acc[N], 0);
    }

    // acc[i + from ..] += a[i] * (a[from], a[from + 2], ..), the carry going to the word above.
    static METHOD void square_row(u32* acc, const u32* a, int i, int from) {
        int word = i + from;
        acc[word] = mad_lo_cc(a[i], a[from], acc[word]);
        acc[word + 1] = madc_hi_cc(a[i], a[from], acc[word + 1]);
        UNROLL for (int j = from + 2; j < LIMBS; j += 2) {
            acc[i + j] = madc_lo_cc(a[i], a[j], acc[i + j]);
            acc[i + j + 1] = madc_hi_cc(a[i], a[j], acc[i + j + 1]);
        }
        int above = i + from + 2 * ((LIMBS - from + 1) / 2);
        if (above < 2 * LIMBS) acc[above] = addc(acc[above], 0);
    }

    // wide = even + odd, both indexed by word; odd[0] = odd[15] = 0.
    static METHOD void merge_wide(const u32* even, const u32* odd, u32 (&wide)[2 * LIMBS]) {
        wide[0] = even[0];
        wide[1] = add_cc(even[1], odd[1]);
        UNROLL for (int i = 2; i < 2 * LIMBS - 1; i++) wide[i] = addc_cc(even[i], odd[i]);
        wide[2 * LIMBS - 1] = addc(even[2 * LIMBS - 1], odd[2 * LIMBS - 1]);
    }
};
