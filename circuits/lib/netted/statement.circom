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
function tag_state() { return 0x747269666f6c642f6e65747465642f73746174652f7631; }            // trifold/netted/state/v1

// Levels of the trie of keys that parts may be proven under.
function part_depth() { return 2; }

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
@title  Powers: the second and third power of alpha, which tell the coordinates of a pole apart
@input  alpha
@output second, third
*/
template Powers() {
    signal input alpha;
    signal output second <== alpha * alpha;
    signal output third <== second * alpha;
}
