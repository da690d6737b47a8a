pragma circom 2.1.6;

include "number.circom";
include "constants.circom";
include "fixed_argument.circom";
include "fixed_base.circom";
include "accumulator.circom";
include "quotient.circom";
include "verify.circom";
include "rounds.circom";
include "identities.circom";

// Groth16 over BN254, verified inside a BN254 circuit that contains the verifying key (mode b). The scheme is that of
// verify.circom; V comes from tables of IC1, both fixed arguments have constant coefficients and their product is what
// is committed for each window, and there is no digest. A main file includes the file generated for its key and number
// of proofs (`generate --key`), which has the plan, the key's numbers and the tables.

// Committed numbers of round 1 and identities per proof; rounds 2 and 3 have those of verify.circom.
function g16_constant_round1() { return 437; }
function g16_constant_identities() { return 461; }
// Constant numbers of a key: IC0, ML(alpha, beta), 156 coefficients of delta.
function g16_key_numbers_count() { return 320; }

/*
@title  ConstantKeyIdentities: all residuals of one proof under the circuit's key, and its window values
@input  round1, round3   the proof's committed numbers at xi
@input  key              the key's 320 numbers at xi
@input  gamma            gamma's coefficients at xi
@input  frobenius        from FrobeniusPowers
@input  bits             digit bits of x
@input  z                Z0..Z12
@input  power            xi^0..xi^16
@output residual         461 residuals in the order of the plan
@output value            33 window values V_j
*/
template ConstantKeyIdentities() {
    signal input round1[g16_constant_round1()];
    signal input round3[g16_round3()];
    signal input key[g16_key_numbers_count()];
    signal input gamma[g16_fixed_terms()][2];
    signal input frobenius[3][6];
    signal input bits[g16_fixed_bits()];
    signal input z[13];
    signal input power[17];
    signal output residual[g16_constant_identities()];
    signal output value[g16_windows()];

    // Round 1: points | V | slopes and inverses to V | the pairing's.
    var mAt = 10;
    var inverseAt = mAt + 37;
    var pairingAt = inverseAt + 2;
    // The key: IC0 | ML(alpha, beta) | delta.
    var mabAt = 2;
    var deltaAt = mabAt + 6;

    component point = FixedBasePoint();
    point.bits <== bits;
    point.ic0 <== [key[0], key[1]];
    point.xV <== round1[8];
    point.yV <== round1[9];
    point.xi <== power[1];
    for (var i = 0; i < 37; i++) { point.slope[i] <== round1[mAt + i]; }
    for (var i = 0; i < 2; i++) { point.inverse[i] <== round1[inverseAt + i]; }

    component ofV = FixedMonomials();
    component ofC = FixedMonomials();
    ofV.point <== [round1[8], round1[9]];
    ofC.point <== [round1[2], round1[3]];
    for (var i = 0; i < 12; i++) {
        ofV.committed[i] <== round3[g16_monomials_at() + i];
        ofC.committed[i] <== round3[g16_monomials_at() + 12 + i];
    }
    ofV.z <== z;
    ofC.z <== z;
    ofV.coefficient <== gamma;
    for (var k = 0; k < g16_fixed_terms(); k++) {
        for (var h = 0; h < 2; h++) { ofC.coefficient[k][h] <== key[deltaAt + 2 * k + h]; }
    }

    component pairing = PairingIdentities();
    for (var i = 0; i < 8; i++) { pairing.points[i] <== round1[i]; }
    for (var i = 0; i < g16_pairing_round1(); i++) { pairing.round1[i] <== round1[pairingAt + i]; }
    pairing.round3 <== round3;
    for (var i = 0; i < 6; i++) { pairing.mab[i] <== key[mabAt + i]; }
    // The committed window numbers M_j stand for both fixed arguments.
    for (var j = 0; j < g16_windows(); j++) { pairing.gamma[j] <== 1; }
    pairing.frobenius <== frobenius;
    pairing.z <== z;
    pairing.power <== power;
    value <== pairing.value;

    var at = 0;
    for (var i = 0; i < 4; i++) { residual[at] <== pairing.curve[i]; at++; }
    for (var i = 0; i < 36; i++) { residual[at] <== point.adds[i]; at++; }
    for (var i = 0; i < 5; i++) { residual[at] <== point.last[i]; at++; }
    for (var i = 0; i < 2; i++) { residual[at] <== pairing.az[i]; at++; }
    for (var i = 0; i < 12; i++) { residual[at] <== ofV.residual[i]; at++; }
    for (var i = 0; i < 12; i++) { residual[at] <== ofC.residual[i]; at++; }
    for (var i = 0; i < 5; i++) { residual[at] <== pairing.torus[i]; at++; }
    for (var i = 0; i < 174; i++) { residual[at] <== pairing.slopes[i]; at++; }
    for (var i = 0; i < 87; i++) { residual[at] <== pairing.lines[i]; at++; }
    for (var i = 0; i < 71; i++) { residual[at] <== pairing.accumulators[i]; at++; }
    for (var j = 0; j < g16_windows(); j++) {
        residual[at] <== ofV.value[j] * ofC.value[j] - round3[g16_window_numbers_at() + j];
        at++;
    }
    for (var i = 0; i < 16; i++) { residual[at] <== pairing.checkpoints[i]; at++; }
    for (var i = 0; i < 4; i++) { residual[at] <== pairing.end[i]; at++; }
}

/*
@title  Groth16VerifyConstant: P proofs under the key that the circuit contains
@param  P        proofs
@input  active   which proofs are checked. The caller derives it from the claim it proves; an inactive slot verifies nothing
@input  x        the public inputs; the caller binds them
@input  u1, u2, u3s, u3   committed numbers of rounds 1 to 3 as limbs; the ranges are enforced here
@input  nonce    any value; lets the prover dodge the completeness gap of ChallengeBits
@input  e_bits   digit bits of x, enforced boolean here
@input  r_limbs, k_checked, k_free   round 4; the ranges of the first two are enforced here
*/
template Groth16VerifyConstant(P) {
    var n = g16_limbs();
    var each1 = g16_constant_round1();
    var each3 = g16_round3();
    var shared = g16_round3_shared();
    var identities = g16_constant_identities();
    signal input {binary} active[P];
    signal input x[P];
    signal input u1[P][each1][n];
    signal input u2[g16_round2()][n];
    signal input u3s[shared][n];
    signal input u3[P][each3][n];
    signal input nonce;
    signal input e_bits[P][g16_fixed_bits()];
    signal input r_limbs[g16_r_total()];
    signal input k_checked[g16_k_total()];
    signal input k_free[g16_free_total()];

    component rounds = Rounds(2 + 3 * P, P * g16_windows(), P * each1, shared + P * each3);
    var flags = 0;
    for (var p = 0; p < P; p++) {
        flags += active[p] * 2 ** p;
        rounds.header[2 + 3 * p] <== x[p];
        (rounds.header[3 + 3 * p], rounds.header[4 + 3 * p]) <== FixedBaseDigits()(x[p], e_bits[p]);
        for (var k = 0; k < each1; k++) { rounds.u1[p * each1 + k] <== u1[p][k]; }
        for (var k = 0; k < each3; k++) { rounds.u3[shared + p * each3 + k] <== u3[p][k]; }
    }
    rounds.header[0] <== nonce;
    rounds.header[1] <== flags;
    rounds.u2 <== u2;
    for (var k = 0; k < shared; k++) { rounds.u3[k] <== u3s[k]; }
    rounds.r_limbs <== r_limbs;
    rounds.k_checked <== k_checked;
    rounds.k_free <== k_free;

    // All identities at xi.
    signal power[17] <== rounds.power;
    component powers = PowersOfZ();
    powers.limb <== rounds.z;
    powers.xi <== power[1];
    for (var k = 0; k < shared; k++) { powers.committed[k] <== rounds.at3[k]; }
    signal key[g16_key_numbers_count()] <== ConstantsAt(g16_key_numbers_count(), g16_key_numbers())(power);
    signal gamma[g16_fixed_terms()][2] <== GammaCoefficients()(power);
    signal frobenius[3][6] <== FrobeniusPowers()(power, powers.small);
    component groups = GroupCombinations(P, identities);
    component main_ = MainIdentity(P);
    component proof[P];
    for (var p = 0; p < P; p++) {
        proof[p] = ConstantKeyIdentities();
        for (var k = 0; k < each1; k++) { proof[p].round1[k] <== rounds.at1[p * each1 + k]; }
        for (var k = 0; k < each3; k++) { proof[p].round3[k] <== rounds.at3[shared + p * each3 + k]; }
        proof[p].key <== key;
        proof[p].gamma <== gamma;
        proof[p].frobenius <== frobenius;
        proof[p].bits <== e_bits[p];
        proof[p].z <== powers.small;
        proof[p].power <== power;
        for (var k = 0; k < identities; k++) {
            groups.residual[p * identities + k] <== proof[p].residual[k];
        }
        main_.value[p] <== proof[p].value;
    }
    for (var k = 0; k < shared; k++) {
        groups.residual[P * identities + k] <== powers.residual[k];
    }
    groups.rho <== rounds.rho;
    groups.active <== active;
    main_.rho <== rounds.rhoV;
    main_.active <== active;
    main_.remainder <== Remainder()(rounds.at2, powers.small, powers.large);

    component check = QuotientChecks();
    check.sum[0] <== main_.sum;
    for (var g = 0; g < g16_groups(); g++) { check.sum[g + 1] <== groups.sum[g]; }
    check.r <== r_limbs;
    check.checked <== k_checked;
    check.free <== k_free;
    check.power <== power;
    signal modulus[1] <== ConstantsAt(1, [g16_q_limbs()])(power);
    check.modulus <== modulus[0];
}
