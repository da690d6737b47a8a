pragma circom 2.1.6;

/*
@title  Powers: a small circuit with everything that a proving key distinguishes
@input  a      any field element
@input  bits   a multiplier for each step; boolean, enforced here
@input  unused occurs in no constraint
@output x      the last power, times a
*/
template Powers(n) {
    signal input a;
    signal input bits[n];
    signal input unused;
    signal output x;
    signal power[n + 1];
    power[0] <== a;
    for (var i = 0; i < n; i++) {
        assert(bits[i] < 2);
        bits[i] * (bits[i] - 1) === 0;
        power[i + 1] <== power[i] * (3 * power[i] + 5 * bits[i] - a) + i;
    }
    x <== power[n] * a;
}

component main = Powers(20);
