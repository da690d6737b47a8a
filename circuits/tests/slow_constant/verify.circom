pragma circom 2.1.6;

include "key.circom";
include "lib/groth16/verify_constant.circom";

/*
@title  VerifyConstant: one Groth16 proof under the key of key.circom
@input  x        the inner proof's public input
@input  the rest see Groth16VerifyConstant(1)
Public: x.
*/
template VerifyConstant() {
    signal input x;
    signal input u1[1][g16_constant_round1()][g16_limbs()];
    signal input u2[g16_round2()][g16_limbs()];
    signal input u3s[g16_round3_shared()][g16_limbs()];
    signal input u3[1][g16_round3()][g16_limbs()];
    signal input nonce;
    signal input e_bits[1][g16_fixed_bits()];
    signal input r_limbs[g16_r_total()];
    signal input k_checked[g16_k_total()];
    signal input k_free[g16_free_total()];
    signal {binary} active[1];
    active[0] <== 1;
    Groth16VerifyConstant(1)(active, [x], u1, u2, u3s, u3, nonce, e_bits, r_limbs, k_checked, k_free);
}

component main {public [x]} = VerifyConstant();
