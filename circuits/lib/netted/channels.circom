pragma circom 2.1.6;

include "../channel.circom";
include "../delivery.circom";
include "rows.circom";

// Messages between a netted shard and others, in the channels of lib/channel.circom. Every trie that they change is rewritten by
// rows, as the accounts' is, and so are the paths on which other shards' channels are read: there nothing changes.

/*
@title  SendSlot: a message appended to a channel
@input  real         1 iff the slot is in use; enforced boolean here
@input  reply        1 iff a message that was taken made it, 0 iff payments did; enforced boolean here
@input  destination  shard that it is for; below 2^15, enforced here, and 3^9 by the outbox
@input  index        its place in the channel; below 2^32, enforced here, and 3^20 by the channel
@input  kind         below 4, enforced here; 0 for payments, enforced here
@input  from, to     below 2^32, enforced here
@input  amount       below 2^64, and not 0 for payments, enforced here: so there is a payment
@input  payload      0 for payments, enforced here
@input  point        see Point
@output word         all of it but the payload: 179 bits, committed by the caller
@output sum          the leaf offered, less what made the message: payments, or the letter that a ReceiveSlot writes
@output advance      times alpha: the message's step in the numbering of its channel
@output sent         the amount, 0 where the slot is not in use
*/
template SendSlot() {
    signal input real;
    signal input reply;
    signal input destination;
    signal input index;
    signal input kind;
    signal input from;
    signal input to;
    signal input amount;
    signal input payload;
    signal input point[6];
    signal output word;
    signal output sum;
    signal output advance;
    signal output sent;
    real * (real - 1) === 0;
    reply * (reply - 1) === 0;
    _ <== Bits(15)(destination);
    _ <== Bits(32)(index);
    _ <== Bits(2)(kind);
    _ <== Bits(32)(from);
    _ <== Bits(32)(to);
    _ <== Bits(64)(amount);
    (1 - reply) * kind === 0;
    (1 - reply) * payload === 0;
    signal nothing <== IsZero()(amount);
    signal pays <== real * (1 - reply);
    pays * nothing === 0;
    signal message <== MessageWord()(kind, from, to, amount);
    word <== message + 2 ** 130 * (destination + 2 ** 15 * index + 2 ** 47 * real + 2 ** 48 * reply);

    signal digest <== MessageDigest()(message, payload);
    signal family <== point[3] * family_node(tree_channel() + destination, 1);
    signal place <== NodeDistance()(index, family, 0, digest, point);
    signal offered <== Fraction()(real, place);

    signal numbered <== point[1] * index;
    advance <== Advance()(real, point[0] - destination - numbered - family_sent() * point[3], point[1]);

    signal paid <== point[1] * (from + 1);
    signal letter <== LetterPole()(destination, message, payload, point);
    signal pole <== to + 2 ** 32 * destination + paid + reply * (letter - to - 2 ** 32 * destination - paid);
    signal value <== amount + reply * (1 - amount);
    signal counted <== real * value;
    signal taken <== Fraction()(counted, point[0] - pole);
    sum <== offered - taken;
    sent <== real * amount;
}

/*
@title  LetterPole: of a message that goes back, between the slot that takes its cause and the one that sends it
@input  other        shard that it goes to
@input  word, payload
@input  point        see Point
@output pole
*/
template LetterPole() {
    signal input other;
    signal input word;
    signal input payload;
    signal input point[6];
    signal said <== point[1] * word;
    signal carried <== point[2] * payload;
    signal output pole <== other + said + carried + family_letter() * point[3];
}

/*
@title  ChannelRow: a channel that messages were appended to
@input  real         1 iff the row is in use; enforced boolean here
@input  destination  its shard; below 2^15, enforced here, and 3^9 by the outbox
@input  old_count, new_count         messages; below 2^32, enforced here. The new one is not 0 where the row is in use, enforced here
@input  old_messages, new_messages   roots of the trie of the messages; the empty trie's where the old count is 0, enforced here
@input  point        see Point
@output word         destination, counts and real: 80 bits, committed by the caller together with the roots
@output sum          the channel's leaf in the outbox offered, the root of its messages taken
@output advance      times alpha: less the steps from the old count to the new one
*/
template ChannelRow() {
    signal input real;
    signal input destination;
    signal input old_count;
    signal input new_count;
    signal input old_messages;
    signal input new_messages;
    signal input point[6];
    signal output word;
    signal output sum;
    signal output advance;
    var empty[channel_depth() + 1] = trie_empty();
    real * (real - 1) === 0;
    _ <== Bits(15)(destination);
    _ <== Bits(32)(old_count);
    _ <== Bits(32)(new_count);
    word <== destination + 2 ** 15 * old_count + 2 ** 47 * new_count + 2 ** 79 * real;
    signal first <== IsZero()(old_count);
    first * (old_messages - empty[channel_depth()]) === 0;
    signal none <== IsZero()(new_count);
    real * none === 0;

    signal held <== ChannelDigest()(old_count, old_messages);
    signal old <== (1 - first) * held;
    signal new <== ChannelDigest()(new_count, new_messages);
    signal leaf <== NodeDistance()(destination, family_node(tree_outbox(), 1) * point[3], old, new, point);
    signal offered <== Fraction()(real, leaf);
    signal family <== point[3] * family_node(tree_channel() + destination, channel_depth() + 1);
    signal root <== NodeDistance()(0, family, old_messages, new_messages, point);
    signal taken <== Fraction()(real, root);
    sum <== offered - taken;

    signal numbered <== point[1] * old_count;
    signal steps <== real * (new_count - old_count);
    signal moved <== Advance()(steps, point[0] - destination - numbered - family_sent() * point[3], point[1]);
    advance <== -moved;
}

/*
@title  SourceRow: another shard's channel to this one, opened under the global state seen, and how much of it was taken
@input  real         1 iff the row is in use; enforced boolean here
@input  shard        this one; below 3^9, enforced here
@input  seen         1 iff the global state is bound; boolean, enforced by the caller; 1 where the row is in use, enforced here
@input  seen_root, seen_is   the state's root and depth as SeenState gives it
@input  lamport, timestamp   the source's clocks do not exceed them, enforced here
@input  source       the shard; below 3^9, enforced here
@input  program .. supply    its leaf, bound to seen_root here
@input  state_root, inbox_root   of its body, bound to the leaf here
@input  count, messages      its channel to this shard, bound to the leaf here
@input  old_taken, new_taken messages taken; below 2^32, enforced here
@input  leaf_siblings, outbox_siblings   paths of the leaf and of the channel in the outbox
@input  point        see Point
@output word         source, counts and real: 80 bits, committed by the caller together with messages
@output sum          the leaf in the inbox offered, the root of the messages taken
@output advance      times alpha: less the steps from what was taken before to what is now
*/
template SourceRow() {
    signal input real;
    signal input shard;
    signal input seen;
    signal input seen_root;
    signal input {binary} seen_is[max_depth() + 1];
    signal input lamport;
    signal input timestamp;
    signal input source;
    signal input leaf_program;
    signal input leaf_lamport;
    signal input leaf_timestamp;
    signal input leaf_seen_epoch;
    signal input leaf_seen_digest;
    signal input leaf_supply;
    signal input state_root;
    signal input inbox_root;
    signal input count;
    signal input messages;
    signal input old_taken;
    signal input new_taken;
    signal input leaf_siblings[max_depth()][2];
    signal input outbox_siblings[max_depth()][2];
    signal input point[6];
    signal output word;
    signal output sum;
    signal output advance;
    real * (real - 1) === 0;
    real * (1 - seen) === 0;
    _ <== Bits(32)(old_taken);
    _ <== Bits(32)(new_taken);
    word <== source + 2 ** 15 * old_taken + 2 ** 47 * new_taken + 2 ** 79 * real;
    signal earlier <== real * (lamport - leaf_lamport);
    signal before <== real * (timestamp - leaf_timestamp);
    _ <== Bits(64)(earlier);
    _ <== Bits(64)(before);

    signal channel <== ChannelDigest()(count, messages);
    signal outbox <== TriePath(max_depth())(channel, shard, outbox_siblings);
    signal body <== BodyDigest()(state_root, outbox, inbox_root);
    signal leaf <== LeafDigest()(leaf_program, body, leaf_lamport, leaf_timestamp, leaf_seen_epoch, leaf_seen_digest, leaf_supply);
    component digits = Digits3(max_depth());
    digits.index <== source;
    signal root <== ShardRoot()(seen_is, digits.one, digits.two, leaf, leaf_siblings);
    real * (root - seen_root) === 0;

    signal place <== NodeDistance()(source, family_node(tree_inbox(), 1) * point[3], old_taken, new_taken, point);
    signal offered <== Fraction()(real, place);
    signal family <== point[3] * family_node(tree_source() + source, channel_depth() + 1);
    signal top <== NodeDistance()(0, family, messages, messages, point);
    signal taken <== Fraction()(real, top);
    sum <== offered - taken;

    signal numbered <== point[1] * old_taken;
    signal steps <== real * (new_taken - old_taken);
    signal moved <== Advance()(steps, point[0] - source - numbered - family_taken() * point[3], point[1]);
    advance <== -moved;
}

/*
@title  ReceiveSlot: a message taken: the account that it is for credited, or what goes back written
@input  real         1 iff the slot is in use; enforced boolean here
@input  shard        this one
@input  capacity     places of the account trie
@input  source       shard that sent it; below 2^15, enforced here, and a source row's by the sums
@input  index        its place in the channel; below 2^32, enforced here
@input  kind, from, to   below 2^32, enforced here
@input  amount       below 2^64, enforced here
@input  payload      any field element
@input  outside      1 iff the trie has no place `to`; enforced boolean here; only where `to` is at least the capacity, enforced here
@input  full         1 iff the account has no room; enforced boolean here; only where it is so with the amount, enforced here
@input  key, balance, ordinal   of the account as the epoch leaves it
@input  debits       what its messages took. All four are bound by a look at the account unless `outside`
@input  point        see Point
@output word         message, source, index and flags: 210 bits, committed by the caller together with payload, standing and debits
@output standing     AccountDigest of the account under the key (key, 0)
@output sum          the leaf offered; the credit; the letter of what goes back; less the look
@output advance      times alpha: the message's step in the numbering of its channel
@output received     the amount, 0 where the slot is not in use

As Deliver, but that no message opens an account. A message outside the trie sees no account, whatever key says.
*/
template ReceiveSlot() {
    signal input real;
    signal input shard;
    signal input capacity;
    signal input source;
    signal input index;
    signal input kind;
    signal input from;
    signal input to;
    signal input amount;
    signal input payload;
    signal input outside;
    signal input full;
    signal input key;
    signal input balance;
    signal input ordinal;
    signal input debits;
    signal input point[6];
    signal output word;
    signal output standing;
    signal output sum;
    signal output advance;
    signal output received;
    real * (real - 1) === 0;
    outside * (outside - 1) === 0;
    full * (full - 1) === 0;
    _ <== Bits(15)(source);
    _ <== Bits(32)(index);
    _ <== Bits(32)(kind);
    _ <== Bits(32)(from);
    _ <== Bits(32)(to);
    _ <== Bits(64)(amount);
    signal message <== MessageWord()(kind, from, to, amount);
    word <== message + 2 ** 160 * (source + 2 ** 15 * index + 2 ** 47 * real + 2 ** 48 * outside + 2 ** 49 * full);
    signal beyond <== outside * (to - capacity);
    _ <== Bits(32)(beyond);
    signal reached <== full * (balance + debits + amount - 2 ** 64);
    _ <== Bits(64)(reached);

    // The account.
    signal vacant <== IsZero()(key);
    signal present <== (1 - outside) * (1 - vacant);
    standing <== AccountDigest()([key, 0], balance, ordinal);
    component look = LookDistance();
    look.index <== to;
    look.key <== key;
    look.balance <== balance;
    look.ordinal <== ordinal;
    look.debits <== debits;
    look.point <== point;
    signal looks <== real * (1 - outside);
    signal looked <== Fraction()(looks, look.out);

    // Whether it takes the message.
    signal isTransfer <== IsZero()(kind);
    signal isRequest <== IsEqual()([kind, 2]);
    signal named <== KeyDigest()([key, 0]);
    signal matches <== IsEqual()([named, payload]);
    signal unnamed <== IsZero()(payload);
    signal foreign <== (isTransfer + isRequest) * (1 - matches - unnamed);
    signal takes <== present * (1 - foreign);
    signal delivered <== takes * (1 - full);
    signal credited <== delivered * amount;
    signal moved <== real * credited;
    signal credit <== Fraction()(moved, point[0] - to - 2 ** 32 * shard);

    // What goes back.
    signal there <== present * standing;
    signal answer <== Poseidon(3)([tag_answer(), index, there]);
    signal returns <== isTransfer * (1 - delivered);
    signal emits <== real * (returns + isRequest);
    signal back <== MessageWord()(1 + 2 * isRequest, to, from, amount - credited);
    signal reply <== payload + isRequest * (answer - payload);
    signal pole <== LetterPole()(source, back, reply, point);
    signal letter <== Fraction()(emits, point[0] - pole);

    // Where it stands.
    signal digest <== MessageDigest()(message, payload);
    signal family <== point[3] * family_node(tree_source() + source, 1);
    signal place <== NodeDistance()(index, family, digest, digest, point);
    signal offered <== Fraction()(real, place);
    signal numbered <== point[1] * index;
    advance <== Advance()(real, point[0] - source - numbered - family_taken() * point[3], point[1]);

    sum <== offered + credit + letter - looked;
    received <== real * amount;
}

/*
@title  Channels: messages sent to other shards and taken from them, with rows of any trie; a part without a subtree of its own
@param  B, U         rows of accounts and of nodes above, see RowList
@param  S, C         messages sent and channels that they go through, at least 1
@param  R, F         messages taken and shards that they come from, at least 1
@input  keys, network, shard, gamma, alpha   the context
@input  capacity, seen_digest, lamport, timestamp   the header; the close has the same by the sums
@input  seen         1 iff something is opened under the global state; enforced boolean here
@input  state_*      the state's fields, bound to seen_digest here if anything is opened under it
@input  bottom_*, upper_*   see RowList
@input  send_*       see SendSlot
@input  channel_*    see ChannelRow
@input  receive_*    see ReceiveSlot
@input  source_*     see SourceRow
@input  x            PartStatement, the only public signal; its events are the messages taken

The sums link everything, across proofs: what is sent was paid for or answers what was taken, each place of a channel is filled or
taken once and in order, and each account that a message speaks of is what the epoch leaves.
*/
template Channels(B, U, S, C, R, F) {
    signal input keys;
    signal input network;
    signal input shard;
    signal input gamma;
    signal input alpha;
    signal input capacity;
    signal input seen_digest;
    signal input lamport;
    signal input timestamp;
    signal input seen;
    signal input state_epoch;
    signal input state_depth;
    signal input state_root;
    signal input state_history;
    signal input state_in_flight;
    signal input bottom_real[B];
    signal input bottom_position[B];
    signal input bottom_key[B][3];
    signal input bottom_balance[B][3];
    signal input bottom_ordinal[B][3];
    signal input bottom_new_key[B][3];
    signal input bottom_new_balance[B][3];
    signal input bottom_new_ordinal[B][3];
    signal input bottom_rest[B][3];
    signal input bottom_looks[B][3];
    signal input upper_real[U];
    signal input upper_tree[U];
    signal input upper_position[U];
    signal input upper_level[U];
    signal input upper_old[U][3];
    signal input upper_new[U][3];
    signal input upper_touched[U][3];
    signal input send_real[S];
    signal input send_reply[S];
    signal input send_destination[S];
    signal input send_index[S];
    signal input send_kind[S];
    signal input send_from[S];
    signal input send_to[S];
    signal input send_amount[S];
    signal input send_payload[S];
    signal input channel_real[C];
    signal input channel_destination[C];
    signal input channel_old_count[C];
    signal input channel_new_count[C];
    signal input channel_old_messages[C];
    signal input channel_new_messages[C];
    signal input receive_real[R];
    signal input receive_source[R];
    signal input receive_index[R];
    signal input receive_kind[R];
    signal input receive_from[R];
    signal input receive_to[R];
    signal input receive_amount[R];
    signal input receive_payload[R];
    signal input receive_outside[R];
    signal input receive_full[R];
    signal input receive_key[R];
    signal input receive_balance[R];
    signal input receive_ordinal[R];
    signal input receive_debits[R];
    signal input source_real[F];
    signal input source_source[F];
    signal input source_leaf_program[F];
    signal input source_leaf_lamport[F];
    signal input source_leaf_timestamp[F];
    signal input source_leaf_seen_epoch[F];
    signal input source_leaf_seen_digest[F];
    signal input source_leaf_supply[F];
    signal input source_state_root[F];
    signal input source_inbox_root[F];
    signal input source_count[F];
    signal input source_messages[F];
    signal input source_old_taken[F];
    signal input source_new_taken[F];
    signal input source_leaf_siblings[F][max_depth()][2];
    signal input source_outbox_siblings[F][max_depth()][2];
    signal input x;

    signal context <== ContextDigest()(keys, network, shard, gamma, alpha);
    signal point[6] <== Point()(gamma, alpha);
    seen * (seen - 1) === 0;
    component state = SeenState();
    state.real <== seen;
    state.digest <== seen_digest;
    state.epoch <== state_epoch;
    state.depth <== state_depth;
    state.root <== state_root;
    state.history <== state_history;
    state.in_flight <== state_in_flight;
    signal header <== HeaderDigest()(capacity, seen_digest, lamport, timestamp);

    component list = Commitment(2 + row_words(B, U) + 2 * S + 3 * C + 4 * R + 2 * F, tag_channels());
    list.words[0] <== B + 2 ** 32 * U + 2 ** 64 * S + 2 ** 96 * C + 2 ** 128 * R + 2 ** 160 * F;
    list.words[1] <== header;
    component rows = RowList(B, U);
    rows.shard <== shard;
    rows.bottom_real <== bottom_real;
    rows.bottom_position <== bottom_position;
    rows.bottom_key <== bottom_key;
    rows.bottom_balance <== bottom_balance;
    rows.bottom_ordinal <== bottom_ordinal;
    rows.bottom_new_key <== bottom_new_key;
    rows.bottom_new_balance <== bottom_new_balance;
    rows.bottom_new_ordinal <== bottom_new_ordinal;
    rows.bottom_rest <== bottom_rest;
    rows.bottom_looks <== bottom_looks;
    rows.upper_real <== upper_real;
    rows.upper_tree <== upper_tree;
    rows.upper_position <== upper_position;
    rows.upper_level <== upper_level;
    rows.upper_old <== upper_old;
    rows.upper_new <== upper_new;
    rows.upper_touched <== upper_touched;
    rows.point <== point;
    var at = 2;
    for (var i = 0; i < row_words(B, U); i++) {
        list.words[at + i] <== rows.words[i];
    }
    at += row_words(B, U);

    var terms = rows.sum;
    var advance = 0;
    var sent = 0;
    var received = 0;
    var events = 0;
    component send[S];
    for (var i = 0; i < S; i++) {
        send[i] = SendSlot();
        send[i].real <== send_real[i];
        send[i].reply <== send_reply[i];
        send[i].destination <== send_destination[i];
        send[i].index <== send_index[i];
        send[i].kind <== send_kind[i];
        send[i].from <== send_from[i];
        send[i].to <== send_to[i];
        send[i].amount <== send_amount[i];
        send[i].payload <== send_payload[i];
        send[i].point <== point;
        list.words[at + 2 * i] <== send[i].word;
        list.words[at + 2 * i + 1] <== send_payload[i];
        terms += send[i].sum;
        advance += send[i].advance;
        sent += send[i].sent;
    }
    at += 2 * S;
    component channel[C];
    for (var i = 0; i < C; i++) {
        channel[i] = ChannelRow();
        channel[i].real <== channel_real[i];
        channel[i].destination <== channel_destination[i];
        channel[i].old_count <== channel_old_count[i];
        channel[i].new_count <== channel_new_count[i];
        channel[i].old_messages <== channel_old_messages[i];
        channel[i].new_messages <== channel_new_messages[i];
        channel[i].point <== point;
        list.words[at + 3 * i] <== channel[i].word;
        list.words[at + 3 * i + 1] <== channel_old_messages[i];
        list.words[at + 3 * i + 2] <== channel_new_messages[i];
        terms += channel[i].sum;
        advance += channel[i].advance;
    }
    at += 3 * C;
    component receive[R];
    for (var i = 0; i < R; i++) {
        receive[i] = ReceiveSlot();
        receive[i].real <== receive_real[i];
        receive[i].shard <== shard;
        receive[i].capacity <== capacity;
        receive[i].source <== receive_source[i];
        receive[i].index <== receive_index[i];
        receive[i].kind <== receive_kind[i];
        receive[i].from <== receive_from[i];
        receive[i].to <== receive_to[i];
        receive[i].amount <== receive_amount[i];
        receive[i].payload <== receive_payload[i];
        receive[i].outside <== receive_outside[i];
        receive[i].full <== receive_full[i];
        receive[i].key <== receive_key[i];
        receive[i].balance <== receive_balance[i];
        receive[i].ordinal <== receive_ordinal[i];
        receive[i].debits <== receive_debits[i];
        receive[i].point <== point;
        list.words[at + 4 * i] <== receive[i].word;
        list.words[at + 4 * i + 1] <== receive_payload[i];
        list.words[at + 4 * i + 2] <== receive[i].standing;
        list.words[at + 4 * i + 3] <== receive_debits[i];
        terms += receive[i].sum;
        advance += receive[i].advance;
        received += receive[i].received;
        events += receive_real[i];
    }
    at += 4 * R;
    component source[F];
    for (var i = 0; i < F; i++) {
        source[i] = SourceRow();
        source[i].real <== source_real[i];
        source[i].shard <== shard;
        source[i].seen <== seen;
        source[i].seen_root <== state_root;
        source[i].seen_is <== state.is;
        source[i].lamport <== lamport;
        source[i].timestamp <== timestamp;
        source[i].source <== source_source[i];
        source[i].leaf_program <== source_leaf_program[i];
        source[i].leaf_lamport <== source_leaf_lamport[i];
        source[i].leaf_timestamp <== source_leaf_timestamp[i];
        source[i].leaf_seen_epoch <== source_leaf_seen_epoch[i];
        source[i].leaf_seen_digest <== source_leaf_seen_digest[i];
        source[i].leaf_supply <== source_leaf_supply[i];
        source[i].state_root <== source_state_root[i];
        source[i].inbox_root <== source_inbox_root[i];
        source[i].count <== source_count[i];
        source[i].messages <== source_messages[i];
        source[i].old_taken <== source_old_taken[i];
        source[i].new_taken <== source_new_taken[i];
        source[i].leaf_siblings <== source_leaf_siblings[i];
        source[i].outbox_siblings <== source_outbox_siblings[i];
        source[i].point <== point;
        list.words[at + 2 * i] <== source[i].word;
        list.words[at + 2 * i + 1] <== source_messages[i];
        terms += source[i].sum;
        advance += source[i].advance;
    }

    // The header is taken once by every such part, and the close offers it as often as there are such.
    signal agreed <== Fraction()(1, gamma - header - family_header() * point[3]);
    signal away <== Fraction()(sent, gamma - family_total() * point[3]);
    signal in <== Fraction()(received, gamma - 1 - family_total() * point[3]);
    signal advanced <== alpha * advance;
    signal statement <== PartStatement()(context, 0, 0, 0, 0, list.digest, terms + advanced + agreed + away + in, events);
    x === statement;
}
