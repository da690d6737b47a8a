//! Bytes that are not the one encoding of a valid value: every bit flipped, every length, every alias.

mod common;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use ark_serialize::CanonicalSerialize;
use common::{Trapdoor, outside_subgroup, scalar, snarkjs};
use trifold_verifier::client::{Network, Update};
use trifold_verifier::codec::*;
use trifold_verifier::groth16::{InvalidPoint, KeyError, PointFault, Proof, VerifyingKey};
use trifold_verifier::json;
use trifold_verifier::statement::{GlobalState, Keys, RangeError};

fn real() -> (VerifyingKey, Fr, Proof) {
    let key = json::verifying_key_from_json(snarkjs::KEY).unwrap();
    let proof = json::proof_from_json(snarkjs::PROOF).unwrap();
    (key, json::public_from_json(snarkjs::PUBLIC).unwrap(), proof)
}

fn state() -> GlobalState {
    let (root, history) = (scalar(1), scalar(2));
    GlobalState {
        epoch: 5,
        depth: 2,
        root,
        history,
        in_flight: 77,
    }
}

fn network() -> Network {
    let keys = Keys {
        merge: scalar(1),
        nest: scalar(2),
        registry: scalar(3),
    };
    Network {
        keys,
        genesis: scalar(4),
        nest_key: Trapdoor::new(1).key(),
    }
}

fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..8 * bytes.len()).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

fn point<T>(name: &'static str, fault: PointFault) -> Result<T, DecodeError> {
    Err(DecodeError::Point(InvalidPoint { name, fault }))
}

/// An integer at or above a modulus, as 32 bytes.
fn bytes<F: PrimeField>(added: u64) -> [u8; 32] {
    let mut integer = F::MODULUS;
    integer.add_with_carry(&F::BigInt::from(added));
    integer.to_bytes_le().try_into().unwrap()
}

#[test]
fn no_flipped_bit_of_a_proof_survives() {
    let (key, x, proof) = real();
    let prepared = key.prepare();
    assert_eq!(
        prepared.verify(x, &Proof::from_bytes(&proof.to_bytes()).unwrap()),
        Ok(())
    );
    for flipped in flips(&proof.to_bytes()) {
        if let Ok(other) = Proof::from_bytes(&flipped) {
            assert_eq!(other.to_bytes().as_slice(), flipped);
            assert!(prepared.verify(x, &other).is_err());
            assert!(key.verify(x, &other).is_err());
        }
    }
}

#[test]
fn no_flipped_bit_of_a_key_survives() {
    let (key, x, proof) = real();
    assert_eq!(VerifyingKey::from_bytes(&key.to_bytes()), Ok(key));
    for flipped in flips(&key.to_bytes()) {
        if let Ok(other) = VerifyingKey::from_bytes(&flipped) {
            assert_eq!(other.to_bytes().as_slice(), flipped);
            assert!(other.verify(x, &proof).is_err());
        }
    }
}

#[test]
fn every_flipped_bit_of_a_state_is_refused_or_another_digest() {
    let state = state();
    assert_eq!(GlobalState::from_bytes(&state.to_bytes()), Ok(state));
    for flipped in flips(&state.to_bytes()) {
        if let Ok(other) = GlobalState::from_bytes(&flipped) {
            assert_eq!(other.to_bytes().as_slice(), flipped);
            assert_ne!(other.digest(), state.digest());
        }
    }
}

#[test]
fn every_flipped_bit_of_a_network_is_refused_or_another_network() {
    let network = network();
    assert_eq!(Network::from_bytes(&network.to_bytes()), Ok(network));
    for flipped in flips(&network.to_bytes()) {
        if let Ok(other) = Network::from_bytes(&flipped) {
            assert_eq!(other.to_bytes().as_slice(), flipped);
            assert_ne!(other, network);
        }
    }
}

#[test]
fn every_other_length_is_refused() {
    fn check<T: PartialEq + std::fmt::Debug>(
        from_bytes: fn(&[u8]) -> Result<T, DecodeError>,
        valid: &[u8],
        expected: usize,
    ) {
        assert_eq!(valid.len(), expected);
        assert!(from_bytes(valid).is_ok());
        let padded = [valid, &[0; 64]].concat();
        for found in (0..padded.len()).filter(|&found| found != expected) {
            let error = DecodeError::Length { found, expected };
            assert_eq!(from_bytes(&padded[..found]), Err(error));
        }
    }
    let (key, _, proof) = real();
    let (state, network) = (state(), network());
    check(Proof::from_bytes, &proof.to_bytes(), 128);
    check(VerifyingKey::from_bytes, &key.to_bytes(), 224);
    check(GlobalState::from_bytes, &state.to_bytes(), 89);
    check(Update::from_bytes, &Update { state, proof }.to_bytes(), 217);
    check(Keys::from_bytes, &network.keys.to_bytes(), 96);
    check(Network::from_bytes, &network.to_bytes(), 352);
}

#[test]
fn proofs_have_arkworks_bytes() {
    for seed in 0..8 {
        let proof = Trapdoor::new(seed).prove(scalar(seed));
        let mut expected = Vec::new();
        proof.a().serialize_compressed(&mut expected).unwrap();
        proof.b().serialize_compressed(&mut expected).unwrap();
        proof.c().serialize_compressed(&mut expected).unwrap();
        assert_eq!(proof.to_bytes().as_slice(), expected);
        assert_eq!(Proof::from_bytes(&expected), Ok(proof));
    }
}

#[test]
fn infinity_is_refused() {
    let (_, _, proof) = real();
    for (last, name) in [(31, "A"), (95, "B"), (127, "C")] {
        for flags in [0x40, 0xc0] {
            let mut bytes = proof.to_bytes();
            bytes[last] |= flags;
            assert_eq!(Proof::from_bytes(&bytes), point(name, PointFault::Infinite));
            let start = if name == "B" { 32 } else { last - 31 };
            bytes[start..=last].fill(0);
            bytes[last] = flags;
            assert_eq!(Proof::from_bytes(&bytes), point(name, PointFault::Infinite));
        }
    }
}

#[test]
fn coordinates_from_the_modulus_on_are_refused() {
    // x = 1 is on the curve, so 1 + q would be a second name for the same point.
    let generator = G1Affine::generator();
    assert_eq!(generator.x, Fq::ONE);
    let (_, _, proof) = real();
    let proof = Proof::new(generator, proof.b(), generator)
        .unwrap()
        .to_bytes();
    for (start, name) in [(0, "A"), (32, "B"), (64, "B"), (96, "C")] {
        for alias in [bytes::<Fq>(0), bytes::<Fq>(1)] {
            let mut proof = proof;
            proof[start..start + 32].copy_from_slice(&alias);
            assert_eq!(
                Proof::from_bytes(&proof),
                Err(DecodeError::NotCanonical(name))
            );
        }
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    let candidates = (1u64..).map(Fq::from);
    let off = candidates
        .clone()
        .find(|x| G1Affine::get_ys_from_x_unchecked(*x).is_none())
        .unwrap();
    let twist = |x: &Fq| G2Affine::get_ys_from_x_unchecked(Fq2::new(*x, Fq::ZERO)).is_none();
    let off_twist = { candidates }.find(twist).unwrap();
    let (_, _, proof) = real();
    for (start, name, x) in [(0, "A", off), (32, "B", off_twist), (96, "C", off)] {
        let mut bytes = proof.to_bytes();
        let length = if name == "B" { 64 } else { 32 };
        bytes[start..start + length].fill(0);
        bytes[start..start + 32].copy_from_slice(&x.into_bigint().to_bytes_le());
        assert_eq!(Proof::from_bytes(&bytes), point(name, PointFault::OffCurve));
    }
}

#[test]
fn points_outside_the_subgroup_are_refused() {
    let (key, _, proof) = real();
    let mut outside = Vec::new();
    outside_subgroup()
        .serialize_compressed(&mut outside)
        .unwrap();
    let mut bytes = proof.to_bytes();
    bytes[32..96].copy_from_slice(&outside);
    assert_eq!(
        Proof::from_bytes(&bytes),
        point("B", PointFault::WrongSubgroup)
    );
    for (start, name) in [(32, "beta"), (96, "delta")] {
        let mut bytes = key.to_bytes();
        bytes[start..start + 64].copy_from_slice(&outside);
        let error = InvalidPoint {
            name,
            fault: PointFault::WrongSubgroup,
        };
        assert_eq!(
            VerifyingKey::from_bytes(&bytes),
            Err(KeyError::Point(error).into())
        );
    }
}

#[test]
fn swapped_fields_do_not_verify() {
    let (key, x, proof) = real();
    let bytes = proof.to_bytes();
    let swapped = [&bytes[96..], &bytes[32..96], &bytes[..32]].concat();
    let swapped = Proof::from_bytes(&swapped).unwrap();
    assert!(key.prepare().verify(x, &swapped).is_err());
    let state = state();
    let swapped = GlobalState {
        root: state.history,
        history: state.root,
        ..state
    };
    assert_ne!(swapped.digest(), state.digest());
}

#[test]
fn scalars_from_the_modulus_on_are_refused() {
    for added in [0, 1, 1 << 60] {
        assert_eq!(fr_from_bytes(bytes::<Fr>(added)), None);
        let mut state = state().to_bytes();
        state[41..73].copy_from_slice(&bytes::<Fr>(added));
        assert_eq!(
            GlobalState::from_bytes(&state),
            Err(DecodeError::NotCanonical("history"))
        );
        state[9..41].copy_from_slice(&bytes::<Fr>(added));
        assert_eq!(
            GlobalState::from_bytes(&state),
            Err(DecodeError::NotCanonical("root"))
        );
    }
    assert_eq!(fr_from_bytes([0xff; 32]), None);
    let largest = -Fr::ONE;
    assert_eq!(fr_from_bytes(fr_to_bytes(largest)), Some(largest));
}

#[test]
fn states_out_of_range_are_refused() {
    let state = state();
    let limit = 3u64.pow(20);
    let refused = |state: GlobalState, error: RangeError| {
        assert_eq!(
            GlobalState::from_bytes(&state.to_bytes()),
            Err(DecodeError::Range(error))
        );
    };
    let accepted =
        |state: GlobalState| assert_eq!(GlobalState::from_bytes(&state.to_bytes()), Ok(state));
    accepted(GlobalState {
        epoch: limit - 1,
        ..state
    });
    refused(
        GlobalState {
            epoch: limit,
            ..state
        },
        RangeError::Epoch(limit),
    );
    refused(
        GlobalState {
            epoch: u64::MAX,
            ..state
        },
        RangeError::Epoch(u64::MAX),
    );
    accepted(GlobalState { depth: 1, ..state });
    accepted(GlobalState { depth: 9, ..state });
    refused(GlobalState { depth: 0, ..state }, RangeError::Depth(0));
    refused(GlobalState { depth: 10, ..state }, RangeError::Depth(10));
    accepted(GlobalState {
        in_flight: (1 << 112) - 1,
        ..state
    });
    refused(
        GlobalState {
            in_flight: 1 << 112,
            ..state
        },
        RangeError::InFlight(1 << 112),
    );
}

#[test]
fn a_forgeable_key_is_refused() {
    let mut bytes = Trapdoor::new(2).key().to_bytes();
    for delta in [G2Affine::generator(), -G2Affine::generator()] {
        let mut encoded = Vec::new();
        delta.serialize_compressed(&mut encoded).unwrap();
        bytes[96..160].copy_from_slice(&encoded);
        assert_eq!(
            VerifyingKey::from_bytes(&bytes),
            Err(DecodeError::Key(KeyError::DeltaIsGamma))
        );
    }
}
