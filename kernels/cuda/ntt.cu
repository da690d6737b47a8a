// Entry points of the number-theoretic transforms; see ntt/pass.hpp.
#include "ntt/pass.hpp"
#include "ntt/roots.hpp"

namespace {

template <bool STRIDED>
DEVICE ntt::Pass<STRIDED> make_pass(Fr* data, u64 total, const Fr* roots, const Fr* steps, const Fr* scale, u32 log_n,
                                    u32 low, u32 rows_log, u32 columns_log, u32 tile_log, u32 roots_log, u32 steps_log,
                                    u32 scale_log, u32 options) {
    ntt::Tile tile = {shared_memory<ntt::Half>(), tile_log};
    ntt::Tables tables = {roots, roots_log, steps, steps_log, false};
    return {data, total, log_n, low, rows_log, columns_log, options, scale, scale_log, tile, tables};
}

} // namespace

#define PASS_PARAMETERS                                                                                                \
    (Fr * data, u64 total, const Fr* roots, const Fr* steps, const Fr* scale, u32 log_n, u32 low, u32 rows_log,        \
     u32 columns_log, u32 tile_log, u32 roots_log, u32 steps_log, u32 scale_log, u32 options)
#define MAKE_PASS(STRIDED)                                                                                             \
    make_pass<STRIDED>(data, total, roots, steps, scale, log_n, low, rows_log, columns_log, tile_log, roots_log,       \
                       steps_log, scale_log, options)

// Rows that lie 2^low apart, natural to reversed order.
KERNEL_BOUNDS(256, 2, ntt_frequency, PASS_PARAMETERS) {
    ntt::Pass<true> pass = MAKE_PASS(true);
    ntt::load_tile(pass);
    if (pass.has(ntt::SCALE_BEFORE)) ntt::scale_tile(pass);
    ntt::decimate_in_frequency(pass);
    ntt::store_tile(pass);
}

// Rows that lie 2^low apart, reversed to natural order.
KERNEL_BOUNDS(256, 2, ntt_time, PASS_PARAMETERS) {
    ntt::Pass<true> pass = MAKE_PASS(true);
    ntt::load_tile(pass);
    ntt::decimate_in_time(pass);
    if (pass.has(ntt::SCALE_AFTER)) ntt::scale_tile(pass);
    ntt::store_tile(pass);
}

// Rows of neighbouring values: either order, or the end of one transform and the beginning of another.
KERNEL_BOUNDS(256, 2, ntt_rows, PASS_PARAMETERS) {
    ntt::Pass<false> pass = MAKE_PASS(false);
    ntt::load_tile(pass);
    if (pass.has(ntt::SCALE_BEFORE)) ntt::scale_tile(pass);
    if (pass.has(ntt::FREQUENCY)) ntt::decimate_in_frequency(pass);
    if (pass.has(ntt::SCALE_BETWEEN)) ntt::scale_tile(pass);
    if (pass.has(ntt::TIME)) ntt::decimate_in_time(pass);
    if (pass.has(ntt::SCALE_AFTER)) ntt::scale_tile(pass);
    ntt::store_tile(pass);
}

// The first `count` powers of the root of unity of order 2^order_log.
KERNEL_BOUNDS(128, 1, ntt_roots, (Fr * table, u32 count, u32 order_log)) { ntt::fill_roots(table, count, order_log); }

// The factors that take coefficients to and from a coset, and the division by the size.
KERNEL_BOUNDS(128, 1, ntt_scale, (Fr * table, const Fr* shift, u32 log_n, u32 inverse, u32 divide_log)) {
    ntt::fill_scale(table, shift, log_n, inverse, divide_log);
}

// The first `count` powers of one half.
KERNEL_BOUNDS(128, 1, ntt_half_powers, (Fr * table, u32 count)) {
    u32 exponent = (u32)global_index();
    if (exponent < count) table[exponent] = ntt::power(ntt::half(), exponent).canonical();
}
