// One field operation a kernel, with nothing around it but loads and a store: make gpu-check counts their instructions.
#include "field/bn254.hpp"
#include "field/fq2.hpp"
#include "portable.hpp"

KERNEL(fq_product, (const Fq* a, const Fq* b, Fq* r)) {
    Fq x = *a, y = *b;
    *r = x * y;
}

KERNEL(fq_square, (const Fq* a, Fq* r)) {
    Fq x = *a;
    *r = x.squared();
}

KERNEL(fr_product, (const Fr* a, const Fr* b, Fr* r)) {
    Fr x = *a, y = *b;
    *r = x * y;
}
