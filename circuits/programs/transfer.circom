pragma circom 2.1.6;

include "lib/account.circom";
include "lib/channel.circom";
include "lib/delivery.circom";
include "lib/poseidon.circom";
include "lib/range.circom";
include "lib/schnorr.circom";
include "lib/statement.circom";

function tag_transfer() { return 0x747269666f6c642f7472616e736665722f7631; } // trifold/transfer/v1

/*
@title  Transfer: up to M messages taken, then up to N signed transfers; the program of the reference shard
@param  N               transfers; the first `transfers` are in use
@param  M               messages taken, at least 1; the first `receives` are in use
@param  S               messages sent, replies included; the first `sends` are in use
@param  DEPTH           levels of the state trie
@input  shard           index of the shard; every client's signature names it; below 3^9, enforced by merge
@input  seen_digest     global state the shard has seen: an entry of the history, enforced by merge; messages are opened under it
@input  transfers, receives, sends   slots in use, enforced here to be 0..N, 0..M, 0..S and one of the first two not 0
@input  old_root, old_outbox, old_inbox   the body before
@input  state_*         the global state that seen_digest stands for; bound to it here if anything is received
@input  source, leaf_*, body_*, channel_count, index, channel_*, inbox_siblings   by received message: see Receive
@input  message_*       by received message: its parts, see Deliver
@input  account_*       by received message: the account that it is for, see Deliver
@input  from            by transfer: position of the sender; below 3^DEPTH, enforced here
@input  to              position of the receiver; below 2^32, and below 3^DEPTH on this shard, enforced here
@input  to_shard        the receiver's shard; below 2^16 enforced here, below 3^9 where a message is sent, by Send
@input  request         1 iff an answer is asked for; boolean, and 0 for a receiver of this shard, enforced here
@input  amount          below 2^64, enforced here
@input  sender_*        the sender's account when its turn comes, and its path; bound to the state root here
@input  receiver_key    the receiver's key; signed by the sender. (0, 0) on another shard: whatever key the account has
@input  receiver_*      on this shard the receiver's account after the debit, whether it is fresh, and its path; bound to the state root
                        here. Without effect otherwise
@input  commitment, response_*   the sender's signature of the transfer
@input  send_*          by message sent: the message, the channel that it goes to and paths, see Send
@input  x               the program statement, the only public signal; enforced here

A slot not in use holds a transfer by the neutral key over nothing: it has to be signed, which anyone can do, and leaves the
root alone. The old body is derived from old_root, so a fresh shard (old body 0) has no first batch.

Sending slots are apart from those that make messages, since few steps make any. A running hash over what the received
messages and then the transfers emit equals the one over what is appended to channels, so each is appended, once and in order.

Replays: a client's signature names shard, sender and the sender's ordinal, which the slot advances. It does not name the
network, so a client must not use one key in two networks.
*/
template Transfer(N, M, S, DEPTH) {
    signal input shard;
    signal input seen_digest;
    signal input transfers;
    signal input receives;
    signal input sends;
    signal input old_root;
    signal input old_outbox;
    signal input old_inbox;
    signal input state_epoch;
    signal input state_depth;
    signal input state_root;
    signal input state_history;
    signal input state_in_flight;
    signal input source[M];
    signal input leaf_program[M];
    signal input leaf_lamport[M];
    signal input leaf_timestamp[M];
    signal input leaf_seen_epoch[M];
    signal input leaf_seen_digest[M];
    signal input leaf_supply[M];
    signal input leaf_siblings[M][max_depth()][2];
    signal input body_state_root[M];
    signal input body_inbox_root[M];
    signal input channel_count[M];
    signal input channel_siblings[M][max_depth()][2];
    signal input index[M];
    signal input index_siblings[M][channel_depth()][2];
    signal input inbox_siblings[M][max_depth()][2];
    signal input message_kind[M];
    signal input message_from[M];
    signal input message_to[M];
    signal input message_amount[M];
    signal input message_payload[M];
    signal input account_key[M][2];
    signal input account_occupied[M];
    signal input account_balance[M];
    signal input account_ordinal[M];
    signal input account_siblings[M][DEPTH][2];
    signal input from[N];
    signal input to[N];
    signal input to_shard[N];
    signal input request[N];
    signal input amount[N];
    signal input sender_key[N][2];
    signal input sender_balance[N];
    signal input sender_ordinal[N];
    signal input sender_siblings[N][DEPTH][2];
    signal input receiver_key[N][2];
    signal input receiver_fresh[N];
    signal input receiver_balance[N];
    signal input receiver_ordinal[N];
    signal input receiver_siblings[N][DEPTH][2];
    signal input commitment[N][2];
    signal input response_magnitude[N][84][2];
    signal input response_positive[N][84];
    signal input send_destination[S];
    signal input send_word[S];
    signal input send_payload[S];
    signal input send_count[S];
    signal input send_message_siblings[S][channel_depth()][2];
    signal input send_outbox_siblings[S][max_depth()][2];
    signal input x;

    component received = Prefix(M);
    received.count <== receives;
    component real = Prefix(N);
    real.count <== transfers;
    component sent = Prefix(S);
    sent.count <== sends;
    (1 - received.real[0]) * (1 - real.real[0]) === 0;

    // Messages come in.
    component seen = SeenState();
    seen.real <== received.real[0];
    seen.digest <== seen_digest;
    seen.epoch <== state_epoch;
    seen.depth <== state_depth;
    seen.root <== state_root;
    seen.history <== state_history;
    seen.in_flight <== state_in_flight;

    signal root[M + N + 1];
    signal chain[M + N + 1];
    signal inbox[M + 1];
    root[0] <== old_root;
    chain[0] <== 0;
    inbox[0] <== OpenBox()(old_inbox);
    component deliver[M];
    signal word[M];
    signal receivedAmount[M];
    signal repliedAmount[M];
    var receivedSum = 0;
    var sentSum = 0;
    for (var i = 0; i < M; i++) {
        word[i] <== MessageWord()(message_kind[i], message_from[i], message_to[i], message_amount[i]);
        inbox[i + 1] <== Receive()(inbox[i], received.real[i], state_root, seen.is, shard, source[i], leaf_program[i],
            leaf_lamport[i], leaf_timestamp[i], leaf_seen_epoch[i], leaf_seen_digest[i], leaf_supply[i],
            body_state_root[i], body_inbox_root[i], channel_count[i], index[i], word[i], message_payload[i],
            leaf_siblings[i], channel_siblings[i], index_siblings[i], inbox_siblings[i]);
        deliver[i] = Deliver(DEPTH);
        deliver[i].root <== root[i];
        deliver[i].real <== received.real[i];
        deliver[i].kind <== message_kind[i];
        deliver[i].from <== message_from[i];
        deliver[i].to <== message_to[i];
        deliver[i].amount <== message_amount[i];
        deliver[i].payload <== message_payload[i];
        deliver[i].number <== index[i];
        deliver[i].key <== account_key[i];
        deliver[i].occupied <== account_occupied[i];
        deliver[i].balance <== account_balance[i];
        deliver[i].ordinal <== account_ordinal[i];
        deliver[i].siblings <== account_siblings[i];
        root[i + 1] <== deliver[i].after;
        chain[i + 1] <== Emit()(chain[i], deliver[i].emits, source[i], deliver[i].word, deliver[i].reply);
        receivedAmount[i] <== received.real[i] * message_amount[i];
        repliedAmount[i] <== deliver[i].emits * deliver[i].rest;
        receivedSum += receivedAmount[i];
        sentSum += repliedAmount[i];
    }
    signal lamport <== Latest(M)(received.real, leaf_lamport);
    signal timestamp <== Latest(M)(received.real, leaf_timestamp);

    // Transfers.
    signal message[N];
    signal here[N];
    signal local[N];
    signal leaves[N];
    signal payload[N];
    signal outgoing[N];
    signal debited[N];
    signal credited[N];
    signal moved[N];
    signal sentAmount[N];
    for (var i = 0; i < N; i++) {
        _ <== Bits(32)(to[i]);
        _ <== Bits(16)(to_shard[i]);
        request[i] * (request[i] - 1) === 0;
        here[i] <== IsEqual()([to_shard[i], shard]);
        here[i] * request[i] === 0;
        message[i] <== Poseidon(8)([tag_transfer(), shard, from[i], sender_ordinal[i],
            to[i] + 2 ** 32 * to_shard[i] + 2 ** 49 * request[i], receiver_key[i][0], receiver_key[i][1], amount[i]]);
        SchnorrVerify()(sender_key[i], message[i], commitment[i], response_magnitude[i], response_positive[i]);

        var at = M + i;
        debited[i] <== Debit(DEPTH)(root[at], real.real[i], from[i], sender_key[i], sender_balance[i], sender_ordinal[i],
            amount[i], sender_siblings[i]);
        local[i] <== real.real[i] * here[i];
        credited[i] <== Credit(DEPTH)(debited[i], local[i], here[i] * to[i], receiver_key[i], receiver_fresh[i],
            receiver_balance[i], receiver_ordinal[i], amount[i], receiver_siblings[i]);
        moved[i] <== debited[i] + here[i] * (credited[i] - debited[i]);
        root[at + 1] <== root[at] + real.real[i] * (moved[i] - root[at]);

        leaves[i] <== real.real[i] - local[i];
        payload[i] <== KeyPayload()(receiver_key[i]);
        outgoing[i] <== MessageWord()(2 * request[i], from[i], to[i], amount[i]);
        chain[at + 1] <== Emit()(chain[at], leaves[i], to_shard[i], outgoing[i], payload[i]);
        sentAmount[i] <== leaves[i] * amount[i];
        sentSum += sentAmount[i];
    }

    // Messages go out, those that were made above.
    signal outbox[S + 1];
    signal appended[S + 1];
    outbox[0] <== OpenBox()(old_outbox);
    appended[0] <== 0;
    for (var i = 0; i < S; i++) {
        appended[i + 1] <== Emit()(appended[i], sent.real[i], send_destination[i], send_word[i], send_payload[i]);
        outbox[i + 1] <== Send()(outbox[i], sent.real[i], send_destination[i], send_word[i], send_payload[i], send_count[i],
            send_message_siblings[i], send_outbox_siblings[i]);
    }
    appended[S] === chain[M + N];

    signal new_outbox <== CloseBox()(sent.real[0], old_outbox, outbox[S]);
    signal new_inbox <== CloseBox()(received.real[0], old_inbox, inbox[M]);
    signal old_body <== BodyDigest()(old_root, old_outbox, old_inbox);
    signal new_body <== BodyDigest()(root[M + N], new_outbox, new_inbox);
    signal statement <== ProgramStatement()(shard, old_body, new_body, transfers + receives, seen_digest, sentSum, receivedSum,
        lamport, timestamp);
    x === statement;
}
