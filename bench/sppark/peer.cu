// sppark's BN254 sums and transforms behind a C interface, everything that is read already on the card: what
// bench/src/gpu/sppark.rs times. Needs sppark and blst, from their crates.
//
// Points, scalars and values are in Montgomery form, as sppark keeps them; a sum is Jacobian.

#include <ff/alt_bn128-fp2.hpp>
#include <ec/jacobian_t.hpp>
#include <ec/xyzz_t.hpp>

using namespace alt_bn128;

#define SPPARK_DONT_INSTANTIATE_TEMPLATES
#include <msm/pippenger.cuh>
#include <ntt/ntt.cuh>

template<class Base> struct Sum {
    typedef jacobian_t<Base> point_t;
    typedef xyzz_t<Base> bucket_t;
    typedef typename bucket_t::affine_t affine_t;
    typedef msm_t<bucket_t, point_t, affine_t, fr_t> engine_t;

    engine_t engine;
    gpu_ptr_t<fr_t> scalars;
    size_t count;

    static fr_t* upload(const fr_t* values, size_t count) {
        const gpu_t& gpu = select_gpu();
        fr_t* there = (fr_t*)gpu.Dmalloc((count + WARP_SZ) * sizeof(fr_t));
        gpu.HtoD(there, values, count);
        gpu.sync();
        return there;
    }

    Sum(const affine_t* points, const fr_t* values, size_t count)
        : engine(points, count), scalars(upload(values, count)), count(count) {}

    int run(point_t* out) { return engine.invoke(*out, (const affine_t*)nullptr, count, scalars, true).code; }
};

typedef Sum<fp_t> SumG1;
typedef Sum<fp2_t> SumG2;

struct Transform {
    const gpu_t& gpu;
    fr_t* values;
    uint32_t log;

    Transform(const fr_t* from, uint32_t log) : gpu(select_gpu()), values(SumG1::upload(from, (size_t)1 << log)), log(log) {}
    ~Transform() { gpu.Dfree(values); }

    void run() {
        NTT::Base_dev_ptr(
            gpu, values, log, NTT::InputOutputOrder::NR, NTT::Direction::forward, NTT::Type::standard);
        gpu.sync();
    }

    void read(fr_t* to) {
        gpu.DtoH(to, values, (size_t)1 << log);
        gpu.sync();
    }
};

template<class Work> static int guarded(Work work) {
    try {
        return work();
    } catch (const cuda_error& error) {
        return error.code() ? error.code() : -1;
    } catch (...) {
        return -1;
    }
}

template<class T, class... From> static int make(void** made, From... from) {
    return guarded([&] {
        *made = new T(from...);
        return 0;
    });
}

extern "C" {

bool peer_available() { return ngpus() != 0; }

int peer_sum_g1_new(const void* points, const void* scalars, size_t count, void** made) {
    return make<SumG1>(made, (const SumG1::affine_t*)points, (const fr_t*)scalars, count);
}
int peer_sum_g1_run(void* sum, void* out) {
    return guarded([&] { return ((SumG1*)sum)->run((SumG1::point_t*)out); });
}
void peer_sum_g1_free(void* sum) { delete (SumG1*)sum; }

int peer_sum_g2_new(const void* points, const void* scalars, size_t count, void** made) {
    return make<SumG2>(made, (const SumG2::affine_t*)points, (const fr_t*)scalars, count);
}
int peer_sum_g2_run(void* sum, void* out) {
    return guarded([&] { return ((SumG2*)sum)->run((SumG2::point_t*)out); });
}
void peer_sum_g2_free(void* sum) { delete (SumG2*)sum; }

int peer_transform_new(const void* values, uint32_t log, void** made) {
    return make<Transform>(made, (const fr_t*)values, log);
}
int peer_transform_run(void* transform) {
    return guarded([&] {
        ((Transform*)transform)->run();
        return 0;
    });
}
int peer_transform_read(void* transform, void* to) {
    return guarded([&] {
        ((Transform*)transform)->read((fr_t*)to);
        return 0;
    });
}
void peer_transform_free(void* transform) { delete (Transform*)transform; }

}
