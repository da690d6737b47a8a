pragma circom 2.1.6;

include "poseidon.circom";
include "range.circom";
include "statement.circom";
include "trie.circom";

// Messages between shards. An outbox is a trie of channels by destination, a channel counts its messages and has the root of a
// trie of them in order, an inbox counts by source how many were taken. docs/messages.md has the argument.

function tag_message() { return 0x747269666f6c642f6d6573736167652f7631; } // trifold/message/v1
function tag_channel() { return 0x747269666f6c642f6368616e6e656c2f7631; } // trifold/channel/v1

// Levels of the trie of a channel's messages.
function channel_depth() { return 20; }

/*
@title  MessageWord: what a message says besides its payload, as one field element
@input  kind     below 2^32, enforced by the caller
@input  from     below 2^32, enforced by the caller
@input  to       below 2^32, enforced by the caller
@input  amount   below 2^64, enforced by the caller
@output word
*/
template MessageWord() {
    signal input kind;
    signal input from;
    signal input to;
    signal input amount;
    signal output word <== amount + 2 ** 64 * to + 2 ** 96 * from + 2 ** 128 * kind;
}

/*
@title  MessageDigest: a message, a leaf of its channel
@input  word     of MessageWord
@input  payload  any field element
@output digest
*/
template MessageDigest() {
    signal input word;
    signal input payload;
    signal output digest <== Poseidon(3)([tag_message(), word, payload]);
}

/*
@title  ChannelDigest: a channel that was used, a leaf of the outbox
@input  count     messages so far, 1..3^20, enforced when the channel was written
@input  messages  root of the trie of the messages
@output digest
*/
template ChannelDigest() {
    signal input count;
    signal input messages;
    signal output digest <== Poseidon(3)([tag_channel(), count, messages]);
}

/*
@title  OpenBox: the root of an outbox or inbox, which a body records as 0 while it was never used
@input  recorded  what the body has; any field element
@output root      the same, or the empty trie's root for 0
*/
template OpenBox() {
    signal input recorded;
    signal output root;
    var empty[channel_depth() + 1] = trie_empty();
    signal unused <== IsZero()(recorded);
    root <== recorded + unused * empty[max_depth()];
}

/*
@title  CloseBox: what a body records of an outbox or inbox
@input  used      whether the box was written in this step; boolean, enforced by the caller
@input  recorded  what the body had
@input  root      the root now
@output after     the root, or what was there if the box was not used
*/
template CloseBox() {
    signal input used;
    signal input recorded;
    signal input root;
    signal output after <== recorded + used * (root - recorded);
}

/*
@title  Send: a message appended to the channel of its destination
@input  outbox           root of the outbox before
@input  real             1 iff something is sent; boolean, enforced by the caller. Where it is 0 the outbox stays, and the prover fills
                         in the first message of a channel
@input  destination      shard that the message is for; below 3^9, enforced here
@input  word             of MessageWord
@input  payload          any field element
@input  count            messages in the channel before; below 3^20, enforced here
@input  message_siblings path of message `count` in the channel
@input  outbox_siblings  path of the channel in the outbox
@output after            root of the outbox after

The message lands at index `count`, whose leaf was 0, and count grows by one: a channel is never rewritten, has no gap, and
its leaf i is 0 exactly from i = count on. A channel without messages is the empty leaf, and then it has the empty trie.
*/
template Send() {
    signal input outbox;
    signal input real;
    signal input destination;
    signal input word;
    signal input payload;
    signal input count;
    signal input message_siblings[channel_depth()][2];
    signal input outbox_siblings[max_depth()][2];
    signal output after;
    var empty[channel_depth() + 1] = trie_empty();

    component append = TrieUpdate(channel_depth());
    append.old <== 0;
    append.new <== MessageDigest()(word, payload);
    append.index <== count;
    append.siblings <== message_siblings;

    signal first <== IsZero()(count);
    first * (append.oldRoot - empty[channel_depth()]) === 0;
    signal held <== ChannelDigest()(count, append.oldRoot);

    component update = TrieUpdate(max_depth());
    update.old <== (1 - first) * held;
    update.new <== ChannelDigest()(count + 1, append.newRoot);
    update.index <== destination;
    update.siblings <== outbox_siblings;
    real * (update.oldRoot - outbox) === 0;
    after <== outbox + real * (update.newRoot - outbox);
}

/*
@title  SeenState: the root and depth of a global state
@input  real    1 iff something is opened under it; boolean, enforced by the caller. Where it is 0 the state may be any
@input  digest  the global state that the shard's leaf names as seen; that it is one is enforced by merge
@input  epoch, root, history, in_flight   the state's fields, bound to digest here
@input  depth   its levels, bound to digest here; 1..9 enforced here
@output is      is[d] = 1 iff depth = d
*/
template SeenState() {
    signal input real;
    signal input digest;
    signal input epoch;
    signal input depth;
    signal input root;
    signal input history;
    signal input in_flight;
    signal output {binary} is[max_depth() + 1];
    signal opened <== GlobalDigest()(epoch, depth, root, history, in_flight);
    real * (opened - digest) === 0;
    var one = 0;
    for (var d = 0; d <= max_depth(); d++) {
        is[d] <== IsEqual()([depth, d]);
        one += d == 0 ? 0 : is[d];
    }
    one === 1;
}

/*
@title  ShardRoot: the global root over a shard's leaf, in a trie of 1..9 levels
@input  is        depth of the trie as SeenState gives it
@input  one, two  digits of the shard's index as Digits3 gives them, enforced by the caller; those above the depth are forced to 0
                  here
@input  leaf      the shard's leaf
@input  siblings  its path; what lies above the depth is not looked at
@output root      the caller compares it
*/
template ShardRoot() {
    signal input {binary} is[max_depth() + 1];
    signal input {binary} one[max_depth()];
    signal input {binary} two[max_depth()];
    signal input leaf;
    signal input siblings[max_depth()][2];
    signal output root;
    signal node[max_depth() + 1];
    signal reached[max_depth() + 1];
    node[0] <== leaf;
    reached[0] <== 0;
    var above = 0;
    for (var i = 0; i < max_depth(); i++) {
        above += is[i];
        (one[i] + two[i]) * above === 0;
        node[i + 1] <== TrieNode()(one[i], two[i], node[i], siblings[i]);
        reached[i + 1] <== reached[i] + is[i + 1] * node[i + 1];
    }
    root <== reached[max_depth()];
}

/*
@title  Receive: the next message of a channel, opened under a global state and counted
@input  inbox             root of the inbox before
@input  real              1 iff something is received; boolean, enforced by the caller. Where it is 0 the inbox stays and nothing is bound
@input  seen_root         root of the global state that the message is opened under
@input  seen_is           its depth as SeenState gives it
@input  shard             index of the shard that receives; below 3^9, enforced here
@input  source            index of the shard that sent; below 3^9, enforced here
@input  program, lamport, timestamp, seen_epoch, seen_digest, supply   the source's leaf, bound to seen_root here. Ranges: enforced by
                          merge when the leaf was made
@input  state_root, inbox_root   of the source's body, bound to the leaf here
@input  count             messages in the source's channel to this shard, bound to the leaf here
@input  index             messages taken from the channel before: the place of this one. Bound to the inbox and to the channel here;
                          below 3^20, enforced here
@input  word, payload     the message, bound to the channel here. What ranges its parts have is for the caller to enforce
@input  leaf_siblings     path of the source's leaf
@input  outbox_siblings   path of the channel in the source's outbox
@input  message_siblings  path of the message in the channel
@input  inbox_siblings    path of the source's count in the inbox
@output after             root of the inbox after

The only choice is the source: index is what the inbox counts, and the message is the one that stands there. A place where
nothing was sent holds 0, which no message's digest is.
*/
template Receive() {
    signal input inbox;
    signal input real;
    signal input seen_root;
    signal input {binary} seen_is[max_depth() + 1];
    signal input shard;
    signal input source;
    signal input program;
    signal input lamport;
    signal input timestamp;
    signal input seen_epoch;
    signal input seen_digest;
    signal input supply;
    signal input state_root;
    signal input inbox_root;
    signal input count;
    signal input index;
    signal input word;
    signal input payload;
    signal input leaf_siblings[max_depth()][2];
    signal input outbox_siblings[max_depth()][2];
    signal input message_siblings[channel_depth()][2];
    signal input inbox_siblings[max_depth()][2];
    signal output after;

    signal message <== MessageDigest()(word, payload);
    signal messages <== TriePath(channel_depth())(message, index, message_siblings);
    signal channel <== ChannelDigest()(count, messages);
    signal outbox <== TriePath(max_depth())(channel, shard, outbox_siblings);
    signal body <== BodyDigest()(state_root, outbox, inbox_root);
    signal leaf <== LeafDigest()(program, body, lamport, timestamp, seen_epoch, seen_digest, supply);
    component digits = Digits3(max_depth());
    digits.index <== source;
    signal root <== ShardRoot()(seen_is, digits.one, digits.two, leaf, leaf_siblings);
    real * (root - seen_root) === 0;

    signal before <== TrieRoot(max_depth())(digits.one, digits.two, index, inbox_siblings);
    signal counted <== TrieRoot(max_depth())(digits.one, digits.two, index + 1, inbox_siblings);
    real * (before - inbox) === 0;
    after <== inbox + real * (counted - inbox);
}
