// Fq2 = Fq[u]/(u^2 + 1), the field of BN254's G2 coordinates. Lazy like Fp: both parts in [0, 2p).
//
// Multiplication is Karatsuba on unreduced products, three of them and two reductions: 320 word products where two
// products with one reduction each would take 384. It is not inlined: a G2 addition holds about fourteen, and compile
// time and instruction cache pay for every copy.
#pragma once

#include "field/bn254.hpp"

struct alignas(16) Fq2 {
    Fq c0, c1;

    static METHOD Fq2 zero() { return {Fq::zero(), Fq::zero()}; }
    static METHOD Fq2 one() { return {Fq::one(), Fq::zero()}; }

    METHOD bool is_zero() const { return c0.is_zero() && c1.is_zero(); }
    METHOD bool is_exact_zero() const { return c0.is_exact_zero() && c1.is_exact_zero(); }
    METHOD Fq2 canonical() const { return {c0.canonical(), c1.canonical()}; }
    METHOD bool operator==(const Fq2& b) const { return c0 == b.c0 && c1 == b.c1; }
    METHOD bool operator!=(const Fq2& b) const { return !(*this == b); }

    METHOD Fq2 operator+(const Fq2& b) const { return {c0 + b.c0, c1 + b.c1}; }
    METHOD Fq2 operator-(const Fq2& b) const { return {c0 - b.c0, c1 - b.c1}; }
    METHOD Fq2 negated() const { return {c0.negated(), c1.negated()}; }
    METHOD Fq2 negated_if(bool negate) const { return {c0.negated_if(negate), c1.negated_if(negate)}; }
    METHOD Fq2 doubled() const { return {c0.doubled(), c1.doubled()}; }

    METHOD Fq2 operator*(const Fq2& b) const;
    METHOD Fq2 squared() const;
    METHOD Fq2 inverse() const;

    static METHOD Fq2 product_difference(Fq2 a, Fq2 b, Fq2 c, Fq2 d);
};

// r = a - b over all sixteen words, modulo 2^512; all ones if b > a, else zero.
HD u32 subtract_wide(const u32 (&a)[16], const u32 (&b)[16], u32 (&r)[16]) {
    r[0] = sub_cc(a[0], b[0]);
    UNROLL for (int i = 1; i < 16; i++) r[i] = subc_cc(a[i], b[i]);
    return subc(0, 0);
}

// wide += pR under the mask.
HD void add_modulus_high(u32 (&wide)[16], u32 mask) {
    wide[8] = add_cc(wide[8], FqParameters::modulus(0) & mask);
    UNROLL for (int i = 1; i < 7; i++) wide[8 + i] = addc_cc(wide[8 + i], FqParameters::modulus(i) & mask);
    wide[15] = addc(wide[15], FqParameters::modulus(7) & mask);
}

// wide below 2pR becomes wide or wide - pR, below pR, so that its reduction is below 2p.
HD void below_modulus_high(u32 (&wide)[16]) {
    u32 high[8];
    high[0] = sub_cc(wide[8], FqParameters::modulus(0));
    UNROLL for (int i = 1; i < 8; i++) high[i] = subc_cc(wide[8 + i], FqParameters::modulus(i));
    u32 borrow = subc(0, 0);
    UNROLL for (int i = 0; i < 8; i++) wide[8 + i] = borrow ? wide[8 + i] : high[i];
}

// a + b < 4p < R, not brought below 2p.
HD Fq sum_below_4p(const Fq& a, const Fq& b) {
    Fq sum;
    sum.limb[0] = add_cc(a.limb[0], b.limb[0]);
    UNROLL for (int i = 1; i < 7; i++) sum.limb[i] = addc_cc(a.limb[i], b.limb[i]);
    sum.limb[7] = addc(a.limb[7], b.limb[7]);
    return sum;
}

// c0 = a0 b0 - a1 b1, in (-4p^2, 4p^2) before pR > 4p^2 corrects its sign;
// c1 = (a0 + a1)(b0 + b1) - a0 b0 - a1 b1 < 8p^2 < 2pR.
DEVICE_NOINLINE Fq2 fq2_product(Fq2 a, Fq2 b) {
    u32 low[16], high[16], cross[16];
    Fq::multiply_wide(a.c0.limb, b.c0.limb, low);
    Fq::multiply_wide(a.c1.limb, b.c1.limb, high);
    Fq::multiply_wide(sum_below_4p(a.c0, a.c1).limb, sum_below_4p(b.c0, b.c1).limb, cross);
    subtract_wide(cross, low, cross);
    subtract_wide(cross, high, cross);
    below_modulus_high(cross);
    add_modulus_high(low, subtract_wide(low, high, low));
    return {Fq::reduced(low), Fq::reduced(cross)};
}

// (a0 + a1)(a0 - a1) + 2 a0 a1 u.
DEVICE_NOINLINE Fq2 fq2_square(Fq2 a) { return {(a.c0 + a.c1) * (a.c0 - a.c1), a.c0.doubled() * a.c1}; }

METHOD Fq2 Fq2::operator*(const Fq2& b) const { return fq2_product(*this, b); }
METHOD Fq2 Fq2::squared() const { return fq2_square(*this); }

// Conjugate over norm.
METHOD Fq2 Fq2::inverse() const {
    Fq inverse_norm = (c0.squared() + c1.squared()).inverse();
    return {c0 * inverse_norm, (c1 * inverse_norm).negated()};
}

METHOD Fq2 Fq2::product_difference(Fq2 a, Fq2 b, Fq2 c, Fq2 d) { return a * b - c * d; }
