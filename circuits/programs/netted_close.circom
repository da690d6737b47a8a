pragma circom 2.1.6;

include "lib/netted/close.circom";
include "lib/groth16/plan_a2.circom";
include "lib/groth16/verify.circom";

/*
@title  Close: all messages and all accounts of one epoch verified against each other; the program of a netted shard
@input  keys .. timestamp   see CloseClaims
@input  u1 .. k_free    see Groth16Verify(2, 2): proof 0 is of the messages, proof 1 of the accounts
@output x               ProgramStatement
Public: x alone.
*/
template Close() {
    signal input keys;
    signal input network;
    signal input shard;
    signal input depth;
    signal input old;
    signal input new;
    signal input sparse;
    signal input key[2];
    signal input key_index[2];
    signal input key_siblings[2][part_depth()][2];
    signal input commitment[2];
    signal input sum[2];
    signal input events[2];
    signal input seen_digest;
    signal input old_outbox;
    signal input old_inbox;
    signal input outbox;
    signal input inbox;
    signal input sends;
    signal input takes;
    signal input headers;
    signal input sent;
    signal input received;
    signal input lamport;
    signal input timestamp;
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

    component claims = CloseClaims();
    claims.keys <== keys;
    claims.network <== network;
    claims.shard <== shard;
    claims.depth <== depth;
    claims.old <== old;
    claims.new <== new;
    claims.sparse <== sparse;
    claims.key <== key;
    claims.key_index <== key_index;
    claims.key_siblings <== key_siblings;
    claims.commitment <== commitment;
    claims.sum <== sum;
    claims.events <== events;
    claims.seen_digest <== seen_digest;
    claims.old_outbox <== old_outbox;
    claims.old_inbox <== old_inbox;
    claims.outbox <== outbox;
    claims.inbox <== inbox;
    claims.sends <== sends;
    claims.takes <== takes;
    claims.headers <== headers;
    claims.sent <== sent;
    claims.received <== received;
    claims.lamport <== lamport;
    claims.timestamp <== timestamp;
    x <== claims.x;
    signal {binary} active[2];
    for (var i = 0; i < 2; i++) { active[i] <== 1; }
    Groth16Verify(2, 2, [0, 1])(
        active, claims.statement, key,
        u1, u2, u3s, u3, nonce, e_bits, vkw, r_limbs, k_checked, k_free
    );
}

component main = Close();
