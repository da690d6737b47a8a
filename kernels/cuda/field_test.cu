// Kernels that only the tests of the arithmetic use: one operation for each thread.
#include "curve/jacobian.hpp"

// out[6 i ..]: a + b, a - b, -a, a b, a^2, a b - b b.
template <class F>
DEVICE void field_operations(const F* a, const F* b, u32 n, F* out) {
    u32 i = (u32)global_index();
    if (i >= n) return;
    F x = a[i], y = b[i];
    F* results = out + 6 * (u64)i;
    results[0] = (x + y).canonical();
    results[1] = (x - y).canonical();
    results[2] = x.negated().canonical();
    results[3] = (x * y).canonical();
    results[4] = x.squared().canonical();
    results[5] = F::product_difference(x, y, y, y).canonical();
}

// out[4 i ..]: the plain integer and its Montgomery form again, the inverse, and x doubled eleven times without
// leaving the lazy range.
template <class F>
DEVICE void field_conversions(const F* a, u32 n, F* out) {
    u32 i = (u32)global_index();
    if (i >= n) return;
    F x = a[i];
    F* results = out + 4 * (u64)i;
    results[0] = x.from_montgomery();
    results[1] = x.from_montgomery().to_montgomery().canonical();
    results[2] = x.inverse().canonical();
    F lazy = x;
    for (u32 j = 0; j < 11; j++) lazy = lazy.doubled();
    results[3] = lazy.canonical();
}

KERNEL(fq_operations, (const Fq* a, const Fq* b, u32 n, Fq* out)) { field_operations(a, b, n, out); }
KERNEL(fr_operations, (const Fr* a, const Fr* b, u32 n, Fr* out)) { field_operations(a, b, n, out); }
KERNEL(fq2_operations, (const Fq2* a, const Fq2* b, u32 n, Fq2* out)) { field_operations(a, b, n, out); }
KERNEL(fq_conversions, (const Fq* a, u32 n, Fq* out)) { field_conversions(a, n, out); }
KERNEL(fr_conversions, (const Fr* a, u32 n, Fr* out)) { field_conversions(a, n, out); }

KERNEL(fq2_inverse, (const Fq2* a, u32 n, Fq2* out)) {
    u32 i = (u32)global_index();
    if (i < n) out[i] = a[i].inverse().canonical();
}

// The same with operands in [p, 2p), the other representation of every value; out[5 i + 4] is one if comparisons
// agree.
KERNEL(fq_lazy_products, (const Fq* a, const Fq* b, u32 n, Fq* out)) {
    u32 i = (u32)global_index();
    if (i >= n) return;
    Fq x = a[i], y = b[i];
    Fq modulus;
    for (int j = 0; j < 8; j++) modulus.limb[j] = FqParameters::modulus(j);
    Fq lazy_x = sum_below_4p(x, modulus), lazy_y = sum_below_4p(y, modulus);
    Fq* results = out + 5 * (u64)i;
    results[0] = (lazy_x * lazy_y).canonical();
    results[1] = lazy_x.squared().canonical();
    results[2] = Fq::product_difference(lazy_x, lazy_y, lazy_y, lazy_x + lazy_y).canonical();
    results[3] = (lazy_x - lazy_y).canonical();
    results[4] = (lazy_x == x && lazy_y == y && (lazy_x.is_zero() == x.is_zero())) ? Fq::one() : Fq::zero();
}

// Each pair of affine points, (0, 0) being infinity: out[4 i ..] = p + q by mixed addition, p + q by full addition
// with coordinates scaled by 2 and 3, 2 p, and p - q by mixed addition.
template <class F>
DEVICE Xyzz<F> scaled(const Affine<F>& p, u32 times) {
    if (p.x.is_zero() && p.y.is_zero()) return Xyzz<F>::infinity();
    F z = F::one();
    for (u32 i = 1; i < times; i++) z = z + F::one();
    F zz = z.squared(), zzz = zz * z;
    return {p.x * zz, p.y * zzz, zz, zzz};
}

template <class F>
DEVICE void curve_operations(const Affine<F>* a, const Affine<F>* b, u32 n, Jacobian<F>* out) {
    u32 i = (u32)global_index();
    if (i >= n) return;
    Affine<F> p = a[i], q = b[i];
    bool q_finite = !(q.x.is_zero() && q.y.is_zero());
    Xyzz<F> mixed = scaled(p, 1), full = scaled(p, 2), difference = scaled(p, 5);
    if (q_finite) mixed.add(q, false);
    if (q_finite) difference.add(q, true);
    full.add(scaled(q, 3));
    Jacobian<F>* results = out + 4 * (u64)i;
    results[0] = Jacobian<F>::from_xyzz(mixed);
    results[1] = Jacobian<F>::from_xyzz(full);
    results[2] = Jacobian<F>::from_xyzz(scaled(p, 7).doubled());
    results[3] = Jacobian<F>::from_xyzz(difference);
}

KERNEL_BOUNDS(128, 1, g1_operations, (const G1Affine* a, const G1Affine* b, u32 n, G1Jacobian* out)) {
    curve_operations(a, b, n, out);
}
KERNEL_BOUNDS(128, 1, g2_operations, (const G2Affine* a, const G2Affine* b, u32 n, G2Jacobian* out)) {
    curve_operations(a, b, n, out);
}
