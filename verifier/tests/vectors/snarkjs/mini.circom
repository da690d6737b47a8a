pragma circom 2.1.6;

// A small circuit with one public input, for a real proof.
template Mini() {
    signal input x;
    signal input a;
    signal input b;
    signal step[8];
    step[0] <== a * b + 3;
    for (var i = 1; i < 8; i++) {
        step[i] <== step[i - 1] * step[i - 1] + i;
    }
    x === step[7];
}

component main {public [x]} = Mini();
