// Entry points of what is done with constraint systems and witnesses; see r1cs/rows.hpp.
#include "r1cs/rows.hpp"
#include "r1cs/scalars.hpp"

// A matrix times each of several witnesses; `blocks` blocks of eight slices each for a witness.
KERNEL_BOUNDS(256, 3, r1cs_multiply,
              (const r1cs::Entry* entries, const u32* starts, const u32* rows, const Fr* table, u32 first_slice,
               u32 long_slices, u32 slices, u32 blocks, const Fr* witnesses, u64 columns, Fr* results, u64 stride)) {
    const u32 witness = block_index() / blocks, block = block_index() % blocks;
    const u32 slice = first_slice + block * (block_threads() / warp_threads) + warp_index();
    if (slice >= slices) return;
    const r1cs::Matrix matrix = {entries, starts, rows, table};
    r1cs::multiply_slice(matrix, slice, long_slices, witnesses + witness * columns, results + witness * stride);
}

// The giant rows of a matrix, the first of its slices, a block for each.
KERNEL_BOUNDS(256, 3, r1cs_multiply_giant,
              (const r1cs::Entry* entries, const u32* starts, const u32* rows, const Fr* table, u32 giant_slices,
               const Fr* witnesses, u64 columns, Fr* results, u64 stride)) {
    const u32 witness = block_index() / giant_slices, slice = block_index() % giant_slices;
    const r1cs::Matrix matrix = {entries, starts, rows, table};
    r1cs::multiply_giant(matrix, slice, witnesses + witness * columns, results + witness * stride,
                         shared_memory<Fr>());
}

// c = a b, value by value.
KERNEL_BOUNDS(256, 1, r1cs_product, (const Fr* a, const Fr* b, Fr* c, u64 count)) {
    const u64 i = global_index();
    if (i < count) c[i] = (a[i] * b[i]).canonical();
}

// a = a b - c, value by value.
KERNEL_BOUNDS(256, 1, r1cs_product_difference, (Fr * a, const Fr* b, const Fr* c, u64 count)) {
    const u64 i = global_index();
    if (i < count) a[i] = (a[i] * b[i] - c[i]).canonical();
}

KERNEL_BOUNDS(256, 1, r1cs_to_montgomery, (Fr * values, u64 count)) {
    const u64 i = global_index();
    if (i < count) values[i] = values[i].to_montgomery().canonical();
}

KERNEL_BOUNDS(256, 1, r1cs_from_montgomery, (Fr * values, u64 count)) {
    const u64 i = global_index();
    if (i < count) values[i] = values[i].from_montgomery();
}

KERNEL_BOUNDS(256, 1, r1cs_count_classes, (const Fr* scalars, u64 count, u64* counts)) {
    r1cs::count_classes(scalars, count, counts);
}
