pragma circom 2.1.6;

include "lib/statement.circom";

// @title Every digest of lib/statement.circom over the same fields
// @input in any field elements
// @output out keys, leaf, global, program, merge, nest
template Statements() {
    signal input in[9];
    signal output out[6];
    out[0] <== KeysDigest()(in[0], in[1], in[2]);
    out[1] <== LeafDigest()(in[0], in[1], in[2], in[3], in[4], in[5], in[6]);
    out[2] <== GlobalDigest()(in[0], in[1], in[2], in[3], in[4]);
    out[3] <== ProgramStatement()(in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7], in[8]);
    out[4] <== MergeStatement()(in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7]);
    out[5] <== NestStatement()(in[0], in[1], in[2]);
}

component main = Statements();
