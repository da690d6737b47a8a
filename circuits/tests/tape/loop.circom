pragma circom 2.1.6;

/*
@title  Loop: as many turns as an input says
@input  turns  small
@output out    nothing constrained
*/
template Loop() {
    signal input turns;
    signal output out;
    var sum = 0;
    for (var i = 0; i < turns; i++) {
        sum += i;
    }
    out <-- sum;
}

component main = Loop();
