pragma circom 2.1.6;

function larger(a, b) {
    if (a > b) {
        return a;
    }
    return b;
}

/*
@title  Return: a function that ends where an input says
@input  a, b  any field elements
@output out   nothing constrained
*/
template Return() {
    signal input a;
    signal input b;
    signal output out;
    out <-- larger(a, b);
}

component main = Return();
