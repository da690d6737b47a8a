pragma circom 2.1.6;

include "poseidon.circom";

// The digests that circuits, shards and light clients share. verifier/src/statement.rs defines them; a test compares.
// Each starts with its own tag, the ASCII string as a big-endian integer.

function tag_keys() { return 0x747269666f6c642f6b6579732f7631; }        // trifold/keys/v1
function tag_body() { return 0x747269666f6c642f626f64792f7631; }        // trifold/body/v1
function tag_leaf() { return 0x747269666f6c642f6c6561662f7631; }        // trifold/leaf/v1
function tag_global() { return 0x747269666f6c642f676c6f62616c2f7631; }  // trifold/global/v1
function tag_program() { return 0x747269666f6c642f70726f6772616d2f7631; } // trifold/program/v1
function tag_merge() { return 0x747269666f6c642f6d657267652f7631; }     // trifold/merge/v1
function tag_nest() { return 0x747269666f6c642f6e6573742f7631; }        // trifold/nest/v1

// Levels of the registry of programs, of the history of global states, and at most of the global trie.
function registry_depth() { return 4; }
function history_depth() { return 20; }
function max_depth() { return 9; }

/*
@title  KeysDigest: the keys a network is proven under
@input  merge, nest    digests of the two recursive keys
@input  registry       root of the trie of program keys
@output digest
*/
template KeysDigest() {
    signal input merge;
    signal input nest;
    signal input registry;
    signal output digest <== Poseidon(4)([tag_keys(), merge, nest, registry]);
}

/*
@title  BodyDigest: what a program vouches for about its shard
@input  state_root                the program's own affair
@input  outbox_root, inbox_root   tries of 9 levels, see lib/channel.circom; 0 while never used
@output digest
*/
template BodyDigest() {
    signal input state_root;
    signal input outbox_root;
    signal input inbox_root;
    signal output digest <== Poseidon(4)([tag_body(), state_root, outbox_root, inbox_root]);
}

/*
@title  LeafDigest: a shard's entry in the global trie
@input  program      digest of the program's key
@input  body         digest of state, outbox and inbox roots
@input  lamport, timestamp, seen_epoch, seen_digest, supply   ranges: enforced by merge when the leaf was made
@output digest
*/
template LeafDigest() {
    signal input program;
    signal input body;
    signal input lamport;
    signal input timestamp;
    signal input seen_epoch;
    signal input seen_digest;
    signal input supply;
    signal output digest <== Poseidon(8)([tag_leaf(), program, body, lamport, timestamp, seen_epoch, seen_digest, supply]);
}

/*
@title  GlobalDigest: the global state G_n
@input  epoch, depth, root, history, in_flight   ranges: enforced by nest
@output digest
*/
template GlobalDigest() {
    signal input epoch;
    signal input depth;
    signal input root;
    signal input history;
    signal input in_flight;
    signal output digest <== Poseidon(6)([tag_global(), epoch, depth, root, history, in_flight]);
}

/*
@title  ProgramStatement: the public input of every program circuit
@input  shard        index in the global trie
@input  old_body, new_body, events, seen_digest, sent, received
@input  received_lamport, received_timestamp   at least the clocks of every leaf that a message was taken from, 0 if none. They
                     share one element: below 2^64, enforced by merge, and by a program that receives
@output digest
*/
template ProgramStatement() {
    signal input shard;
    signal input old_body;
    signal input new_body;
    signal input events;
    signal input seen_digest;
    signal input sent;
    signal input received;
    signal input received_lamport;
    signal input received_timestamp;
    signal output digest <== Poseidon(9)([tag_program(), shard, old_body, new_body, events, seen_digest, sent, received,
        received_lamport + 2 ** 64 * received_timestamp]);
}

/*
@title  MergeStatement: the public input of merge
@input  keys             KeysDigest
@input  level            0 where the children are program proofs
@input  index            position of the subtree among those of its level
@input  old, new         subtree digests
@input  history          history root that the leaves' seen states were opened under
@input  sent, received   sums over the subtree
@output digest
*/
template MergeStatement() {
    signal input keys;
    signal input level;
    signal input index;
    signal input old;
    signal input new;
    signal input history;
    signal input sent;
    signal input received;
    signal output digest <== Poseidon(9)([tag_merge(), keys, level, index, old, new, history, sent, received]);
}

/*
@title  NestStatement: the public input of nest, what a light client checks
@input  keys      KeysDigest
@input  genesis   digest of G_0
@input  global    digest of G_n
@output digest
*/
template NestStatement() {
    signal input keys;
    signal input genesis;
    signal input global;
    signal output digest <== Poseidon(4)([tag_nest(), keys, genesis, global]);
}
