//! The corpus that all light clients share: what it says to refuse, the contract refuses for the same reason.
//!
//! Bytes become numbers the way they are, without a check, so that the contract is what refuses. Entries that the contract can't
//! be given become [`Sent::Nothing`]: what can't be read as a file of its kind (another format, another length, a path that is
//! longer than any trie is deep, a number of more than 256 bits; `advance.rs` tests the length of a call) and everything about the
//! network's own constants, which the contract has built in. A path to another place than the one that is
//! claimed, or a receipt of another network, is refused when calldata is made, since calldata names a place once and no network.

mod common;

use std::collections::BTreeMap;

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::PrimeField;
use common::{Deployment, bytes, corpus, network, unhex, updates, word};
use num_bigint::BigUint;
use serde_json::Value;
use trifold_evm::calldata::{self, VERIFY};
use trifold_verifier::Fr;
use trifold_verifier::client::Update;
use trifold_verifier::codec::UPDATE_BYTES;
use trifold_verifier::receipt::{PastState, Receipt};
use trifold_verifier::trie::Path;

type Word = [u8; 32];

/// What became of an entry.
enum Sent {
    /// The code of the contract, or of whoever made the calldata; `None`: it was accepted.
    Answer(Option<String>),
    /// There is nothing that a contract could be sent.
    Nothing,
}

#[test]
fn every_refusal_has_its_code() {
    let mut newest = Deployment::holding(updates().last().unwrap());
    let (mut tried, mut left) = (
        BTreeMap::<String, usize>::new(),
        BTreeMap::<String, usize>::new(),
    );
    for entry in corpus("refusals.json") {
        let (kind, expected) = (
            entry["kind"].as_str().unwrap(),
            entry["code"].as_str().unwrap(),
        );
        let sent = match kind {
            "update" | "bundle" => update(&mut newest, &entry),
            "receipt" => receipt(&mut newest, &entry),
            "advance" => advance(&entry),
            "descent" => descent(&entry),
            _ => panic!("an entry of a new kind: {kind}"),
        };
        match sent {
            Sent::Answer(code) => {
                assert_eq!(code.as_deref(), Some(expected), "{kind} {}", entry["name"]);
                *tried.entry(expected.into()).or_default() += 1;
            }
            Sent::Nothing => *left.entry(expected.into()).or_default() += 1,
        }
    }
    eprintln!("refused: {tried:?}\nwithout a counterpart: {left:?}");
    let unsent = [
        "format",
        "infinity",
        "length",
        "not_canonical",
        "off_curve",
        "other_network",
        "wrong_depth",
        "wrong_key",
        "wrong_subgroup",
    ];
    assert_eq!(left.keys().collect::<Vec<_>>(), unsent);
    assert_eq!(tried.len(), CODES_OF_THE_CONTRACT, "{tried:?}");
}

/// All codes but "length", "format" and "wrong_key".
const CODES_OF_THE_CONTRACT: usize = 15;

/// Every byte of an update changed, as numbers.
#[test]
fn every_byte_of_an_update_counts() {
    let mut deployment = Deployment::new();
    let flips = corpus("flips.json");
    let entry = flips
        .iter()
        .find(|entry| entry["kind"] == "update")
        .expect("an update");
    let (base, mask) = (bytes(entry), entry["xor"].as_u64().unwrap() as u8);
    for run in entry["codes"].as_array().unwrap() {
        let place = |i: usize| run[i].as_u64().unwrap() as usize;
        for index in place(0)..=place(1) {
            let mut changed = base.clone();
            changed[index] ^= mask;
            let calldata = verify(&words_of_bytes(&changed));
            let code = deployment.client(&calldata).refusal();
            assert_eq!(code.as_deref(), run[2].as_str(), "byte {index}");
        }
    }
}

fn verify(words: &[Word]) -> Vec<u8> {
    [&VERIFY.selector()[..], &words.concat()].concat()
}

fn update(deployment: &mut Deployment, entry: &Value) -> Sent {
    let words = match (&entry["bytes"], &entry["json"]) {
        (Value::String(text), _) if text.len() == 2 * UPDATE_BYTES => words_of_bytes(&unhex(text)),
        (Value::Null, json @ Value::Object(_)) => match words_of_json(json) {
            Some(words) => words,
            None => return Sent::Nothing,
        },
        _ => return Sent::Nothing,
    };
    let valid = |update: &Update| calldata::verify(update)[4..] == words.concat();
    match updates().iter().any(valid) {
        true => Sent::Nothing, // what is wrong is the network's part
        false => Sent::Answer(deployment.client(&verify(&words)).refusal()),
    }
}

fn receipt(deployment: &mut Deployment, entry: &Value) -> Sent {
    let Some(Ok(receipt)) = entry["bytes"]
        .as_str()
        .map(|text| Receipt::from_bytes(&unhex(text)))
    else {
        return Sent::Nothing;
    };
    Sent::Answer(match calldata::verify_receipt(&network(), &receipt) {
        Ok(calldata) => deployment.receipts(&calldata).refusal(),
        Err(error) => Some(error.code().into()),
    })
}

fn advance(entry: &Value) -> Sent {
    let held = Update::from_bytes(&unhex(entry["held"].as_str().unwrap())).unwrap();
    let next = Update::from_bytes(&bytes(entry)).unwrap();
    Sent::Answer(
        Deployment::holding(&held)
            .client(&calldata::advance(&next))
            .refusal(),
    )
}

/// That the next state records the one held before: the contract holds the next and is shown the other as its past.
fn descent(entry: &Value) -> Sent {
    let held = Update::from_bytes(&unhex(entry["held"].as_str().unwrap())).unwrap();
    let next = Update::from_bytes(&bytes(entry)).unwrap();
    let mut any = common::receipt("a shard");
    any.update = next;
    any.past = Some(PastState {
        state: held.state,
        path: path(&entry["path"]),
    });
    Sent::Answer(match calldata::verify_past(&network(), &any) {
        Ok(calldata) => Deployment::holding(&next).receipts(&calldata).refusal(),
        Err(error) => Some(error.code().into()),
    })
}

fn path(value: &Value) -> Path {
    let sibling = |value: &Value| value.as_str().unwrap().parse::<Fr>().unwrap();
    let siblings = value["siblings"].as_array().unwrap().iter();
    Path {
        index: value["index"].as_str().unwrap().parse().unwrap(),
        siblings: siblings
            .map(|pair| [0, 1].map(|i| sibling(&pair[i])))
            .collect(),
    }
}

/// The numbers that an update's bytes stand for, whatever they are.
fn words_of_bytes(bytes: &[u8]) -> Vec<Word> {
    let number = |range: std::ops::Range<usize>| little_endian(&bytes[range]);
    let mut words = vec![
        number(0..8),
        number(8..9),
        number(9..41),
        number(41..73),
        number(73..89),
    ];
    words.extend(g1(&bytes[89..121]));
    words.extend(g2(&bytes[121..185]));
    words.extend(g1(&bytes[185..217]));
    words
}

fn little_endian(bytes: &[u8]) -> Word {
    let mut word = [0; 32];
    let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
    word[32 - bytes.len()..].copy_from_slice(&reversed);
    word
}

/// x as it is written; of y, the one that the sign says, or 1 where x is of no point.
fn g1(bytes: &[u8]) -> Vec<Word> {
    let (coordinates, sign) = unsigned(bytes);
    let Some(x) = coordinates else {
        return vec![[0; 32]; 2];
    };
    let point: Option<G1Affine> = point(Fq::from_le_bytes_mod_order(&x), sign);
    vec![
        little_endian(&x),
        point.map_or(word(Fq::from(1u64)), |point| word(point.y)),
    ]
}

fn g2(bytes: &[u8]) -> Vec<Word> {
    let (coordinates, sign) = unsigned(bytes);
    let Some(x) = coordinates else {
        return vec![[0; 32]; 4];
    };
    let [c0, c1] = [&x[..32], &x[32..]].map(Fq::from_le_bytes_mod_order);
    let point: Option<G2Affine> = point(Fq2::new(c0, c1), sign);
    let y = point.map_or(Fq2::new(Fq::from(1u64), Fq::from(0u64)), |point| point.y);
    vec![
        little_endian(&x[32..]),
        little_endian(&x[..32]),
        word(y.c1),
        word(y.c0),
    ]
}

/// The bytes without their marks, `None` for infinity, and the mark of the sign.
fn unsigned(bytes: &[u8]) -> (Option<Vec<u8>>, bool) {
    let mut x = bytes.to_vec();
    let marks = x.last_mut().unwrap();
    let (sign, infinity) = (*marks & 0x80 != 0, *marks & 0x40 != 0);
    *marks &= 0x3f;
    (Some(x).filter(|_| !infinity), sign)
}

fn point<P: SWCurveConfig>(x: P::BaseField, larger: bool) -> Option<Affine<P>>
where
    Affine<P>: AffineRepr,
{
    Affine::<P>::get_point_from_x_unchecked(x, larger)
}

/// The numbers of a bundle; `None` where one is missing, or is no word.
fn words_of_json(json: &Value) -> Option<Vec<Word>> {
    let state = ["epoch", "depth", "root", "history", "in_flight"]
        .map(|name| decimal(&json["state"][name]));
    let proof = &json["proof"];
    let mut words: Vec<Word> = state.into_iter().collect::<Option<_>>()?;
    words.extend(projective(&proof["pi_a"], &[&["/0"], &["/1"]], "/2", "0")?);
    words.extend(projective(
        &proof["pi_b"],
        &[&["/0/1", "/0/0"], &["/1/1", "/1/0"]],
        "/2/0",
        "0",
    )?);
    words.extend(projective(&proof["pi_c"], &[&["/0"], &["/1"]], "/2", "0")?);
    Some(words)
}

/// A point's coordinates; zeros where its last one says infinity.
fn projective(point: &Value, places: &[&[&str]], last: &str, infinity: &str) -> Option<Vec<Word>> {
    let places = places.concat();
    if point.pointer(last)?.as_str()? == infinity {
        return Some(vec![[0; 32]; places.len()]);
    }
    places
        .into_iter()
        .map(|place| decimal(point.pointer(place)?))
        .collect()
}

fn decimal(value: &Value) -> Option<Word> {
    let bytes = value.as_str()?.parse::<BigUint>().ok()?.to_bytes_be();
    let mut word = [0; 32];
    word.get_mut(32usize.checked_sub(bytes.len())?..)?
        .copy_from_slice(&bytes);
    Some(word)
}
