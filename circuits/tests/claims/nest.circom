pragma circom 2.1.6;

include "lib/nest.circom";

component main = NestClaims();
