pragma circom 2.1.6;

function larger(a, b) {
    var result = b;
    if (a > b) {
        result = a;
    }
    return result;
}

/*
@title  Branches: what depends on conditions on inputs
@input  a, b         any field elements
@input  list, other  the same three field elements, enforced here
@output out          nothing constrained
*/
template Branches() {
    signal input a;
    signal input b;
    signal input list[3];
    signal input other[3];
    signal output out[5];
    var x = 5;
    var y = a;
    if (a == b) {
        x = a * 3;
    } else {
        y = b;
        if (a < b) {
            x = x + b;
            y = 1;
        }
    }
    out[0] <-- x;
    out[1] <-- y;
    out[2] <-- a != 0 ? 1 / a : 0;
    out[3] <-- larger(a, b);
    list === other;
    // Bits of a word, an assertion on their sum, and one that a value is not zero.
    var sum = 0;
    signal bits[8];
    for (var i = 0; i < 8; i++) {
        bits[i] <-- (b >> i) & 1;
        bits[i] * (bits[i] - 1) === 0;
        sum += bits[i] * 2 ** i;
    }
    sum === b;
    assert(a);
    assert(!(a == 77));
    out[4] <-- sum + bits[7];
}

component main = Branches();
