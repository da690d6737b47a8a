pragma circom 2.1.6;

/*
@title  Operators: every operator of the language on two values
@input  a, b   any field elements
@input  d      any field element but zero
@output out    the results; nothing is constrained
*/
template Operators() {
    signal input a;
    signal input b;
    signal input d;
    signal output out[25];
    out[0] <-- a + b;
    out[1] <-- a - b;
    out[2] <-- a * b;
    out[3] <-- a / b;
    out[4] <-- a \ d;
    out[5] <-- a % d;
    out[6] <-- a ** b;
    out[7] <-- a == b;
    out[8] <-- a != b;
    out[9] <-- a < b;
    out[10] <-- a > b;
    out[11] <-- a <= b;
    out[12] <-- a >= b;
    out[13] <-- a && b;
    out[14] <-- a || b;
    out[15] <-- !a;
    out[16] <-- a << b;
    out[17] <-- a >> b;
    out[18] <-- a & b;
    out[19] <-- a | b;
    out[20] <-- a ^ b;
    out[21] <-- ~a;
    out[22] <-- -a;
    out[23] <-- (a >> 7) & 1;
    out[24] <-- (a >> 253) & 1;
}

component main = Operators();
