pragma circom 2.1.6;

/*
@title  MissingBit: the bits of an 8-bit value, one of them a bit only by its name
@input  in
*/
template MissingBit() {
    signal input in;
    signal output bit[8];
    var sum = 0;
    for (var i = 0; i < 8; i++) {
        bit[i] <-- (in >> i) & 1;
        if (i != 5) { bit[i] * (bit[i] - 1) === 0; }
        sum += bit[i] * 2 ** i;
    }
    sum === in;
}

component main = MissingBit();
