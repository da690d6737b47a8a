pragma circom 2.1.6;

/*
@title  Two outputs: takes the inputs of powers.circom and has two public values
@input  a      any field element
@input  bits   boolean, enforced here
@input  unused occurs in no constraint
@output x      a squared, plus the first bit
@output y      a cubed
*/
template TwoOutputs(n) {
    signal input a;
    signal input bits[n];
    signal input unused;
    signal output x;
    signal output y;
    for (var i = 0; i < n; i++) {
        bits[i] * (bits[i] - 1) === 0;
    }
    x <== a * a + bits[0];
    y <== (x - bits[0]) * a;
}

component main = TwoOutputs(20);
