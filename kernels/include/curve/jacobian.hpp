// Points as (X, Y, Z) with x = X/Z^2, y = Y/Z^3; infinity has Z = 0. What leaves the device: canonical coordinates.
#pragma once

#include "curve/xyzz.hpp"

template <class F>
struct alignas(16) Jacobian {
    F x, y, z;

    // Z = ZZZ = z^3, so X = x z^6 = XX ZZ^2 and Y = y z^9 = YY ZZZ^2 for XX, YY of the argument: no inversion.
    static METHOD Jacobian from_xyzz(Xyzz<F> p) {
        return {(p.x * p.zz.squared()).canonical(), (p.y * p.zzz.squared()).canonical(), p.zzz.canonical()};
    }
};

using G1Jacobian = Jacobian<Fq>;
using G2Jacobian = Jacobian<Fq2>;
