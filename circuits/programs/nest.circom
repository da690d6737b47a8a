pragma circom 2.1.6;

include "lib/nest.circom";
include "lib/groth16/plan_a2.circom";
include "lib/groth16/verify.circom";

/*
@title  Nest: the previous global proof and the epoch's top transition give the new global state
@input  merge_key .. history_siblings   see NestClaims
@input  u1 .. k_free                    see Groth16Verify(2, 2): proof 0 is the previous nest's, proof 1 the top merge's
@output x                               NestStatement
Public: x alone.
*/
template Nest() {
    signal input merge_key;
    signal input nest_key;
    signal input registry;
    signal input genesis;
    signal input epoch;
    signal input depth;
    signal input root;
    signal input history;
    signal input in_flight;
    signal input deepen;
    signal input new_root;
    signal input sent;
    signal input received;
    signal input history_siblings[history_depth()][2];
    signal input u1[2][g16_round1()][g16_limbs()];
    signal input u2[g16_round2()][g16_limbs()];
    signal input u3s[g16_round3_shared()][g16_limbs()];
    signal input u3[2][g16_round3()][g16_limbs()];
    signal input nonce;
    signal input e_bits[2][g16_comb_bits()];
    signal input vkw[2][3 * g16_vk_numbers()];
    signal input r_limbs[g16_r_total()];
    signal input k_checked[g16_k_total()];
    signal input k_free[g16_free_total()];
    signal output x;

    component claims = NestClaims();
    claims.merge_key <== merge_key;
    claims.nest_key <== nest_key;
    claims.registry <== registry;
    claims.genesis <== genesis;
    claims.epoch <== epoch;
    claims.depth <== depth;
    claims.root <== root;
    claims.history <== history;
    claims.in_flight <== in_flight;
    claims.deepen <== deepen;
    claims.new_root <== new_root;
    claims.sent <== sent;
    claims.received <== received;
    claims.history_siblings <== history_siblings;
    x <== claims.x;
    Groth16Verify(2, 2, [0, 1])(
        claims.active, claims.statement, [nest_key, merge_key],
        u1, u2, u3s, u3, nonce, e_bits, vkw, r_limbs, k_checked, k_free
    );
}

component main = Nest();
