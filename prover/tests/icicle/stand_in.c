/* A stand-in for the three libraries of ICICLE, for machines that have none. It checks every argument that it is given
 * against ICICLE's public headers, the offsets by this compiler's own layout of the same structures, and computes the
 * slow and obvious way. One source, compiled once for each library (-DDEVICE, -DFIELD, -DCURVE).
 *
 *   -DNAME=x         a suffix for what the three share, so that several can be in one process
 *   -DBEFORE_3_1     the structures of v3.0
 *   -DOTHER_LAYOUT   a structure that is not ICICLE's, read without a check
 *   -DWITHOUT_G2     no function bn254_g2_msm
 *   -DFAIL=f -DFAIL_AFTER=n -DFAIL_CODE=c   function f gives error c from its n-th call on
 *   -DMEMORY_BYTES=n the device's memory
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define on_device JOIN(on_device_, NAME)
#define is_device_set JOIN(is_device_set_, NAME)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

#ifndef MEMORY_BYTES
#define MEMORY_BYTES (1 << 28)
#endif

enum { SUCCESS = 0, INVALID_DEVICE = 1, OUT_OF_MEMORY = 2, INVALID_POINTER = 3, NOT_IMPLEMENTED = 10, INVALID_ARGUMENT = 11 };

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "stand-in for ICICLE: %s: not %s\n", __func__, #condition);                                \
            return INVALID_ARGUMENT;                                                                                   \
        }                                                                                                              \
    } while (0)

#ifdef FAIL
#define MAY_FAIL                                                                                                       \
    do {                                                                                                               \
        static int calls = 0;                                                                                          \
        if (strcmp(__func__, TEXT(FAIL)) == 0 && ++calls >= FAIL_AFTER) return FAIL_CODE;                              \
    } while (0)
#else
#define MAY_FAIL (void)0
#endif

/* Where the device's memory is, and whether this thread has chosen the device: the other libraries ask the first. */
bool on_device(const void *start, size_t bytes);
bool is_device_set(void);

#ifdef DEVICE

struct device {
    char type[64];
    int id;
};

struct allocation {
    char *start;
    size_t bytes;
};

static struct allocation allocations[64];
static size_t used_bytes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool chosen;

bool is_device_set(void) { return chosen; }

bool on_device(const void *start, size_t bytes) {
    bool found = false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 64; i++) {
        struct allocation *a = &allocations[i];
        const char *at = start;
        found |= a->start && at >= a->start && at + bytes <= a->start + a->bytes;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

int icicle_load_backend_from_env_or_default(void) { return 12; }

int icicle_load_backend(const char *path, bool is_recursive) {
    REQUIRE(path && path[0] == '/' && is_recursive);
    return SUCCESS;
}

int icicle_get_registered_devices(char *output, size_t output_size) {
    REQUIRE(output_size >= 4);
    strcpy(output, "CPU");
    return SUCCESS;
}

int icicle_is_device_available(const struct device *device) {
    return strcmp(device->type, "CPU") == 0 ? SUCCESS : INVALID_DEVICE;
}

int icicle_set_device(const struct device *device) {
    MAY_FAIL;
    REQUIRE(strcmp(device->type, "CPU") == 0);
    if (device->id != 0) return INVALID_DEVICE;
    chosen = true;
    return SUCCESS;
}

int icicle_get_available_memory(size_t *total, size_t *free) {
    REQUIRE(chosen);
    *total = MEMORY_BYTES;
    *free = MEMORY_BYTES - used_bytes;
    return SUCCESS;
}

int icicle_malloc(void **start, size_t bytes) {
    MAY_FAIL;
    REQUIRE(chosen && bytes > 0);
    pthread_mutex_lock(&lock);
    int code = OUT_OF_MEMORY;
    for (int i = 0; i < 64 && code && used_bytes + bytes <= MEMORY_BYTES; i++) {
        if (allocations[i].start) continue;
        *start = memset(malloc(bytes), 0xA5, bytes);
        allocations[i] = (struct allocation){*start, bytes};
        used_bytes += bytes;
        code = SUCCESS;
    }
    pthread_mutex_unlock(&lock);
    return code;
}

int icicle_free(void *start) {
    REQUIRE(chosen);
    pthread_mutex_lock(&lock);
    int code = INVALID_POINTER;
    for (int i = 0; i < 64; i++) {
        if (!start || allocations[i].start != start) continue;
        used_bytes -= allocations[i].bytes;
        allocations[i].start = NULL;
        free(start);
        code = SUCCESS;
    }
    pthread_mutex_unlock(&lock);
    return code;
}

int icicle_copy_to_device(void *to, const void *from, size_t bytes) {
    MAY_FAIL;
    REQUIRE(chosen && on_device(to, bytes) && !on_device(from, 1));
    memcpy(to, from, bytes);
    return SUCCESS;
}

int icicle_copy_to_host(void *to, const void *from, size_t bytes) {
    MAY_FAIL;
    REQUIRE(chosen && on_device(from, bytes) && !on_device(to, 1));
    memcpy(to, from, bytes);
    return SUCCESS;
}

#else

/* A prime field: elements are in Montgomery form inside of this file, in standard form outside of it. */
typedef struct {
    uint64_t limb[4];
} element;

struct field {
    element modulus, r_squared;
    uint64_t negative_inverse;
};

static const struct field Q = {
    {{0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029}},
    {{0xf32cfc5b538afa89, 0xb5e71911d44501fb, 0x47ab1eff0a417ff6, 0x06d89f71cab8351f}},
    0x87d20782e4866389,
};
static const struct field R = {
    {{0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029}},
    {{0x1bb8e645ae216da7, 0x53fe3ab1e35c59e3, 0x8c49833d53bb8085, 0x0216d0b17f4e44a5}},
    0xc2e1f593efffffff,
};
static const element ZERO = {{0, 0, 0, 0}};
static const element UNIT = {{1, 0, 0, 0}};

typedef unsigned __int128 u128;

static bool equal(element a, element b) { return memcmp(&a, &b, sizeof a) == 0; }

/* a - b, and whether that is negative. */
static bool less(element a, element b, element *difference) {
    u128 borrow = 0;
    for (int i = 0; i < 4; i++) {
        u128 d = (u128)a.limb[i] - b.limb[i] - borrow;
        difference->limb[i] = (uint64_t)d;
        borrow = (d >> 64) & 1;
    }
    return borrow;
}

static element reduce(const struct field *f, element a) {
    element difference;
    return less(a, f->modulus, &difference) ? a : difference;
}

static element add(const struct field *f, element a, element b) {
    u128 carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (u128)a.limb[i] + b.limb[i];
        a.limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return reduce(f, a);
}

static element subtract(const struct field *f, element a, element b) {
    element difference;
    if (!less(a, b, &difference)) return difference;
    less(f->modulus, b, &difference);
    return add(f, a, difference);
}

static element multiply(const struct field *f, element a, element b) {
    uint64_t t[6] = {0};
    for (int i = 0; i < 4; i++) {
        u128 carry = 0;
        for (int j = 0; j < 4; j++) {
            carry += (u128)a.limb[j] * b.limb[i] + t[j];
            t[j] = (uint64_t)carry;
            carry >>= 64;
        }
        carry += t[4];
        t[4] = (uint64_t)carry;
        t[5] = (uint64_t)(carry >> 64);
        uint64_t m = t[0] * f->negative_inverse;
        carry = ((u128)m * f->modulus.limb[0] + t[0]) >> 64;
        for (int j = 1; j < 4; j++) {
            carry += (u128)m * f->modulus.limb[j] + t[j];
            t[j - 1] = (uint64_t)carry;
            carry >>= 64;
        }
        carry += t[4];
        t[3] = (uint64_t)carry;
        t[4] = t[5] + (uint64_t)(carry >> 64);
    }
    return reduce(f, (element){{t[0], t[1], t[2], t[3]}});
}

static element enter(const struct field *f, element a) { return multiply(f, a, f->r_squared); }
static element leave(const struct field *f, element a) { return multiply(f, a, UNIT); }

static element power(const struct field *f, element a, element exponent) {
    element result = enter(f, UNIT);
    for (int bit = 255; bit >= 0; bit--) {
        result = multiply(f, result, result);
        if (exponent.limb[bit / 64] >> (bit % 64) & 1) result = multiply(f, result, a);
    }
    return result;
}

static element invert(const struct field *f, element a) {
    element exponent;
    less(f->modulus, (element){{2, 0, 0, 0}}, &exponent);
    return power(f, a, exponent);
}

static bool reduced(const struct field *f, const element *values, size_t count) {
    element difference;
    for (size_t i = 0; i < count; i++) {
        if (!less(values[i], f->modulus, &difference)) return false;
    }
    return true;
}

#endif

#ifdef FIELD

struct ntt_config {
    void *stream;
    element coset_gen;
    int batch_size;
    bool columns_batch;
    int ordering;
    bool are_inputs_on_device;
    bool are_outputs_on_device;
    bool is_async;
    void *ext;
};

struct ntt_init_domain_config {
    void *stream;
    bool is_async;
    void *ext;
};

struct vec_ops_config {
    void *stream;
    bool is_a_on_device;
    bool is_b_on_device;
    bool is_result_on_device;
    bool is_async;
#ifndef BEFORE_3_1
    int batch_size;
    bool columns_batch;
#endif
    void *ext;
};

/* Root of the domain in Montgomery form, and how many it generates. */
static element domain_root;
static int domain_size;

int bn254_ntt_init_domain(const element *root, const struct ntt_init_domain_config *config) {
    MAY_FAIL;
    REQUIRE(is_device_set() && !config->stream && !config->is_async && !config->ext);
    REQUIRE(domain_size == 0 && reduced(&R, root, 1));
    domain_root = enter(&R, *root);
    element one = enter(&R, UNIT), value = domain_root;
    int size = 1;
    for (; !equal(value, one) && size < 1 << 28; size *= 2) value = multiply(&R, value, value);
    REQUIRE(equal(value, one));
    domain_size = size;
    return SUCCESS;
}

int bn254_ntt_release_domain(void) {
    REQUIRE(is_device_set());
    domain_size = 0;
    return SUCCESS;
}

static void transform(element *values, int size, element root) {
    if (size == 1) return;
    element *halves = malloc(size * sizeof *halves), *even = halves, *odd = halves + size / 2;
    for (int i = 0; i < size; i++) (i % 2 ? odd : even)[i / 2] = values[i];
    transform(even, size / 2, multiply(&R, root, root));
    transform(odd, size / 2, multiply(&R, root, root));
    element twiddle = enter(&R, UNIT);
    for (int i = 0; i < size / 2; i++) {
        element term = multiply(&R, twiddle, odd[i]);
        values[i] = add(&R, even[i], term);
        values[i + size / 2] = subtract(&R, even[i], term);
        twiddle = multiply(&R, twiddle, root);
    }
    free(halves);
}

int bn254_ntt(const element *input, int size, int direction, const struct ntt_config *config, element *output) {
    MAY_FAIL;
    REQUIRE(is_device_set() && !config->stream && !config->is_async && !config->ext);
    REQUIRE(config->are_inputs_on_device && config->are_outputs_on_device && !config->columns_batch);
    REQUIRE(config->ordering == 0 && config->batch_size > 0 && (direction == 0 || direction == 1));
    REQUIRE(size > 0 && (size & (size - 1)) == 0 && size <= domain_size);
    size_t count = (size_t)size * config->batch_size;
    REQUIRE(on_device(input, count * sizeof *input) && on_device(output, count * sizeof *output));
    REQUIRE(reduced(&R, input, count) && reduced(&R, &config->coset_gen, 1));
    REQUIRE(direction == 0 || equal(config->coset_gen, UNIT));
    element root = power(&R, domain_root, (element){{domain_size / size, 0, 0, 0}});
    element coset = enter(&R, config->coset_gen), scale = enter(&R, UNIT);
    if (direction == 1) {
        root = invert(&R, root);
        scale = invert(&R, enter(&R, (element){{size, 0, 0, 0}}));
    }
    for (size_t i = 0; i < count; i++) {
        if (i % size == 0 && direction == 0) scale = enter(&R, UNIT);
        output[i] = multiply(&R, enter(&R, input[i]), scale);
        scale = multiply(&R, scale, coset);
    }
    for (int i = 0; i < config->batch_size; i++) transform(output + (size_t)i * size, size, root);
    for (size_t i = 0; i < count; i++) output[i] = leave(&R, output[i]);
    return SUCCESS;
}

static int check(const element *a, const element *b, uint64_t n, const struct vec_ops_config *config, element *to) {
    REQUIRE(is_device_set() && !config->stream && !config->is_async && !config->ext);
    REQUIRE(config->is_a_on_device && config->is_b_on_device && config->is_result_on_device);
#ifndef BEFORE_3_1
    REQUIRE(config->batch_size == 1 && !config->columns_batch);
#endif
    size_t bytes = n * sizeof *a;
    REQUIRE(on_device(a, bytes) && on_device(b, bytes) && on_device(to, bytes));
    REQUIRE(reduced(&R, a, n) && reduced(&R, b, n));
    return SUCCESS;
}

int bn254_vector_mul(
    const element *a, const element *b, uint64_t n, const struct vec_ops_config *config, element *to) {
    MAY_FAIL;
    int code = check(a, b, n, config, to);
    for (uint64_t i = 0; !code && i < n; i++) to[i] = multiply(&R, enter(&R, a[i]), b[i]);
    return code;
}

int bn254_vector_sub(
    const element *a, const element *b, uint64_t n, const struct vec_ops_config *config, element *to) {
    MAY_FAIL;
    int code = check(a, b, n, config, to);
    for (uint64_t i = 0; !code && i < n; i++) to[i] = subtract(&R, a[i], b[i]);
    return code;
}

#endif

#ifdef CURVE

struct msm_config {
    void *stream;
    int precompute_factor;
    int c;
#ifdef OTHER_LAYOUT
    int batch_size;
    int bitsize;
#else
    int bitsize;
    int batch_size;
#endif
    bool are_points_shared_in_batch;
    bool are_scalars_on_device;
    bool are_scalars_montgomery_form;
    bool are_points_on_device;
    bool are_points_montgomery_form;
    bool are_results_on_device;
    bool is_async;
    void *ext;
};

/* Both groups over the quadratic extension: a point of G1 has imaginary parts of zero. */
typedef struct {
    element re, im;
} pair;

typedef struct {
    pair x, y, z;
} point;

static pair plus(pair a, pair b) { return (pair){add(&Q, a.re, b.re), add(&Q, a.im, b.im)}; }
static pair minus(pair a, pair b) { return (pair){subtract(&Q, a.re, b.re), subtract(&Q, a.im, b.im)}; }
static pair twice(pair a) { return plus(a, a); }
static bool is_zero(pair a) { return equal(a.re, ZERO) && equal(a.im, ZERO); }

static pair times(pair a, pair b) {
    element re = subtract(&Q, multiply(&Q, a.re, b.re), multiply(&Q, a.im, b.im));
    element im = add(&Q, multiply(&Q, a.re, b.im), multiply(&Q, a.im, b.re));
    return (pair){re, im};
}

static pair inverse(pair a) {
    element norm = invert(&Q, add(&Q, multiply(&Q, a.re, a.re), multiply(&Q, a.im, a.im)));
    return (pair){multiply(&Q, a.re, norm), multiply(&Q, subtract(&Q, ZERO, a.im), norm)};
}

/* Jacobian coordinates, the schoolbook formulas. */
static point doubled(point p) {
    if (is_zero(p.z) || is_zero(p.y)) return (point){.z = {ZERO, ZERO}};
    pair yy = times(p.y, p.y), s = twice(twice(times(p.x, yy))), xx = times(p.x, p.x);
    pair m = plus(twice(xx), xx), x = minus(times(m, m), twice(s));
    pair y = minus(times(m, minus(s, x)), twice(twice(twice(times(yy, yy)))));
    return (point){x, y, twice(times(p.y, p.z))};
}

static point sum(point p, point q) {
    if (is_zero(p.z)) return q;
    if (is_zero(q.z)) return p;
    pair pz = times(p.z, p.z), qz = times(q.z, q.z);
    pair u = times(p.x, qz), s = times(p.y, times(qz, q.z));
    pair h = minus(times(q.x, pz), u), r = minus(times(q.y, times(pz, p.z)), s);
    if (is_zero(h)) return is_zero(r) ? doubled(p) : (point){.z = {ZERO, ZERO}};
    pair hh = times(h, h), hhh = times(hh, h), v = times(u, hh);
    pair x = minus(minus(times(r, r), hhh), twice(v));
    return (point){x, minus(times(r, minus(v, x)), times(s, hhh)), times(h, times(p.z, q.z))};
}

static pair read_coordinate(const element *words, int degree) {
    return (pair){enter(&Q, words[0]), degree == 2 ? enter(&Q, words[1]) : ZERO};
}

static void write_coordinate(element *words, int degree, pair value) {
    words[0] = leave(&Q, value.re);
    if (degree == 2) words[1] = leave(&Q, value.im);
}

/* All sums at once, bit by bit from the top. */
static point multi(const element *scalars, const point *points, int count) {
    point total = {.z = {ZERO, ZERO}};
    for (int bit = 255; bit >= 0; bit--) {
        total = doubled(total);
        for (int i = 0; i < count; i++) {
            if (scalars[i].limb[bit / 64] >> (bit % 64) & 1) total = sum(total, points[i]);
        }
    }
    return total;
}

/* Homogeneous coordinates with a denominator that is not one: a caller that forgets to divide shows. */
static void write_point(element *words, int degree, point p) {
    element one = enter(&Q, UNIT);
    pair scale = {enter(&Q, (element){{5, 0, 0, 0}}), ZERO}, x = {ZERO, ZERO}, y = {one, ZERO}, z = x;
    if (!is_zero(p.z)) {
        pair i = inverse(p.z), ii = times(i, i);
        x = times(scale, times(p.x, ii));
        y = times(scale, times(p.y, times(ii, i)));
        z = scale;
    }
    write_coordinate(words, degree, x);
    write_coordinate(words + degree, degree, y);
    write_coordinate(words + 2 * degree, degree, z);
}

static int msm(const element *scalars, const element *bases, int n, const struct msm_config *c, element *to, int degree) {
#ifndef OTHER_LAYOUT
    REQUIRE(is_device_set() && !c->stream && !c->is_async && !c->ext);
    REQUIRE(c->precompute_factor == 1 && c->c == 0 && c->bitsize == 0 && c->batch_size > 0 && n > 0);
    REQUIRE(c->are_points_shared_in_batch && c->are_scalars_on_device && c->are_points_on_device);
    REQUIRE(!c->are_scalars_montgomery_form && !c->are_points_montgomery_form && !c->are_results_on_device);
    size_t count = (size_t)n * c->batch_size;
    REQUIRE(on_device(scalars, count * sizeof *scalars) && reduced(&R, scalars, count));
    REQUIRE(on_device(bases, (size_t)n * 2 * degree * sizeof *bases) && reduced(&Q, bases, (size_t)n * 2 * degree));
    REQUIRE(!on_device(to, 1));
#endif
    point *points = calloc(n, sizeof *points);
    for (int i = 0; i < n; i++) {
        const element *words = bases + (size_t)i * 2 * degree;
        points[i].x = read_coordinate(words, degree);
        points[i].y = read_coordinate(words + degree, degree);
        bool infinite = is_zero(points[i].x) && is_zero(points[i].y);
        points[i].z = (pair){infinite ? ZERO : enter(&Q, UNIT), ZERO};
    }
    for (int i = 0; i < c->batch_size; i++) {
        write_point(to + (size_t)i * 3 * degree, degree, multi(scalars + (size_t)i * n, points, n));
    }
    free(points);
    return SUCCESS;
}

int bn254_msm(const element *scalars, const element *bases, int n, const struct msm_config *config, element *to) {
    MAY_FAIL;
    return msm(scalars, bases, n, config, to, 1);
}

#ifndef WITHOUT_G2
int bn254_g2_msm(const element *scalars, const element *bases, int n, const struct msm_config *config, element *to) {
    MAY_FAIL;
    return msm(scalars, bases, n, config, to, 2);
}
#endif

#endif
