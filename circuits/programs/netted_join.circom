pragma circom 2.1.6;

include "lib/netted/join.circom";
include "lib/groth16/plan_a3.circom";
include "lib/groth16/verify.circom";

/*
@title  Join: up to three parts of one epoch of a netted shard verified and added up
@input  keys .. events   see JoinClaims
@input  u1 .. k_free    see Groth16Verify(3, 1)
@output x               PartStatement
Public: x alone.
*/
template Join() {
    signal input keys;
    signal input network;
    signal input shard;
    signal input gamma;
    signal input alpha;
    signal input key;
    signal input key_index;
    signal input key_siblings[part_depth()][2];
    signal input level;
    signal input index;
    signal input old[3];
    signal input new[3];
    signal input commitment[3];
    signal input sum[3];
    signal input events[3];
    signal input u1[3][g16_round1()][g16_limbs()];
    signal input u2[g16_round2()][g16_limbs()];
    signal input u3s[g16_round3_shared()][g16_limbs()];
    signal input u3[3][g16_round3()][g16_limbs()];
    signal input nonce;
    signal input e_bits[3][g16_comb_bits()];
    signal input vkw[1][3 * g16_vk_numbers()];
    signal input r_limbs[g16_r_total()];
    signal input k_checked[g16_k_total()];
    signal input k_free[g16_free_total()];
    signal output x;

    component claims = JoinClaims();
    claims.keys <== keys;
    claims.network <== network;
    claims.shard <== shard;
    claims.gamma <== gamma;
    claims.alpha <== alpha;
    claims.key <== key;
    claims.key_index <== key_index;
    claims.key_siblings <== key_siblings;
    claims.level <== level;
    claims.index <== index;
    claims.old <== old;
    claims.new <== new;
    claims.commitment <== commitment;
    claims.sum <== sum;
    claims.events <== events;
    x <== claims.x;
    Groth16Verify(3, 1, [0, 0, 0])(
        claims.active, claims.statement, [key],
        u1, u2, u3s, u3, nonce, e_bits, vkw, r_limbs, k_checked, k_free
    );
}

component main = Join();
