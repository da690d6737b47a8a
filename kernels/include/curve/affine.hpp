// A point of y^2 = x^3 + b over F (Fq: G1, Fq2: G2) by its coordinates. All zero bytes are infinity, which the lists of an
// MSM never hold.
#pragma once

#include "field/fq2.hpp"

template <class F>
struct alignas(16) Affine {
    F x, y;

    // Minus the point if the mask is all ones; y canonical or lazy, never zero on these curves.
    METHOD Affine negated_if(bool negate) const { return {x, negate ? y.negated() : y}; }
};

using G1Affine = Affine<Fq>;
using G2Affine = Affine<Fq2>;
