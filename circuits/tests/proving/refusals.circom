pragma circom 2.1.6;

/*
@title  Small: refuses at witness generation what is not below 4, in a template of its own
@input  in
*/
template Small() {
    signal input in;
    assert(in < 4);
    in * (in - 1) * 0 === 0;
}

/*
@title  Refusals: reports where an assertion failed
@input  values below 4 each
@output x
*/
template Refusals() {
    signal input values[3];
    signal output x;
    component small[3];
    for (var i = 0; i < 3; i++) {
        small[i] = Small();
        small[i].in <== values[i];
    }
    x <== values[0] * values[1] + values[2];
}

component main = Refusals();
