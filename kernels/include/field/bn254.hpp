// The two prime fields of BN254 (alt_bn128): Fq of the coordinates, Fr of the scalars. The moduli are those of
// EIP-197; the other constants follow from them (see fp.hpp for their meaning) and a test recomputes them.
#pragma once

#include "field/fp.hpp"

// p = 21888242871839275222246405745257275088696311157297823662689037894645226208583
struct FqParameters {
    static METHOD constexpr u32 modulus(int i) {
        constexpr u32 limbs[8] = {
            0xd87cfd47u, 0x3c208c16u, 0x6871ca8du, 0x97816a91u,
            0x8181585du, 0xb85045b6u, 0xe131a029u, 0x30644e72u,
        };
        return limbs[i];
    }
    static METHOD constexpr u32 modulus_doubled(int i) {
        constexpr u32 limbs[8] = {
            0xb0f9fa8eu, 0x7841182du, 0xd0e3951au, 0x2f02d522u,
            0x0302b0bbu, 0x70a08b6du, 0xc2634053u, 0x60c89ce5u,
        };
        return limbs[i];
    }
    static METHOD constexpr u32 r_mod_p(int i) {
        constexpr u32 limbs[8] = {
            0xc58f0d9du, 0xd35d438du, 0xf5c70b3du, 0x0a78eb28u,
            0x7879462cu, 0x666ea36fu, 0x9a07df2fu, 0x0e0a77c1u,
        };
        return limbs[i];
    }
    static METHOD constexpr u32 r_squared(int i) {
        constexpr u32 limbs[8] = {
            0x538afa89u, 0xf32cfc5bu, 0xd44501fbu, 0xb5e71911u,
            0x0a417ff6u, 0x47ab1effu, 0xcab8351fu, 0x06d89f71u,
        };
        return limbs[i];
    }
    static constexpr u32 INVERSE = 0xe4866389u;
};

// r = 21888242871839275222246405745257275088548364400416034343698204186575808495617
struct FrParameters {
    static METHOD constexpr u32 modulus(int i) {
        constexpr u32 limbs[8] = {
            0xf0000001u, 0x43e1f593u, 0x79b97091u, 0x2833e848u,
            0x8181585du, 0xb85045b6u, 0xe131a029u, 0x30644e72u,
        };
        return limbs[i];
    }
    static METHOD constexpr u32 modulus_doubled(int i) {
        constexpr u32 limbs[8] = {
            0xe0000002u, 0x87c3eb27u, 0xf372e122u, 0x5067d090u,
            0x0302b0bau, 0x70a08b6du, 0xc2634053u, 0x60c89ce5u,
        };
        return limbs[i];
    }
    static METHOD constexpr u32 r_mod_p(int i) {
        constexpr u32 limbs[8] = {
            0x4ffffffbu, 0xac96341cu, 0x9f60cd29u, 0x36fc7695u,
            0x7879462eu, 0x666ea36fu, 0x9a07df2fu, 0x0e0a77c1u,
        };
        return limbs[i];
    }
    static METHOD constexpr u32 r_squared(int i) {
        constexpr u32 limbs[8] = {
            0xae216da7u, 0x1bb8e645u, 0xe35c59e3u, 0x53fe3ab1u,
            0x53bb8085u, 0x8c49833du, 0x7f4e44a5u, 0x0216d0b1u,
        };
        return limbs[i];
    }
    static constexpr u32 INVERSE = 0xefffffffu;
};

using Fq = Fp<FqParameters>;
using Fr = Fp<FrParameters>;
