pragma circom 2.1.6;

include "../groth16/transcript.circom";
include "../poseidon.circom";

// The digests of the netted ledger. src/netted/statement.rs defines them; tests compare. Each starts with its own tag, as the
// first input of a hash or as the initial capacity of a sponge.

function tag_accounts() { return 0x747269666f6c642f6e65747465642f6163636f756e74732f7631; }   // trifold/netted/accounts/v1
function tag_client() { return 0x747269666f6c642f6e65747465642f636c69656e742f7631; }         // trifold/netted/client/v1
function tag_context() { return 0x747269666f6c642f6e65747465642f636f6e746578742f7631; }      // trifold/netted/context/v1
function tag_part() { return 0x747269666f6c642f6e65747465642f706172742f7631; }               // trifold/netted/part/v1
function tag_messages() { return 0x747269666f6c642f6e65747465642f6d657373616765732f7631; }   // trifold/netted/messages/v1
function tag_tablet() { return 0x747269666f6c642f6e65747465642f7461626c65742f7631; }         // trifold/netted/tablet/v1
function tag_rows() { return 0x747269666f6c642f6e65747465642f726f77732f7631; }               // trifold/netted/rows/v1
function tag_join() { return 0x747269666f6c642f6e65747465642f6a6f696e2f7631; }               // trifold/netted/join/v1
function tag_challenge() { return 0x747269666f6c642f6e65747465642f6368616c6c656e67652f7631; } // trifold/netted/challenge/v1
function tag_channels() { return 0x747269666f6c642f6e65747465642f6368616e6e656c732f7631; }   // trifold/netted/channels/v1
function tag_header() { return 0x747269666f6c642f6e65747465642f6865616465722f7631; }         // trifold/netted/header/v1
function tag_boxes() { return 0x747269666f6c642f6e65747465642f626f7865732f7631; }            // trifold/netted/boxes/v1
function tag_state() { return 0x747269666f6c642f6e65747465642f73746174652f7631; }            // trifold/netted/state/v1

// Levels of the trie of keys that parts may be proven under.
function part_depth() { return 3; }

/*
@title  StateDigest: the state root of a netted shard
@input  network    names the network in everything that clients sign
@input  keys       root of the trie of keys that parts may be proven under
@input  depth      levels of the account trie, the bottom nodes' included
@input  accounts   its root
@output digest
*/
template StateDigest() {
    signal input network;
    signal input keys;
    signal input depth;
    signal input accounts;
    signal output digest <== Poseidon(5)([tag_state(), network, keys, depth, accounts]);
}

/*
@title  ContextDigest: what all parts of one epoch of one shard have in common
@input  keys, network   as in StateDigest
@input  shard           index of the shard
@input  gamma, alpha    the epoch's challenges
@output digest
*/
template ContextDigest() {
    signal input keys;
    signal input network;
    signal input shard;
    signal input gamma;
    signal input alpha;
    signal output digest <== Poseidon(6)([tag_context(), keys, network, shard, gamma, alpha]);
}

/*
@title  PartStatement: the public input of every circuit that proves a part of an epoch
@input  context      ContextDigest
@input  level        levels of the account subtree that the part rewrites; 0 where it rewrites none
@input  index        position of that subtree among those of its level; 0 where there is none
@input  old, new     its digests; 0 where there is none
@input  commitment   binds all that the part's sum depends on, and was fixed before gamma and alpha
@input  sum          the part's terms at gamma and alpha
@input  events       signed messages in the part
@output digest
*/
template PartStatement() {
    signal input context;
    signal input level;
    signal input index;
    signal input old;
    signal input new;
    signal input commitment;
    signal input sum;
    signal input events;
    signal output digest <== Poseidon(9)([tag_part(), context, level, index, old, new, commitment, sum, events]);
}

/*
@title  Commitment: a list of fixed length
@param  count   how many words
@param  tag     names what the list is of
@input  words   any field elements; the first one says the list's parameters
@output digest
*/
template Commitment(count, tag) {
    signal input words[count];
    signal output digest;
    component absorb = Absorb(count);
    absorb.capacity <== tag;
    absorb.words <== words;
    digest <== absorb.state[1];
}

/*
@title  Point: gamma and the powers of alpha, which tell the coordinates of a pole apart
@input  gamma, alpha   the epoch's challenges
@output point          gamma, alpha, .., alpha^5

A pole stands for a tuple: position + b alpha + c alpha^2 + family alpha^3 + d alpha^4 + e alpha^5. What a pole is of:

    family              position          b          c         d, e
    0 credit            destination       see Payment
    1 debit             account
    2 numbering         account           ordinal    key
    2 + level           node              old        new                 of the account trie, level 1..33
    64 tree + 2 + level node              old        new                 of another trie, level 1..21: one more than the node's height
    40 look             account           key        balance   ordinal, debits
    41 letter           channel's other end   word   payload
    42 sent             destination       index
    43 taken            source            index
    44 header           HeaderDigest
    45 total            0 sent, 1 received
*/
template Point() {
    signal input gamma;
    signal input alpha;
    signal output point[6];
    point[0] <== gamma;
    point[1] <== alpha;
    for (var i = 2; i < 6; i++) {
        point[i] <== point[i - 1] * alpha;
    }
}

function family_debit() { return 1; }
function family_numbering() { return 2; }
function family_look() { return 40; }
function family_letter() { return 41; }
function family_sent() { return 42; }
function family_taken() { return 43; }
function family_header() { return 44; }
function family_total() { return 45; }

// Family of a node of `level` in the trie numbered `tree`.
function family_node(tree, level) { return 64 * tree + 2 + level; }

// Tries besides the accounts', which is 0. A channel to shard j is tree_channel + j, one from shard i tree_source + i.
function tree_outbox() { return 1; }
function tree_inbox() { return 2; }
function tree_channel() { return 2 ** 15; }
function tree_source() { return 2 ** 16; }

/*
@title  Fraction: value / (gamma - pole)
@input  value   any field element
@input  distance   gamma - pole. Where it is 0, which no one can bring about, there is no witness unless value is 0
@output out
*/
template Fraction() {
    signal input value;
    signal input distance;
    signal output out;
    out <-- value / distance;
    out * distance === value;
}

/*
@title  Advance: 1 / (gamma - pole of ordinal + steps) - 1 / (gamma - pole of ordinal), divided by alpha
@input  steps      any field element
@input  distance   gamma - pole of ordinal
@input  alpha
@output out
*/
template Advance() {
    signal input steps;
    signal input distance;
    signal input alpha;
    signal output out;
    signal moved <== alpha * steps;
    signal both <== distance * (distance - moved);
    out <-- steps / both;
    out * both === steps;
}

/*
@title  HeaderDigest: what the parts with messages between shards have in common with the close
@input  capacity      places of the account trie
@input  seen_digest   global state that messages are opened under
@input  lamport, timestamp   no clock of a leaf that a message comes from exceeds them
@output digest
*/
template HeaderDigest() {
    signal input capacity;
    signal input seen_digest;
    signal input lamport;
    signal input timestamp;
    signal output digest <== Poseidon(5)([tag_header(), capacity, seen_digest, lamport, timestamp]);
}
