pragma circom 2.1.6;

include "lib/netted/join.circom";

component main = JoinClaims();
