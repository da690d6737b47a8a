pragma circom 2.1.6;

/*
@title  Chain: takes the inputs of powers.circom; hundreds of points in every query of its key
@input  a      any field element
@input  bits   boolean, enforced here
@input  unused occurs in no constraint
@output x      the end of the chain
*/
template Chain(n, steps) {
    signal input a;
    signal input bits[n];
    signal input unused;
    signal output x;
    signal state[steps + 1];
    for (var i = 0; i < n; i++) {
        bits[i] * (bits[i] - 1) === 0;
    }
    state[0] <== a;
    for (var i = 0; i < steps; i++) {
        state[i + 1] <== state[i] * (state[i] + 3 * bits[i % n]) + i;
    }
    x <== state[steps];
}

component main = Chain(20, 280);
