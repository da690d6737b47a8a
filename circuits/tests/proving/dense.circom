pragma circom 2.1.6;

/*
@title  Dense: a chain of squares, so that nearly every wire is a full-size scalar
@param  n steps, one constraint each
@input  a any field element
@output x the end of the chain
*/
template Dense(n) {
    signal input a;
    signal output x;
    signal square[n + 1];
    square[0] <== a;
    for (var i = 0; i < n; i++) {
        square[i + 1] <== square[i] * square[i] + 5;
    }
    x <== square[n];
}

component main = Dense(262000);
