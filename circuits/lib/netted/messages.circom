pragma circom 2.1.6;

include "../delivery.circom";
include "../range.circom";
include "../schnorr_montgomery.circom";
include "statement.circom";

/*
@title  Payment: one entry of a client's list
@input  destination   receiver's account + 2^32 its shard; below 2^48, enforced here
@input  amount        below 2^64, enforced here
@input  fee           below 2^32, enforced here
@input  shard         the sender's
@input  returns       alpha (1 + the sender's account)
@input  gamma
@output word          amount + 2^64 fee + 2^96 destination: the ranges make its parts unique
@output credit        amount / (gamma - pole of (destination) among credits), of (destination, 1 + the sender's account) where the
                      receiver is of another shard: what is sent names whom it would go back to
*/
template Payment() {
    signal input destination;
    signal input amount;
    signal input fee;
    signal input shard;
    signal input returns;
    signal input gamma;
    signal output word;
    signal output credit;
    component bits = Bits(48);
    bits.in <== destination;
    _ <== Bits(64)(amount);
    _ <== Bits(32)(fee);
    word <== amount + 2 ** 64 * fee + 2 ** 96 * destination;
    var receiver = 0;
    for (var i = 0; i < 16; i++) {
        receiver += bits.out[32 + i] * 2 ** i;
    }
    signal here <== IsEqual()([receiver, shard]);
    signal away <== (1 - here) * returns;
    credit <== Fraction()(amount, gamma - destination - away);
}

/*
@title  Message: a client's signed list of K payments
@param  K            payments, 1..9; entries not in use are all 0
@input  real         1 iff the slot is in use; boolean, enforced by Messages
@input  domain       what the client signs besides: network, shard, K
@input  shard
@input  key          the sender's key (u, v); u is that of the account, by the multiset of poles
@input  from         the sender's account; any field element, an existing account by the multiset of poles
@input  ordinal      messages that the account signed before; likewise
@input  destination, amount, fee   see Payment
@input  commitment, response_*     the signature
@input  point        see Point
@output hash         binds commitment, u, from, ordinal and all payments
@output advance      times alpha: 1 / (gamma - pole of (from, ordinal + 1, u)) - 1 / (gamma - pole of (from, ordinal, u)), or 0
@output moved        terms of the debit and of all credits
@output fees
*/
template Message(K) {
    signal input real;
    signal input domain;
    signal input shard;
    signal input key[2];
    signal input from;
    signal input ordinal;
    signal input destination[K];
    signal input amount[K];
    signal input fee[K];
    signal input commitment[2];
    signal input response_magnitude[84][2];
    signal input response_positive[84];
    signal input point[6];
    signal output hash;
    signal output advance;
    signal output moved;
    signal output fees;

    signal word[K];
    signal credit[K];
    signal returns <== point[1] * (from + 1);
    var spent = 0;
    var credits = 0;
    var allFees = 0;
    for (var j = 0; j < K; j++) {
        (word[j], credit[j]) <== Payment()(destination[j], amount[j], fee[j], shard, returns, point[0]);
        spent += amount[j] + fee[j];
        credits += credit[j];
        allFees += fee[j];
    }
    fees <== allFees;
    // None of the sum's parts is negative, so an unused slot moves nothing.
    (1 - real) * spent === 0;

    signal body;
    if (K == 1) {
        body <== word[0];
    } else {
        body <== Poseidon(K)(word);
    }
    hash <== Poseidon(7)([domain, commitment[0], commitment[1], key[0], from, ordinal, body]);
    SchnorrEquation()(key, hash, commitment, response_magnitude, response_positive);

    signal debit <== Fraction()(spent, point[0] - from - family_debit() * point[3]);
    moved <== debit + credits;

    signal numbered <== point[1] * ordinal;
    signal keyed <== point[2] * key[0];
    advance <== Advance()(real, point[0] - from - numbered - keyed - family_numbering() * point[3], point[1]);
}

/*
@title  Messages: N signed messages of up to K payments each; a part without accounts
@param  N           slots; the first `count` are in use
@param  K           payments of a message, 1..9
@input  keys, network, shard, gamma, alpha   the context
@input  count       slots in use, 0..N, enforced here
@input  collector   destination of all fees; committed before the challenges
@input  key .. response_positive   see Message
@input  x           PartStatement, the only public signal

A slot not in use holds a message of nothing, signed under any key.
*/
template Messages(N, K) {
    signal input keys;
    signal input network;
    signal input shard;
    signal input gamma;
    signal input alpha;
    signal input count;
    signal input collector;
    signal input key[N][2];
    signal input from[N];
    signal input ordinal[N];
    signal input destination[N][K];
    signal input amount[N][K];
    signal input fee[N][K];
    signal input commitment[N][2];
    signal input response_magnitude[N][84][2];
    signal input response_positive[N][84];
    signal input x;

    component real = Prefix(N);
    real.count <== count;

    signal domain <== Poseidon(4)([tag_client(), network, shard, K]);
    signal context <== ContextDigest()(keys, network, shard, gamma, alpha);
    signal point[6] <== Point()(gamma, alpha);
    component message[N];
    var advance = 0;
    var moved = 0;
    var fees = 0;
    for (var i = 0; i < N; i++) {
        message[i] = Message(K);
        message[i].real <== real.real[i];
        message[i].domain <== domain;
        message[i].shard <== shard;
        message[i].key <== key[i];
        message[i].from <== from[i];
        message[i].ordinal <== ordinal[i];
        message[i].destination <== destination[i];
        message[i].amount <== amount[i];
        message[i].fee <== fee[i];
        message[i].commitment <== commitment[i];
        message[i].response_magnitude <== response_magnitude[i];
        message[i].response_positive <== response_positive[i];
        message[i].point <== point;
        advance += message[i].advance;
        moved += message[i].moved;
        fees += message[i].fees;
    }
    signal collected <== Fraction()(fees, gamma - collector);
    signal advanced <== alpha * advance;

    component list = Commitment(2 + N, tag_messages());
    list.words[0] <== count + 2 ** 32 * N + 2 ** 64 * K;
    list.words[1] <== collector;
    for (var i = 0; i < N; i++) {
        list.words[2 + i] <== message[i].hash;
    }
    signal statement <== PartStatement()(context, 0, 0, 0, 0, list.digest, advanced + moved + collected, count);
    x === statement;
}
