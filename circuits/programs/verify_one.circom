pragma circom 2.1.6;

include "lib/groth16/plan_a1.circom";
include "lib/groth16/verify.circom";

/*
@title  VerifyOne: one Groth16 proof under a key given as witness; the unit that our figures count
@input  key     digest of the key, bound to vkw by Groth16Verify; a real use compares it with a trusted one
@input  x       the inner proof's public input
@input  the rest   see Groth16Verify(1, 1)
Public: x.
*/
template VerifyOne() {
    signal input x;
    signal input key;
    signal input u1[1][g16_round1()][g16_limbs()];
    signal input u2[g16_round2()][g16_limbs()];
    signal input u3s[g16_round3_shared()][g16_limbs()];
    signal input u3[1][g16_round3()][g16_limbs()];
    signal input nonce;
    signal input e_bits[1][g16_comb_bits()];
    signal input vkw[1][3 * g16_vk_numbers()];
    signal input r_limbs[g16_r_total()];
    signal input k_checked[g16_k_total()];
    signal input k_free[g16_free_total()];
    signal {binary} active[1];
    active[0] <== 1;
    Groth16Verify(1, 1, [0])(active, [x], [key], u1, u2, u3s, u3, nonce, e_bits, vkw, r_limbs, k_checked, k_free);
}

component main {public [x]} = VerifyOne();
