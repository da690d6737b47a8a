// Tables of multiples 2^e P of the points of an MSM: doublings in XYZZ coordinates, then affine coordinates by one
// inversion for several points (Montgomery's trick).
#pragma once

#include "curve/xyzz.hpp"
#include "tuning.hpp"

template <class F>
DEVICE Xyzz<F> doubled_times(Affine<F> p, u32 doublings) {
    Xyzz<F> r = Xyzz<F>::from_affine(p);
    NO_UNROLL for (u32 i = 0; i < doublings; i++) r = r.doubled();
    return r;
}

// affine[i] = points[i] for i = thread, thread + threads, ... None may be infinity.
template <class F>
DEVICE void to_affine(const Xyzz<F>* points, u32 n, u32 thread, u32 threads, Affine<F>* affine) {
    if (thread >= n) return;
    F product = F::one();
    u32 last = thread;
    NO_UNROLL for (u32 i = thread; i < n; i += threads) {
        affine[i].x = product;
        F zzz = points[i].zzz;
        product = product * zzz;
        last = i;
    }
    F inverse = product.inverse();
    NO_UNROLL for (u32 i = last;; i -= threads) {
        F before = affine[i].x, zz = points[i].zz, zzz = points[i].zzz;
        F inverse_zzz = inverse * before;
        inverse = inverse * zzz;
        F inverse_z = zz * inverse_zzz;
        F inverse_zz = inverse_z.squared();
        F x = points[i].x, y = points[i].y;
        affine[i] = {(x * inverse_zz).canonical(), (y * inverse_zzz).canonical()};
        if (i == thread) break;
    }
}
