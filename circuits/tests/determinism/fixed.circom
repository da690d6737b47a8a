pragma circom 2.1.6;

include "lib/range.circom";
include "lib/trie.circom";
include "lib/groth16/transcript.circom";

/*
@title  Fixed: one of each kind of hint that the library uses, and a quotient
@input  small  below 2^8 and below 3^4
@input  word   any field element
@input  ratio  numerator and denominator
*/
template Fixed() {
    signal input small;
    signal input word;
    signal input ratio[2];
    signal output zero <== IsZero()(small);
    signal output bits[8] <== Bits(8)(small * ratio[1]);
    component digits = Digits3(4);
    digits.index <== small;
    signal output high[253] <== ChallengeBits()(word);
    signal output quotient <-- ratio[0] / ratio[1];
    quotient * ratio[1] === ratio[0];
}

component main = Fixed();
