pragma circom 2.1.6;

include "lib/account.circom";
include "lib/channel.circom";

// @title Every digest of a message and its channel over the same fields
// @input in any field elements
// @output out message, channel, key, body
template Messages() {
    signal input in[5];
    signal output out[4];
    signal word <== MessageWord()(in[0], in[1], in[2], in[3]);
    out[0] <== MessageDigest()(word, in[4]);
    out[1] <== ChannelDigest()(in[0], in[1]);
    out[2] <== KeyDigest()([in[0], in[1]]);
    out[3] <== BodyDigest()(in[0], in[1], in[2]);
}

component main = Messages();
