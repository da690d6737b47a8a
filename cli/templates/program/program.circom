pragma circom 2.1.6;

// Includes are looked up beside this file, and then in Trifold's circuits/.
include "lib/poseidon.circom";
include "lib/range.circom";
include "lib/statement.circom";

// A digest of your own starts with a tag of your own, the ASCII text as a big-endian integer: no two kinds of digest collide.
function tag_counter() { return 0x636f756e7465722f7631; } // counter/v1

/*
@title  Counter: a state that is one number, and a step that adds to it
@param  BITS         limit of the number
@input  shard        index of the shard in the global trie; in the statement
@input  seen_digest  the global state that the shard has seen; in the statement. Whatever is taken from other shards is opened
                     under it
@input  old_count    the number before; bound by the old body
@input  add          what is added; below 2^BITS, enforced here
@input  x            the program statement, the only public signal; enforced here

What this circuit must see to, since nobody else does:

1. The old body and the new one are computed here, from the state before and after, and the new state from the old one. A new
   body that is an input would let the prover choose the shard's state.
2. Each number that must not wrap has its range here. Signals are elements of a field: 0 - 1 is a large number, not an error.
3. No signal is free: a flag is a bit and derived or compared, and each `<--` has its `===` beside it.
4. `events`, `sent`, `received` and the two received clocks are what the step does. `sent` leaves the shard's supply and
   `received` enters it; what is received has to come out of messages opened under `seen_digest`, once each. A program
   without messages states 0, as this one does.
5. Whoever may not act is kept out here: a signature, or whatever your users rely on. The operator makes the witness.

What merge enforces for every program alike: that the leaf holds the body before and after, clocks, the seen state, the range
of `events` (1 to 2^32), of `sent` and `received` (below 2^96), and the supply.
*/
template Counter(BITS) {
    signal input shard;
    signal input seen_digest;
    signal input old_count;
    signal input add;
    signal input x;

    // Both are below 2^BITS, so that their sum does not wrap; and so is the sum, so that the next step can say the same.
    _ <== Bits(BITS)(old_count);
    _ <== Bits(BITS)(add);
    signal new_count <== old_count + add;
    _ <== Bits(BITS)(new_count);

    // A body is H(tag, state root, outbox root, inbox root).
    signal old_state <== Poseidon(2)([tag_counter(), old_count]);
    signal new_state <== Poseidon(2)([tag_counter(), new_count]);
    signal old_body <== Poseidon(4)([tag_body(), old_state, 0, 0]);
    signal new_body <== Poseidon(4)([tag_body(), new_state, 0, 0]);

    // shard, old body, new body, events, seen state, sent, received, received Lamport counter, received timestamp.
    signal statement <== ProgramStatement()(shard, old_body, new_body, 1, seen_digest, 0, 0, 0, 0);
    x === statement;
}
