pragma circom 2.1.6;

include "lib/netted/close.circom";

component main = CloseClaims();
