pragma circom 2.1.6;

include "jubjub.circom";
include "poseidon.circom";
include "range.circom";

function tag_sign() { return 0x747269666f6c642f7369676e2f7631; } // trifold/sign/v1

/*
@title  SchnorrChallenge: the challenge digits of a hash
@input  hash        any field element; forced here to lie below floor(r / 2^246) * 2^246
@output magnitude   64 bits, the even ones of the low 128
@output positive    64 bits, the odd ones

The bits, with the top part below its bound, are those of an integer below r that equals hash modulo r. That integer is
hash itself, so the bits are unique.
*/
template SchnorrChallenge() {
    signal input hash;
    signal output magnitude[64];
    signal output positive[64];
    signal low[246];
    var value = 0;
    for (var i = 0; i < 246; i++) {
        low[i] <-- (hash >> i) & 1;
        low[i] * (low[i] - 1) === 0;
        value += low[i] * 2 ** i;
    }
    // Linear: hash = value + 2^246 top. That top fits 8 bits, and so does its distance to the last value below the bound,
    // leaves 0..bound-1.
    var top = (hash - value) / (2 ** 246);
    _ <== Bits(8)(top);
    _ <== Bits(8)(schnorr_challenge_bound() - 1 - top);
    for (var i = 0; i < 64; i++) {
        magnitude[i] <== low[2 * i];
        positive[i] <== low[2 * i + 1];
    }
}

/*
@title  SchnorrVerify: s B = R + c A with c from H("trifold/sign/v1", R, A, message)
@input  key                  A: any field elements, forced onto the curve here
@input  message              any field element
@input  commitment           R: any field elements, forced to s B - c A here
@input  response_magnitude   with response_positive the signed digits of s to base 8; forced to be boolean here
@input  response_positive

circuits/src/schnorr.rs states the scheme. Why this suffices:
* R needs no check of its own: it equals a difference of two points of the curve.
* s needs no range: it enters only through s B, so whoever knows one s for (R, A, message) knows them all. A second signature on a
  message authorises nothing that the first did not, because the message carries its signer's ordinal.
* A needs no check of its order. Let A = A' + T, A' of prime order l, T of order dividing 8. Eight times the equation is the
  equation for 8 A' in the subgroup of order l, so a forgery for A is one for A' there. If A' is neutral anybody can sign;
  such an account is its owner's loss alone, and the shard refuses to open one.
* Addition is complete on the curve, so neither A = +-B nor R = 0 nor any digits make a step with free outputs.
*/
template SchnorrVerify() {
    signal input key[2];
    signal input message;
    signal input commitment[2];
    signal input response_magnitude[84][2];
    signal input response_positive[84];
    for (var i = 0; i < 84; i++) {
        response_positive[i] * (response_positive[i] - 1) === 0;
        for (var j = 0; j < 2; j++) {
            response_magnitude[i][j] * (response_magnitude[i][j] - 1) === 0;
        }
    }
    JubjubOnCurve()(key);
    signal hash <== Poseidon(6)([tag_sign(), commitment[0], commitment[1], key[0], key[1], message]);
    component challenge = SchnorrChallenge();
    challenge.hash <== hash;
    signal own[2] <== JubjubFixedMultiple()(response_magnitude, response_positive);
    signal keyed[2] <== JubjubMultiple(64)(key, challenge.magnitude, challenge.positive);
    signal difference[2] <== JubjubAdd()(own, [-keyed[0], keyed[1]]);
    difference === commitment;
}
