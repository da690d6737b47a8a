pragma circom 2.1.6;

include "../channel.circom";
include "../range.circom";
include "../statement.circom";
include "../trie.circom";
include "rows.circom";
include "statement.circom";

/*
@title  EpochChallenges: gamma and alpha from everything that the epoch's sums depend on
@input  keys, network, shard
@input  form                 depth + 2^5 sparse, whose parts are unique by their ranges
@input  old, new             roots of the account trie
@input  messages, accounts   commitments of the two parts
@input  boxes                BoxesDigest
@output gamma, alpha
*/
template EpochChallenges() {
    signal input keys;
    signal input network;
    signal input shard;
    signal input form;
    signal input old;
    signal input new;
    signal input messages;
    signal input accounts;
    signal input boxes;
    signal output gamma;
    signal output alpha;
    component perm = PoseidonPerm(10);
    perm.in <== [tag_challenge(), keys, network, shard, form, old, new, messages, accounts, boxes];
    gamma <== perm.out[1];
    alpha <== perm.out[2];
}

/*
@title  BoxesDigest: what the close takes of messages between shards
@input  outbox, inbox    roots before and after, of the empty trie where nothing was ever sent or taken
@input  headers          how many parts have such messages, and whether either box changes; unique by its ranges
@input  sent, received   sums of amounts
@input  header           HeaderDigest
@output digest
*/
template BoxesDigest() {
    signal input outbox[2];
    signal input inbox[2];
    signal input headers;
    signal input sent;
    signal input received;
    signal input header;
    signal output digest <== Poseidon(9)([tag_boxes(), outbox[0], outbox[1], inbox[0], inbox[1], headers, sent, received, header]);
}

/*
@title  CloseClaims: everything that the close of an epoch states, but for the proofs of its two parts; a program statement
@input  keys, network        see StateDigest; the same before and after by construction
@input  shard                index of the shard
@input  depth                levels of the account trie, 1..32, enforced here
@input  old, new             its roots
@input  sparse               1 where the accounts come as rows, 0 where as tablets; enforced boolean here
@input  key, key_index, key_siblings   of the two proofs and their place under keys, enforced here
@input  commitment, sum, events   of the two parts: messages first, accounts second. Messages between shards may be in either
@input  seen_digest          global state the shard has seen; messages are opened under it. Events 1.. are enforced by merge
@input  old_outbox, old_inbox     what the body records; any field elements
@input  outbox, inbox        their roots after, where they change
@input  sends, takes         1 iff the outbox, the inbox changes; enforced boolean here
@input  headers              parts with messages between shards; below 2^16, enforced here
@input  sent, received       sums of amounts; ranges: enforced by merge
@input  lamport, timestamp   no clock of a leaf that a message comes from exceeds them; below 2^64, enforced here
@output statement            the public inputs of the two proofs
@output x                    ProgramStatement
*/
template CloseClaims() {
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
    signal output statement[2];
    signal output x;

    sparse * (sparse - 1) === 0;
    sends * (sends - 1) === 0;
    takes * (takes - 1) === 0;
    component levels = Bits(5);
    levels.in <== depth - 1;
    _ <== Bits(16)(headers);
    _ <== Bits(64)(lamport);
    _ <== Bits(64)(timestamp);
    signal registered[2];
    for (var i = 0; i < 2; i++) {
        registered[i] <== TriePath(part_depth())(key[i], key_index[i], key_siblings[i]);
        registered[i] === keys;
    }

    // 3 times 3^(2^i) for each bit i of depth - 1.
    signal capacity[6];
    capacity[0] <== 3;
    for (var i = 0; i < 5; i++) {
        capacity[i + 1] <== capacity[i] * (1 + levels.out[i] * (3 ** (2 ** i) - 1));
    }
    signal header <== HeaderDigest()(capacity[5], seen_digest, lamport, timestamp);
    signal outboxes[2];
    signal inboxes[2];
    outboxes[0] <== OpenBox()(old_outbox);
    outboxes[1] <== outbox;
    inboxes[0] <== OpenBox()(old_inbox);
    inboxes[1] <== inbox;
    signal boxes <== BoxesDigest()(outboxes, inboxes, headers + 2 ** 16 * sends + 2 ** 17 * takes, sent, received, header);
    signal (gamma, alpha) <== EpochChallenges()(keys, network, shard, depth - 1 + 2 ** 5 * sparse, old, new,
        commitment[0], commitment[1], boxes);
    signal context <== ContextDigest()(keys, network, shard, gamma, alpha);
    signal level <== (1 - sparse) * depth;
    signal oldTablets <== (1 - sparse) * old;
    signal newTablets <== (1 - sparse) * new;
    statement[0] <== PartStatement()(context, 0, 0, 0, 0, commitment[0], sum[0], events[0]);
    statement[1] <== PartStatement()(context, level, 0, oldTablets, newTablets, commitment[1], sum[1], events[1]);

    // Rows offer roots; they are taken here. With that every term has its counterpart.
    signal point[6] <== Point()(gamma, alpha);
    signal family <== point[3] * family_node(0, depth);
    signal accounts <== NodeDistance()(0, family, old, new, point);
    signal taken <== Fraction()(sparse, accounts);
    signal sentBox <== NodeDistance()(0, family_node(tree_outbox(), max_depth() + 1) * point[3], outboxes[0], outboxes[1], point);
    signal sentRoot <== Fraction()(sends, sentBox);
    signal takenBox <== NodeDistance()(0, family_node(tree_inbox(), max_depth() + 1) * point[3], inboxes[0], inboxes[1], point);
    signal takenRoot <== Fraction()(takes, takenBox);
    signal agreed <== Fraction()(headers, gamma - header - family_header() * point[3]);
    signal away <== Fraction()(sent, gamma - family_total() * point[3]);
    signal in <== Fraction()(received, gamma - 1 - family_total() * point[3]);
    sum[0] + sum[1] === taken + sentRoot + takenRoot + agreed + away + in;

    signal new_outbox <== CloseBox()(sends, old_outbox, outbox);
    signal new_inbox <== CloseBox()(takes, old_inbox, inbox);
    signal oldState <== StateDigest()(network, keys, depth, old);
    signal newState <== StateDigest()(network, keys, depth, new);
    signal oldBody <== BodyDigest()(oldState, old_outbox, old_inbox);
    signal newBody <== BodyDigest()(newState, new_outbox, new_inbox);
    x <== ProgramStatement()(shard, oldBody, newBody, events[0] + events[1], seen_digest, sent, received, lamport, timestamp);
}
