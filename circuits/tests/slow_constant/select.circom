pragma circom 2.1.6;

include "key.circom";
include "lib/groth16/fixed_base.circom";

/*
@title  Select: the selected entry of every window at xi
@input  bits, xi   digits and the evaluation point
@output x, y       one point per window, sign applied
*/
template Select() {
    signal input bits[g16_fixed_bits()];
    signal input xi;
    signal output x[g16_fixed_windows()];
    signal output y[g16_fixed_windows()];
    component entry[g16_fixed_windows()];
    for (var i = 0; i < g16_fixed_windows(); i++) {
        entry[i] = FixedBaseSelect(g16_fixed_width(i), g16_fixed_base(i));
        for (var k = 0; k < g16_fixed_width(i); k++) {
            entry[i].bits[k] <== bits[7 * i + k];
        }
        entry[i].xi <== xi;
        x[i] <== entry[i].x;
        y[i] <== entry[i].y;
    }
}

component main = Select();
