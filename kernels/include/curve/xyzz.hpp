// Points as (X, Y, ZZ, ZZZ) with x = X/ZZ, y = Y/ZZZ, ZZ^3 = ZZZ^2. Formulas: Explicit-Formulas Database, short
// Weierstrass curves, "XYZZ coordinates": add-2008-s (12M + 2S), madd-2008-s (8M + 2S), dbl-2008-s-1 (a = 0: 6M +
// 3S), mdbl-2008-s-1.
//
// Coordinates are lazy. Infinity has ZZ = ZZZ = 0 in exactly the representation of zero(); no formula gives p for
// them, since only the slow paths meet a factor that is zero. Neither curve has a point of order two.
#pragma once

#include "curve/affine.hpp"

// How an addition takes its second operand. Over Fq in registers: a load between the steps of a carry chain would
// keep the compiler from pairing the halves of a product. Over Fq2, where products are calls, in memory: each
// coordinate is loaded when its turn comes, which is what keeps G2 additions from spilling.
template <class F, class T> struct Operand;
template <class T> struct Operand<Fq, T> { using Type = T; };
template <class T> struct Operand<Fq2, T> { using Type = const T&; };

template <class F> struct Xyzz;
DEVICE void double_equal(Xyzz<Fq>* p);
DEVICE_NOINLINE void double_equal(Xyzz<Fq2>* p);

template <class F>
struct alignas(16) Xyzz {
    F x, y, zz, zzz;

    static METHOD Xyzz infinity() { return {F::zero(), F::zero(), F::zero(), F::zero()}; }
    static METHOD Xyzz from_affine(const Affine<F>& p) { return {p.x, p.y, F::one(), F::one()}; }

    METHOD bool is_infinity() const { return zz.is_exact_zero(); }
    METHOD Xyzz canonical() const { return {x.canonical(), y.canonical(), zz.canonical(), zzz.canonical()}; }

    // Infinity gives infinity.
    METHOD Xyzz doubled() const {
        F u = y.doubled();
        F v = u.squared();
        F w = u * v;
        F s = x * v;
        F x_squared = x.squared();
        F m = x_squared.doubled() + x_squared;
        F x3 = m.squared() - s.doubled();
        return {x3, F::product_difference(m, s - x3, w, y), v * zz, w * zzz};
    }

    // Adds an affine point that is not infinity, or its negative.
    METHOD void add(typename Operand<F, Affine<F>>::Type q, bool negate) {
        if (is_infinity()) {
            *this = from_affine(q.negated_if(negate));
            return;
        }
        F p = q.x * zz - x;
        F r = (q.y * zzz).negated_if(negate) - y;
        if (p.is_zero()) {
            equal_x(from_affine(q.negated_if(negate)), r.is_zero());
            return;
        }
        F pp = p.squared();
        F ppp = p * pp;
        F t = x * pp;
        zz = zz * pp;
        zzz = zzz * ppp;
        x = r.squared() - ppp - t.doubled();
        y = F::product_difference(r, t - x, y, ppp);
    }

    METHOD void add(typename Operand<F, Xyzz>::Type q) {
        if (q.is_infinity()) return;
        if (is_infinity()) {
            *this = q;
            return;
        }
        F u1 = x * q.zz;
        F p = q.x * zz - u1;
        F s1 = y * q.zzz;
        F r = q.y * zzz - s1;
        if (p.is_zero()) {
            equal_x(q, r.is_zero());
            return;
        }
        F pp = p.squared();
        F ppp = p * pp;
        F t = u1 * pp;
        zz = zz * q.zz * pp;
        zzz = zzz * q.zzz * ppp;
        x = r.squared() - ppp - t.doubled();
        y = F::product_difference(r, t - x, s1, ppp);
    }

private:
    // The sum with a point of the same x: twice that point, or infinity. The copy keeps the fast path in registers.
    METHOD void equal_x(Xyzz q, bool equal_y) {
        if (equal_y) {
            double_equal(&q);
            *this = q;
        } else {
            *this = infinity();
        }
    }
};

// The doubling inside an addition, which is hardly ever run. Over Fq its place is the addition: a call would keep the
// addition's values out of registers. Over Fq2, where everything is calls, it is one more.
DEVICE void double_equal(Xyzz<Fq>* p) { *p = p->doubled(); }
DEVICE_NOINLINE void double_equal(Xyzz<Fq2>* p) {
    Xyzz<Fq2> q = *p;
    *p = q.doubled();
}

using G1Xyzz = Xyzz<Fq>;
using G2Xyzz = Xyzz<Fq2>;
