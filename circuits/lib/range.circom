pragma circom 2.1.6;

/*
@title  AssertBit: a bit, 1 constraint
@input  in   any field element; forced to be 0 or 1
@output out  the same, tagged
*/
template AssertBit() {
    signal input in;
    signal output {binary} out;
    in * (in - 1) === 0;
    out <== in;
}

/*
@title  AssertBits: a list of bits, n constraints
@param  n    how many
@input  in   any field elements; each forced to be 0 or 1
@output out  the same, tagged
*/
template AssertBits(n) {
    signal input in[n];
    signal output {binary} out[n];
    for (var i = 0; i < n; i++) {
        out[i] <== AssertBit()(in[i]);
    }
}

/*
@title  Bits: the bits of an integer below 2^n, n + 1 constraints
@param  n    1..253, so that n bits stand for one field element only
@input  in   any field element; forced below 2^n
@output out  its bits, lowest first
*/
template Bits(n) {
    assert(n >= 1 && n <= 253);
    signal input in;
    signal output {binary} out[n];
    var sum = 0;
    for (var i = 0; i < n; i++) {
        out[i] <-- (in >> i) & 1;
        out[i] * (out[i] - 1) === 0;
        sum += out[i] * 2 ** i;
    }
    sum === in;
}

/*
@title  IsZero: whether a field element is zero, 2 constraints
@input  in   any field element
@output out  1 if in = 0, else 0

`out` is pinned by both constraints together: in != 0 forces out = 0 by the second, in = 0 forces out = 1 by the first.
The inverse is free only where in = 0, and then it has no effect.
*/
template IsZero() {
    signal input in;
    signal output {binary} out;
    signal inverse;
    inverse <-- in != 0 ? 1 / in : 0;
    out <== 1 - in * inverse;
    in * out === 0;
}

/*
@title  IsEqual: whether two field elements are the same, 2 constraints
@input  in   any field elements
@output out  1 if in[0] = in[1], else 0
*/
template IsEqual() {
    signal input in[2];
    signal output {binary} out;
    out <== IsZero()(in[0] - in[1]);
}
