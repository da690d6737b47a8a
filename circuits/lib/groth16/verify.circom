pragma circom 2.1.6;

include "number.circom";
include "constants.circom";
include "transcript.circom";
include "miller.circom";
include "fixed_argument.circom";
include "public_input.circom";
include "accumulator.circom";
include "quotient.circom";

// Groth16 over BN254, verified inside a BN254 circuit, the verifying key a witness bound by its digest.
//
//   e(A, B) = e(alpha, beta) e(IC0 + x IC1, gamma) e(C, delta)         gamma = the standard G2 generator
//
// The prover commits to slopes, torus states, quotients and values at challenges in four rounds; every equation modulo
// q becomes a residual, a polynomial in the limb variable X that must vanish at 2^15 modulo q; random combinations of
// residuals are checked at a random X = xi. A main file includes plan_a<P>.circom, which fixes the groups and bounds.

// Committed numbers per round, and identities per proof.
function g16_round1() { return 541; }
function g16_round2() { return 139; }
function g16_round3_shared() { return 21; }
function g16_round3() { return 222; }
function g16_identities() { return 565; }
function g16_vk_numbers() { return 384; }

/*
@title  KeyDigest: Poseidon sponge over a verifying key's words (section 9), 72 permutations
@input  words   IC0, 32 comb entries, ML(alpha, beta), 156 coefficients of delta: 384 numbers of three signed words
@output digest  lane 1
*/
template KeyDigest() {
    signal input words[3 * g16_vk_numbers()];
    signal output digest;
    signal state[17] <== Absorb(3 * g16_vk_numbers())(g16_vk_iv(), words);
    digest <== state[1];
}

/*
@title  PowersOfXi: xi^0..xi^16
@input  xi
@output power
*/
template PowersOfXi() {
    signal input xi;
    signal output power[17];
    power[0] <== 1;
    power[1] <== xi;
    for (var i = 2; i < 17; i++) {
        power[i] <== power[i - 1] * xi;
    }
}

/*
@title  PowersOfZ: z and its committed powers at xi, with the residuals that define them
@input  limb       9 signed limbs of z
@input  committed  Z2..Z12, Z24, Z36, .., Z132
@input  xi         the challenge
@output small      Z0..Z12
@output large      Z0, Z12, Z24, .., Z132
@output residual   21: Z_floor(k/2) Z_ceil(k/2) - Z_k, then Z_(k-12) Z12 - Z_k
*/
template PowersOfZ() {
    signal input limb[9];
    signal input committed[g16_round3_shared()];
    signal input xi;
    signal output small[13];
    signal output large[12];
    signal output residual[g16_round3_shared()];
    signal step[8];
    var z = limb[8];
    for (var i = 7; i >= 0; i--) {
        step[i] <== z * xi;
        z = step[i] + limb[i];
    }
    small[0] <== 1;
    small[1] <== z;
    for (var k = 2; k < 13; k++) {
        small[k] <== committed[k - 2];
        residual[k - 2] <== small[k \ 2] * small[k - k \ 2] - small[k];
    }
    large[0] <== 1;
    large[1] <== small[12];
    for (var k = 2; k < 12; k++) {
        large[k] <== committed[9 + k];
        residual[9 + k] <== large[k - 1] * small[12] - large[k];
    }
}

/*
@title  Remainder: S(z) + (Z12 - 18 Z6 + 82) Q(z), the right side of the main identity (section 6.7)
@input  value   S_0..S_5, Q_0..Q_132 at xi
@input  small, large   powers of z
@output out
*/
template Remainder() {
    signal input value[g16_round2()];
    signal input small[13];
    signal input large[12];
    signal output out;
    signal even[6];
    var remainder = 0;
    for (var i = 0; i < 6; i++) {
        even[i] <== value[i] * small[2 * i];
        remainder += even[i];
    }
    signal term[12][12];
    signal row[12];
    var quotient = 0;
    for (var b = 0; b < 12; b++) {
        var sum = 0;
        for (var i = 0; i < 12; i++) {
            if (12 * b + i < 133) {
                term[b][i] <== value[6 + 12 * b + i] * small[i];
                sum += term[b][i];
            } else {
                term[b][i] <== 0;
            }
        }
        row[b] <== sum * large[b];
        quotient += row[b];
    }
    signal multiple <== quotient * (small[12] - 18 * small[6] + 82);
    out <== remainder + multiple;
}

/*
@title  ProofIdentities: all residuals of one proof and its window values
@input  round1, round3   the proof's committed numbers at xi
@input  vk               the key's 384 numbers at xi
@input  gamma            gamma's coefficients at xi
@input  frobenius        from FrobeniusPowers
@input  bits             comb bits of x
@input  z                Z0..Z12
@input  power            xi^0..xi^16
@output residual         565 residuals in the order of the plan
@output value            33 window values V_j
*/
template ProofIdentities() {
    signal input round1[g16_round1()];
    signal input round3[g16_round3()];
    signal input vk[g16_vk_numbers()];
    signal input gamma[g16_fixed_terms()][2];
    signal input frobenius[3][6];
    signal input bits[g16_comb_bits()];
    signal input z[13];
    signal input power[17];
    signal output residual[g16_identities()];
    signal output value[g16_windows()];

    // Round 1: points | comb | residue witness | states | slopes | checkpoints.
    signal xA <== round1[0];
    signal yA <== round1[1];
    signal xC <== round1[2];
    signal yC <== round1[3];
    signal xB[2] <== [round1[4], round1[5]];
    signal yB[2] <== [round1[6], round1[7]];
    signal xV <== round1[8];
    signal yV <== round1[9];
    var vxAt = 10;
    var vyAt = vxAt + 43;
    var mAt = vyAt + 8;
    var inverseAt = mAt + 85;
    var cAt = inverseAt + 7;
    var tAt = cAt + 6;
    var slopeAt = tAt + 192;
    var checkpointAt = slopeAt + 174;
    // Round 3: AZ | monomials of V, C | Cz Fr Mz | lines | accumulators | Gd.
    var monomialAt = 2;
    var torusAt = monomialAt + 24;
    var lineAt = torusAt + 5;
    var nAt = lineAt + 87;
    var deltaAt = nAt + 71;
    // The key: IC0 | comb (x, y by entry) | ML(alpha, beta) | delta.
    var tableAt = 2;
    var mabAt = tableAt + 64;
    var deltaWordsAt = mabAt + 6;
    var at = 0;

    signal xxA <== xA * xA;
    signal xxC <== xC * xC;
    signal yyA <== yA * yA;
    signal yyC <== yC * yC;
    residual[0] <== yyA - xxA * xA - 3;
    residual[1] <== yyC - xxC * xC - 3;
    signal xxB[2] <== Fq2Square()(xB);
    signal yyB[2] <== Fq2Square()(yB);
    signal cubeB[2] <== Fq2Mul()(xxB, xB);
    signal b[2] <== ConstantsAt(2, g16_twist_b())(power);
    residual[2] <== yyB[0] - cubeB[0] - b[0];
    residual[3] <== yyB[1] - cubeB[1] - b[1];
    at = 4;

    component point = PublicInputPoint();
    point.bits <== bits;
    for (var i = 0; i < 32; i++) {
        point.tableX[i] <== vk[tableAt + 2 * i];
        point.tableY[i] <== vk[tableAt + 2 * i + 1];
    }
    point.ic0 <== [vk[0], vk[1]];
    point.xV <== xV;
    point.yV <== yV;
    for (var i = 0; i < 43; i++) { point.vx[i] <== round1[vxAt + i]; }
    for (var i = 0; i < 8; i++) { point.vy[i] <== round1[vyAt + i]; }
    for (var i = 0; i < 85; i++) { point.slope[i] <== round1[mAt + i]; }
    for (var i = 0; i < 7; i++) { point.inverse[i] <== round1[inverseAt + i]; }
    for (var i = 0; i < 42; i++) { residual[at] <== point.doubles[i]; at++; }
    for (var i = 0; i < 42; i++) { residual[at] <== point.adds[i]; at++; }
    for (var i = 0; i < 43; i++) { residual[at] <== point.xs[i]; at++; }
    for (var i = 0; i < 8; i++) { residual[at] <== point.ys[i]; at++; }
    for (var i = 0; i < 6; i++) { residual[at] <== point.inverses[i]; at++; }
    for (var i = 0; i < 4; i++) { residual[at] <== point.last[i]; at++; }

    residual[at] <== xA * z[1] - round3[0];
    residual[at + 1] <== xA * z[7] - round3[1];
    at += 2;
    component monomials[2];
    for (var k = 0; k < 2; k++) {
        monomials[k] = Monomials();
        monomials[k].x <== k == 0 ? xV : xC;
        monomials[k].y <== k == 0 ? yV : yC;
        monomials[k].z <== z;
        for (var i = 0; i < 12; i++) {
            monomials[k].committed[i] <== round3[monomialAt + 12 * k + i];
        }
        for (var i = 0; i < 12; i++) { residual[at] <== monomials[k].residual[i]; at++; }
    }

    signal c[6];
    for (var i = 0; i < 6; i++) { c[i] <== round1[cAt + i]; }
    signal mab[6];
    for (var i = 0; i < 6; i++) { mab[i] <== vk[mabAt + i]; }
    signal torus[5];
    torus[0] <== TorusAt()(c, z);
    for (var k = 0; k < 3; k++) {
        torus[1 + k] <== TorusOfFrobenius()(c, frobenius[k]);
    }
    torus[4] <== TorusAt()(mab, z);
    for (var i = 0; i < 5; i++) { residual[at + i] <== torus[i] - round3[torusAt + i]; }
    at += 5;

    component miller = MillerLoop();
    miller.xB <== xB;
    miller.yB <== yB;
    miller.yA <== yA;
    miller.az1 <== round3[0];
    miller.az7 <== round3[1];
    miller.z3 <== z[3];
    miller.z9 <== z[9];
    miller.power <== power;
    for (var k = 0; k < 87; k++) {
        for (var h = 0; h < 2; h++) { miller.slope[k][h] <== round1[slopeAt + 2 * k + h]; }
    }
    for (var k = 0; k < 4; k++) {
        for (var i = 0; i < 4; i++) { miller.checkpoint[k][i] <== round1[checkpointAt + 4 * k + i]; }
    }
    for (var k = 0; k < 87; k++) {
        for (var h = 0; h < 2; h++) { residual[at] <== miller.slopes[k][h]; at++; }
    }
    for (var k = 0; k < 87; k++) {
        residual[at] <== miller.line[k] - round3[lineAt + k];
        at++;
    }

    component gammaWindows = FixedArgument();
    gammaWindows.low <== monomials[0].low;
    gammaWindows.high <== monomials[0].high;
    gammaWindows.coefficient <== gamma;
    component deltaWindows = FixedArgument();
    deltaWindows.low <== monomials[1].low;
    deltaWindows.high <== monomials[1].high;
    for (var k = 0; k < g16_fixed_terms(); k++) {
        for (var h = 0; h < 2; h++) {
            deltaWindows.coefficient[k][h] <== vk[deltaWordsAt + 2 * k + h];
        }
    }

    component accumulator = Accumulator();
    for (var j = 0; j < 32; j++) {
        for (var i = 0; i < 6; i++) { accumulator.state[j][i] <== round1[tAt + 6 * j + i]; }
    }
    accumulator.cz <== round3[torusAt];
    for (var k = 0; k < 3; k++) { accumulator.fr[k] <== round3[torusAt + 1 + k]; }
    accumulator.mz <== round3[torusAt + 4];
    for (var k = 0; k < 87; k++) { accumulator.line[k] <== round3[lineAt + k]; }
    for (var k = 0; k < 71; k++) { accumulator.n[k] <== round3[nAt + k]; }
    accumulator.gamma <== gammaWindows.value;
    for (var j = 0; j < 33; j++) { accumulator.delta[j] <== round3[deltaAt + j]; }
    accumulator.z <== z;
    value <== accumulator.value;
    for (var k = 0; k < 71; k++) { residual[at] <== accumulator.residual[k]; at++; }
    for (var j = 0; j < 33; j++) {
        residual[at] <== deltaWindows.value[j] - round3[deltaAt + j];
        at++;
    }

    for (var k = 0; k < 4; k++) {
        for (var i = 0; i < 4; i++) {
            residual[at] <== miller.checkpoints[k][i];
            at++;
        }
    }
    for (var i = 0; i < 4; i++) { residual[at] <== miller.end[i]; at++; }
}

/*
@title  GroupSums: the random combination of every group; residuals of an inactive proof are taken out as a block
@param  P         proofs
@input  residual  residuals of all proofs, then those of the powers of z
@input  rho       challenges
@input  active    boolean, enforced by the caller of Groth16Verify
@output sum       one per group
*/
template GroupSums(P) {
    var size = g16_group_size();
    var all = P * g16_identities() + g16_round3_shared();
    signal input residual[all];
    signal input rho[size];
    signal input {binary} active[P];
    signal output sum[g16_groups()];
    var slots[g16_groups()][size] = g16_slots();
    signal term[g16_groups()][size];
    signal block[g16_groups()][P];
    for (var g = 0; g < g16_groups(); g++) {
        var part[P + 1];
        for (var p = 0; p <= P; p++) { part[p] = 0; }
        for (var a = 0; a < size; a++) {
            if (slots[g][a] != -1) {
                term[g][a] <== rho[a] * residual[slots[g][a]];
                part[slots[g][a] \ g16_identities()] += term[g][a];
            } else {
                term[g][a] <== 0;
            }
        }
        var total = part[P];
        for (var p = 0; p < P; p++) {
            block[g][p] <== active[p] * part[p];
            total += block[g][p];
        }
        sum[g] <== total;
    }
}

/*
@title  MainIdentity: sum_p active_p sum_j rhoV V_(p,j) - S(z) - (Z12 - 18 Z6 + 82) Q(z)
@param  P          proofs
@input  value      window values
@input  rho        33 P challenges
@input  active     boolean
@input  remainder  from Remainder
@output sum
*/
template MainIdentity(P) {
    signal input value[P][g16_windows()];
    signal input rho[P * g16_windows()];
    signal input {binary} active[P];
    signal input remainder;
    signal output sum;
    signal term[P][g16_windows()];
    signal block[P];
    var total = -remainder;
    for (var p = 0; p < P; p++) {
        var part = 0;
        for (var j = 0; j < g16_windows(); j++) {
            term[p][j] <== rho[g16_windows() * p + j] * value[p][j];
            part += term[p][j];
        }
        block[p] <== active[p] * part;
        total += block[p];
    }
    sum <== total;
}

/*
@title  Groth16Verify: P proofs under K keys given as witness; 416 k constraints for one proof (circuits.toml pins it)
@param  P        proofs
@param  K        keys
@param  keyOf    keyOf[p]: the key of proof p
@input  active   which proofs are checked. The caller derives it from the claim it proves; an inactive slot verifies nothing
@input  x        the public inputs; the caller binds them
@input  keyDigest  digest of each key, enforced here to be that of vkw; the caller compares it with a trusted one
@input  u1, u2, u3s, u3   committed numbers of rounds 1 to 3 as limbs; the ranges are enforced here
@input  nonce    any value; lets the prover dodge the completeness gap of ChallengeBits
@input  e_bits   comb bits of x, enforced boolean here
@input  vkw      the keys' words, bound by keyDigest
@input  r_limbs, k_checked, k_free   round 4; the ranges of the first two are enforced here
*/
template Groth16Verify(P, K, keyOf) {
    var n = g16_limbs();
    var numbers1 = P * g16_round1();
    var numbers3 = g16_round3_shared() + P * g16_round3();
    signal input {binary} active[P];
    signal input x[P];
    signal input keyDigest[K];
    signal input u1[P][g16_round1()][n];
    signal input u2[g16_round2()][n];
    signal input u3s[g16_round3_shared()][n];
    signal input u3[P][g16_round3()][n];
    signal input nonce;
    signal input e_bits[P][g16_comb_bits()];
    signal input vkw[K][3 * g16_vk_numbers()];
    signal input r_limbs[g16_r_total()];
    signal input k_checked[g16_k_total()];
    signal input k_free[g16_free_total()];

    signal digest[K];
    for (var k = 0; k < K; k++) {
        digest[k] <== KeyDigest()(vkw[k]);
        digest[k] === keyDigest[k];
    }

    // Round 1: header and numbers, then the coefficients of the window values.
    signal all1[numbers1][n];
    for (var p = 0; p < P; p++) {
        for (var k = 0; k < g16_round1(); k++) {
            all1[p * g16_round1() + k] <== u1[p][k];
        }
    }
    var packed1 = g16_ceil(254 * numbers1, 253);
    var header = 2 + 4 * P;
    signal words1[packed1] <== CommittedNumbers(numbers1)(all1);
    signal absorbed1[header + packed1];
    signal eLow[P];
    signal eHigh[P];
    var flags = 0;
    for (var p = 0; p < P; p++) {
        flags += active[p] * 2 ** p;
        (eLow[p], eHigh[p]) <== CombDigits()(x[p], e_bits[p]);
        absorbed1[2 + 4 * p] <== digest[keyOf[p]];
        absorbed1[3 + 4 * p] <== x[p];
        absorbed1[4 + 4 * p] <== eLow[p];
        absorbed1[5 + 4 * p] <== eHigh[p];
    }
    absorbed1[0] <== nonce;
    absorbed1[1] <== flags;
    for (var i = 0; i < packed1; i++) { absorbed1[header + i] <== words1[i]; }
    signal state1[17] <== Absorb(header + packed1)(g16_iv(), absorbed1);
    var width = g16_coefficient_bits();
    var windows = P * g16_windows();
    var squeezed1 = g16_ceil(windows * width, 253);
    signal (challenge1[squeezed1], capacity1) <== Squeeze(squeezed1)(state1);
    signal rhoV[windows] <== Challenges(squeezed1, windows, width)(challenge1);

    // Round 2: remainder and quotient of the main identity by the field polynomial, then z.
    var packed2 = g16_ceil(254 * g16_round2(), 253);
    signal words2[packed2] <== CommittedNumbers(g16_round2())(u2);
    signal state2[17] <== Absorb(packed2)(capacity1, words2);
    signal (challenge2[1], capacity2) <== Squeeze(1)(state2);
    signal z[9] <== Challenges(1, 9, g16_limb_bits())(challenge2);

    // Round 3: everything that depends on z, then the coefficients of the groups.
    signal all3[numbers3][n];
    for (var k = 0; k < g16_round3_shared(); k++) { all3[k] <== u3s[k]; }
    for (var p = 0; p < P; p++) {
        for (var k = 0; k < g16_round3(); k++) {
            all3[g16_round3_shared() + p * g16_round3() + k] <== u3[p][k];
        }
    }
    var packed3 = g16_ceil(254 * numbers3, 253);
    signal words3[packed3] <== CommittedNumbers(numbers3)(all3);
    signal state3[17] <== Absorb(packed3)(capacity2, words3);
    var size = g16_group_size();
    var squeezed3 = g16_ceil(size * width, 253);
    signal (challenge3[squeezed3], capacity3) <== Squeeze(squeezed3)(state3);
    signal rho[size] <== Challenges(squeezed3, size, width)(challenge3);

    // Round 4: quotients and carries, then xi.
    signal words4[g16_quotient_words()] <== QuotientWords()(r_limbs, k_checked, k_free);
    signal state4[17] <== Absorb(g16_quotient_words())(capacity3, words4);
    signal power[17] <== PowersOfXi()(state4[1]);

    // All identities at xi.
    signal at1[numbers1] <== EvaluateNumbers(numbers1)(all1, power[1]);
    signal at2[g16_round2()] <== EvaluateNumbers(g16_round2())(u2, power[1]);
    signal at3[numbers3] <== EvaluateNumbers(numbers3)(all3, power[1]);
    signal vk[K][g16_vk_numbers()];
    for (var k = 0; k < K; k++) {
        vk[k] <== EvaluateWords(g16_vk_numbers())(vkw[k], power[g16_word_limbs()]);
    }
    component powers = PowersOfZ();
    powers.limb <== z;
    powers.xi <== power[1];
    for (var k = 0; k < g16_round3_shared(); k++) { powers.committed[k] <== at3[k]; }
    signal gamma[g16_fixed_terms()][2] <== GammaCoefficients()(power);
    signal frobenius[3][6] <== FrobeniusPowers()(power, powers.small);
    component groups = GroupSums(P);
    component main_ = MainIdentity(P);
    component proof[P];
    for (var p = 0; p < P; p++) {
        proof[p] = ProofIdentities();
        for (var k = 0; k < g16_round1(); k++) { proof[p].round1[k] <== at1[p * g16_round1() + k]; }
        for (var k = 0; k < g16_round3(); k++) {
            proof[p].round3[k] <== at3[g16_round3_shared() + p * g16_round3() + k];
        }
        proof[p].vk <== vk[keyOf[p]];
        proof[p].gamma <== gamma;
        proof[p].frobenius <== frobenius;
        proof[p].bits <== e_bits[p];
        proof[p].z <== powers.small;
        proof[p].power <== power;
        for (var k = 0; k < g16_identities(); k++) {
            groups.residual[p * g16_identities() + k] <== proof[p].residual[k];
        }
        main_.value[p] <== proof[p].value;
    }
    for (var k = 0; k < g16_round3_shared(); k++) {
        groups.residual[P * g16_identities() + k] <== powers.residual[k];
    }
    groups.rho <== rho;
    groups.active <== active;
    main_.rho <== rhoV;
    main_.active <== active;
    main_.remainder <== Remainder()(at2, powers.small, powers.large);

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
