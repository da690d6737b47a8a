pragma circom 2.1.6;

include "key.circom";
include "lib/groth16/verify_constant.circom";

/*
@title  VerifyTwo: up to two Groth16 proofs under the key of key.circom
@input  x        the inner proofs' public inputs
@input  active   which of them are verified; enforced boolean here
@input  the rest see Groth16VerifyConstant(2)
Public: x, active.
*/
template VerifyTwo() {
    signal input x[2];
    signal input active[2];
    signal input u1[2][g16_constant_round1()][g16_limbs()];
    signal input u2[g16_round2()][g16_limbs()];
    signal input u3s[g16_round3_shared()][g16_limbs()];
    signal input u3[2][g16_round3()][g16_limbs()];
    signal input nonce;
    signal input e_bits[2][g16_fixed_bits()];
    signal input r_limbs[g16_r_total()];
    signal input k_checked[g16_k_total()];
    signal input k_free[g16_free_total()];
    signal {binary} flag[2];
    for (var p = 0; p < 2; p++) {
        active[p] * (active[p] - 1) === 0;
        flag[p] <== active[p];
    }
    Groth16VerifyConstant(2)(flag, x, u1, u2, u3s, u3, nonce, e_bits, r_limbs, k_checked, k_free);
}

component main {public [x, active]} = VerifyTwo();
