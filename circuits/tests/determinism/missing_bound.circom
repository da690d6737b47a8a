pragma circom 2.1.6;

include "lib/groth16/number.circom";

/*
@title  MissingBound: 254 bits of a field element, which may be those of the element plus the modulus
@input  in
*/
template MissingBound() {
    signal input in;
    signal output high[253] <== LimbRange(254)(in);
}

component main = MissingBound();
