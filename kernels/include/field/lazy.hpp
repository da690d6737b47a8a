// Sums and differences that are left in [0, 4p): for values that a product or a reduction takes next.
//
// A product takes such a value as its left factor when the right one is canonical: 4p * p / R + p < 2p, and the
// running value of the reduction stays below 4p + p < R.
#pragma once

#include "field/fp.hpp"

// a + b for a, b below 2p.
template <class P> HD Fp<P> lazy_sum(const Fp<P>& a, const Fp<P>& b) {
    Fp<P> r;
    r.limb[0] = add_cc(a.limb[0], b.limb[0]);
    UNROLL for (int i = 1; i < Fp<P>::LIMBS - 1; i++) r.limb[i] = addc_cc(a.limb[i], b.limb[i]);
    r.limb[Fp<P>::LIMBS - 1] = addc(a.limb[Fp<P>::LIMBS - 1], b.limb[Fp<P>::LIMBS - 1]);
    return r;
}

// a - b + 2p for a, b below 2p.
template <class P> HD Fp<P> lazy_difference(const Fp<P>& a, const Fp<P>& b) {
    Fp<P> opposite;
    opposite.limb[0] = sub_cc(P::modulus_doubled(0), b.limb[0]);
    UNROLL for (int i = 1; i < Fp<P>::LIMBS - 1; i++) opposite.limb[i] = subc_cc(P::modulus_doubled(i), b.limb[i]);
    opposite.limb[Fp<P>::LIMBS - 1] = subc(P::modulus_doubled(Fp<P>::LIMBS - 1), b.limb[Fp<P>::LIMBS - 1]);
    return lazy_sum(a, opposite);
}
