pragma circom 2.1.6;

// Fq2 = Fq[u]/(u^2 + 1) on evaluated numbers: plain arithmetic in Fr on values at xi. The group check of section 7
// turns an equation between such values into one between limb polynomials, and that into one modulo q.

/*
@title  Fq2Mul: a * b, 3 constraints
@input  a, b   evaluated numbers
@output out    (a0 b0 - a1 b1, a0 b1 + a1 b0)
*/
template Fq2Mul() {
    signal input a[2];
    signal input b[2];
    signal output out[2];
    signal low <== a[0] * b[0];
    signal high <== a[1] * b[1];
    signal cross <== (a[0] + a[1]) * (b[0] + b[1]);
    out[0] <== low - high;
    out[1] <== cross - low - high;
}

/*
@title  Fq2Square: a^2, 2 constraints
@input  a     evaluated numbers
@output out   ((a0 - a1)(a0 + a1), 2 a0 a1)
*/
template Fq2Square() {
    signal input a[2];
    signal output out[2];
    out[0] <== (a[0] - a[1]) * (a[0] + a[1]);
    out[1] <== 2 * a[0] * a[1];
}
