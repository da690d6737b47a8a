pragma circom 2.1.6;

/*
@title  Squares: a chain of squares
@param  n steps, one constraint each
@input  a any field element
@output x the end of the chain
*/
template Squares(n) {
    signal input a;
    signal output x;
    signal square[n];
    var last = a;
    for (var i = 0; i < n; i++) {
        square[i] <== last * last + 5;
        last = square[i];
    }
    x <== last;
}

/*
@title  Dense: a long chain of squares, so that nearly every wire is a full-size scalar
@param  parts, steps  parts * steps constraints; in parts, because the compiler takes time in proportion to an array's size
        for every cell that is assigned in it
@input  a any field element
@output x the end of the chain
*/
template Dense(parts, steps) {
    signal input a;
    signal output x;
    component part[parts];
    for (var i = 0; i < parts; i++) {
        part[i] = Squares(steps);
        if (i == 0) {
            part[i].a <== a;
        } else {
            part[i].a <== part[i - 1].x;
        }
    }
    x <== part[parts - 1].x;
}

component main = Dense(512, 511);
