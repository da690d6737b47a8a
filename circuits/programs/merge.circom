pragma circom 2.1.6;

include "lib/merge.circom";
include "lib/groth16/plan_a3.circom";
include "lib/groth16/verify.circom";

/*
@title  Merge: up to three transitions of neighbouring subtrees composed into one
@input  merge_key .. seen_siblings   see MergeClaims
@input  u1 .. k_free                 see Groth16Verify(3, 1)
@output x                            MergeStatement
Public: x alone.
*/
template Merge() {
    signal input merge_key;
    signal input nest_key;
    signal input registry;
    signal input program;
    signal input program_index;
    signal input program_siblings[registry_depth()][2];
    signal input level;
    signal input index;
    signal input history;
    signal input old[3];
    signal input new[3];
    signal input sent[3];
    signal input received[3];
    signal input received_lamport[3];
    signal input received_timestamp[3];
    signal input events[3];
    signal input old_body[3];
    signal input old_lamport[3];
    signal input old_timestamp[3];
    signal input old_seen_epoch[3];
    signal input old_seen_digest[3];
    signal input old_supply[3];
    signal input new_body[3];
    signal input new_lamport[3];
    signal input new_timestamp[3];
    signal input new_seen_epoch[3];
    signal input new_seen_digest[3];
    signal input new_supply[3];
    signal input seen_siblings[3][history_depth()][2];
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

    component claims = MergeClaims();
    claims.merge_key <== merge_key;
    claims.nest_key <== nest_key;
    claims.registry <== registry;
    claims.program <== program;
    claims.program_index <== program_index;
    claims.program_siblings <== program_siblings;
    claims.level <== level;
    claims.index <== index;
    claims.history <== history;
    claims.old <== old;
    claims.new <== new;
    claims.sent <== sent;
    claims.received <== received;
    claims.received_lamport <== received_lamport;
    claims.received_timestamp <== received_timestamp;
    claims.events <== events;
    claims.old_body <== old_body;
    claims.old_lamport <== old_lamport;
    claims.old_timestamp <== old_timestamp;
    claims.old_seen_epoch <== old_seen_epoch;
    claims.old_seen_digest <== old_seen_digest;
    claims.old_supply <== old_supply;
    claims.new_body <== new_body;
    claims.new_lamport <== new_lamport;
    claims.new_timestamp <== new_timestamp;
    claims.new_seen_epoch <== new_seen_epoch;
    claims.new_seen_digest <== new_seen_digest;
    claims.new_supply <== new_supply;
    claims.seen_siblings <== seen_siblings;
    x <== claims.x;
    Groth16Verify(3, 1, [0, 0, 0])(
        claims.active, claims.statement, [claims.key],
        u1, u2, u3s, u3, nonce, e_bits, vkw, r_limbs, k_checked, k_free
    );
}

component main = Merge();
