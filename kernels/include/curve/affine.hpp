// A point of y^2 = x^3 + b over F (Fq: G1, Fq2: G2) by its coordinates. All zero bytes are infinity, which the lists
// of an MSM never hold.
#pragma once

#include "field/fq2.hpp"

template <class F>
struct alignas(16) Affine {
    F x, y;

    METHOD Affine negated_if(bool negate) const { return {x, y.negated_if(negate)}; }
};

using G1Affine = Affine<Fq>;
using G2Affine = Affine<Fq2>;
