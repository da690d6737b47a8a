//! JSON as snarkjs writes it (`proof.json`, `public.json`, `verification_key.json`), the bundle of a global proof, receipts.
//!
//! Numbers are decimal strings without leading zeros, below the modulus of their field. A G1 point is [x, y, "1"], a G2
//! point [[x.c0, x.c1], [y.c0, y.c1], ["1", "0"]]. An error names the field at fault.

mod claims;
mod message;
mod parts;
mod receipt;
mod text;

use alloc::format;
use alloc::string::{String, ToString};

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField};
use serde_json::{Value, json};
use thiserror::Error;

use crate::client::{ClientError, Network, Update};
use crate::groth16::{InvalidPoint, KeyError, Proof, VerifyingKey};
use crate::refusal;
use crate::statement::{GlobalState, Keys, RangeError};
use crate::trie::MAX_LEVELS;
use crate::verified::VerifiedState;

use text::Json;

pub use parts::{DESCENT_FORMAT, NETWORK_FORMAT};
pub use text::SyntaxError;

/// Longest text that is read.
pub const MAX_TEXT_BYTES: usize = 1 << 16;
/// What a bundle says it is.
pub const BUNDLE_FORMAT: &str = "trifold/global-proof/v1";

/// Why a text was refused.
#[derive(Debug, Error)]
pub enum JsonError {
    #[error("{0} bytes, more than the {MAX_TEXT_BYTES} that are read")]
    TooLong(usize),
    #[error("not JSON: {0}")]
    Syntax(SyntaxError),
    #[error("{field} is missing")]
    Missing { field: String },
    #[error("{field} is not {expected}")]
    Unexpected { field: String, expected: String },
    #[error("{field} has {found} entries instead of {expected}")]
    Length {
        field: String,
        found: usize,
        expected: usize,
    },
    #[error("{field} has {levels} levels, no trie has more than {MAX_LEVELS}")]
    Levels { field: String, levels: usize },
    #[error("{field} is not below 2^{bits}")]
    TooLarge { field: String, bits: usize },
    #[error("{field} is not below the modulus of its field")]
    NotCanonical { field: String },
    #[error("{field}: {error}")]
    Point { field: String, error: InvalidPoint },
    #[error("{field}: {error}")]
    Key { field: String, error: KeyError },
    #[error("{field}: {error}")]
    Range { field: String, error: RangeError },
}

impl JsonError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) | Self::Length { .. } => refusal::LENGTH,
            Self::Syntax(_) | Self::Missing { .. } | Self::Unexpected { .. } => refusal::FORMAT,
            Self::Levels { .. } => refusal::WRONG_DEPTH,
            Self::TooLarge { .. } => refusal::RANGE,
            Self::NotCanonical { .. } => refusal::NOT_CANONICAL,
            Self::Point { error, .. } => error.code(),
            Self::Key { error, .. } => error.code(),
            Self::Range { error, .. } => error.code(),
        }
    }
}

/// A global proof with everything its verification needs, as one file.
///
/// It proves something only about the network that it names, so a reader compares that with the one meant
/// ([`GlobalProof::verify_under`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalProof {
    pub network: Network,
    pub update: Update,
}

impl GlobalProof {
    /// Checks the proof under the network that the bundle names.
    pub fn verify(&self) -> Result<VerifiedState, ClientError> {
        self.network.verify(&self.update)
    }

    /// Checks the proof under a network that the caller trusts.
    pub fn verify_under(&self, trusted: &Network) -> Result<VerifiedState, ClientError> {
        match self.network == *trusted {
            true => self.verify(),
            false => Err(ClientError::OtherNetwork),
        }
    }

    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let root = parse(text)?;
        let root = Node::root(&root);
        root.at("format")?.exactly(BUNDLE_FORMAT)?;
        Ok(Self {
            network: network(&root)?,
            update: update(&root)?,
        })
    }

    pub fn to_json(&self) -> String {
        pretty(&bundle_value(BUNDLE_FORMAT, &self.network, &self.update))
    }
}

/// Reads snarkjs's proof.json.
pub fn proof_from_json(text: &str) -> Result<Proof, JsonError> {
    proof(&Node::root(&parse(text)?))
}

/// Writes snarkjs's proof.json.
pub fn proof_to_json(proof: &Proof) -> String {
    pretty(&proof_value(proof))
}

/// Reads snarkjs's public.json for one public input.
pub fn public_from_json(text: &str) -> Result<Fr, JsonError> {
    let value = parse(text)?;
    let [x] = Node {
        path: "public".into(),
        value: &value,
    }
    .entries()?;
    x.number()
}

/// Writes snarkjs's public.json for one public input.
pub fn public_to_json(x: Fr) -> String {
    pretty(&json!([x.to_string()]))
}

/// Reads snarkjs's verification_key.json. Its `vk_alphabeta_12`, which follows from the rest, is not looked at.
pub fn verifying_key_from_json(text: &str) -> Result<VerifyingKey, JsonError> {
    verifying_key(&Node::root(&parse(text)?))
}

/// Writes snarkjs's verification_key.json.
pub fn verifying_key_to_json(key: &VerifyingKey) -> String {
    pretty(&verifying_key_value(key))
}

/// What bundles and receipts have in common: the network and a proven state.
fn bundle_value(format: &str, network: &Network, update: &Update) -> Value {
    let mut value = network_value(network);
    value["format"] = json!(format);
    value["state"] = state_value(&update.state);
    value["proof"] = proof_value(&update.proof);
    value
}

fn network_value(network: &Network) -> Value {
    let keys = &network.keys;
    json!({
        "keys": {
            "merge": keys.merge.to_string(),
            "nest": keys.nest.to_string(),
            "registry": keys.registry.to_string(),
        },
        "genesis": network.genesis.to_string(),
        "verification_key": verifying_key_value(&network.nest_key),
    })
}

fn parse(text: &str) -> Result<Json<'_>, JsonError> {
    match text.len() {
        0..=MAX_TEXT_BYTES => Json::parse(text).map_err(JsonError::Syntax),
        length => Err(JsonError::TooLong(length)),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn proof(node: &Node) -> Result<Proof, JsonError> {
    header(node)?;
    let (a, b, c) = (
        node.at("pi_a")?.g1()?,
        node.at("pi_b")?.g2()?,
        node.at("pi_c")?.g1()?,
    );
    Proof::new(a, b, c).map_err(|error| JsonError::Point {
        field: node.name(),
        error,
    })
}

fn verifying_key(node: &Node) -> Result<VerifyingKey, JsonError> {
    header(node)?;
    let count = node.at("nPublic")?;
    if *count.value != Json::Number("1") {
        return Err(count.unexpected("1: one public input"));
    }
    let [constant, linear] = node.at("IC")?.entries()?;
    let key = VerifyingKey::new(
        node.at("vk_alpha_1")?.g1()?,
        node.at("vk_beta_2")?.g2()?,
        node.at("vk_gamma_2")?.g2()?,
        node.at("vk_delta_2")?.g2()?,
        &[constant.g1()?, linear.g1()?],
    );
    key.map_err(|error| JsonError::Key {
        field: node.name(),
        error,
    })
}

fn header(node: &Node) -> Result<(), JsonError> {
    node.at("protocol")?.exactly("groth16")?;
    node.at("curve")?.exactly("bn128")
}

fn network(root: &Node) -> Result<Network, JsonError> {
    Ok(Network {
        keys: keys(&root.at("keys")?)?,
        genesis: root.element_at("genesis")?,
        nest_key: verifying_key(&root.at("verification_key")?)?,
    })
}

fn update(root: &Node) -> Result<Update, JsonError> {
    Ok(Update {
        state: state(&root.at("state")?)?,
        proof: proof(&root.at("proof")?)?,
    })
}

fn keys(node: &Node) -> Result<Keys, JsonError> {
    Ok(Keys {
        merge: node.element_at("merge")?,
        nest: node.element_at("nest")?,
        registry: node.element_at("registry")?,
    })
}

fn state(node: &Node) -> Result<GlobalState, JsonError> {
    let state = GlobalState {
        epoch: node.integer_at("epoch")?,
        depth: node.integer_at("depth")?,
        root: node.element_at("root")?,
        history: node.element_at("history")?,
        in_flight: node.integer_at("in_flight")?,
    };
    let checked = state.check_ranges();
    checked.map_err(|error| JsonError::Range {
        field: node.name(),
        error,
    })?;
    Ok(state)
}

fn state_value(state: &GlobalState) -> Value {
    json!({
        "epoch": state.epoch.to_string(),
        "depth": state.depth.to_string(),
        "root": state.root.to_string(),
        "history": state.history.to_string(),
        "in_flight": state.in_flight.to_string(),
    })
}

fn proof_value(proof: &Proof) -> Value {
    json!({
        "pi_a": g1_value(proof.a()),
        "pi_b": g2_value(proof.b()),
        "pi_c": g1_value(proof.c()),
        "protocol": "groth16",
        "curve": "bn128",
    })
}

fn verifying_key_value(key: &VerifyingKey) -> Value {
    json!({
        "protocol": "groth16",
        "curve": "bn128",
        "nPublic": 1,
        "vk_alpha_1": g1_value(key.alpha_g1()),
        "vk_beta_2": g2_value(key.beta_g2()),
        "vk_gamma_2": g2_value(key.gamma_g2()),
        "vk_delta_2": g2_value(key.delta_g2()),
        "IC": key.gamma_abc_g1().map(g1_value),
    })
}

fn g1_value(point: G1Affine) -> Value {
    json!([point.x.to_string(), point.y.to_string(), "1"])
}

fn g2_value(point: G2Affine) -> Value {
    let coefficients = |value: Fq2| json!([value.c0.to_string(), value.c1.to_string()]);
    json!([coefficients(point.x), coefficients(point.y), ["1", "0"]])
}

/// A value and the way to it from the root of its text.
struct Node<'a> {
    path: String,
    value: &'a Json<'a>,
}

impl<'a> Node<'a> {
    fn root(value: &'a Json<'a>) -> Self {
        Self {
            path: String::new(),
            value,
        }
    }

    fn name(&self) -> String {
        if self.path.is_empty() {
            "the text".into()
        } else {
            self.path.clone()
        }
    }

    fn at(&self, key: &str) -> Result<Node<'a>, JsonError> {
        self.find(key)?
            .map_err(|field| JsonError::Missing { field })
    }

    /// A field that is a field element. Inlined, the many calls would be a tenth of a wasm module.
    #[inline(never)]
    fn element_at(&self, key: &str) -> Result<Fr, JsonError> {
        self.at(key)?.number()
    }

    /// A field that is an integer.
    #[inline(never)]
    fn integer_at<T: TryFrom<u128>>(&self, key: &str) -> Result<T, JsonError> {
        self.at(key)?.integer()
    }

    /// The field, or its path if it is missing.
    fn find(&self, key: &str) -> Result<Result<Node<'a>, String>, JsonError> {
        let separator = if self.path.is_empty() { "" } else { "." };
        let path = format!("{}{separator}{key}", self.path);
        match (self.value, self.value.get(key)) {
            (_, Some(value)) => Ok(Ok(Node { path, value })),
            (Json::Object(_), None) => Ok(Err(path)),
            _ => Err(self.unexpected("an object")),
        }
    }

    fn entries<const N: usize>(&self) -> Result<[Node<'a>; N], JsonError> {
        let list = self.list()?;
        let values: &[Json; N] = list.try_into().map_err(|_| JsonError::Length {
            field: self.name(),
            found: list.len(),
            expected: N,
        })?;
        let mut index = 0..N;
        Ok(values
            .each_ref()
            .map(|value| self.entry(index.next().unwrap_or_default(), value)))
    }

    fn list(&self) -> Result<&'a [Json<'a>], JsonError> {
        match self.value {
            Json::List(list) => Ok(list),
            _ => Err(self.unexpected("a list")),
        }
    }

    fn entry(&self, index: usize, value: &'a Json<'a>) -> Self {
        let path = format!("{}[{index}]", self.path);
        Node { path, value }
    }

    fn text(&self) -> Result<&'a str, JsonError> {
        match self.value {
            Json::Text(text) => Ok(text),
            _ => Err(self.unexpected("a string")),
        }
    }

    fn exactly(&self, expected: &str) -> Result<(), JsonError> {
        let found = self.text()?;
        if found == expected {
            Ok(())
        } else {
            Err(self.unexpected(&format!("\"{expected}\"")))
        }
    }

    fn g1(&self) -> Result<G1Affine, JsonError> {
        let [x, y, z] = self.entries()?;
        match z.text()? {
            "0" => Ok(G1Affine::zero()),
            _ => {
                z.exactly("1")?;
                Ok(G1Affine::new_unchecked(x.number()?, y.number()?))
            }
        }
    }

    fn g2(&self) -> Result<G2Affine, JsonError> {
        let [x, y, z] = self.entries()?;
        let [one, zero] = z.entries()?;
        zero.exactly("0")?;
        match one.text()? {
            "0" => Ok(G2Affine::zero()),
            _ => {
                one.exactly("1")?;
                Ok(G2Affine::new_unchecked(x.fq2()?, y.fq2()?))
            }
        }
    }

    fn fq2(&self) -> Result<Fq2, JsonError> {
        let [c0, c1] = self.entries()?;
        Ok(Fq2::new(c0.number::<Fq>()?, c1.number::<Fq>()?))
    }

    fn number<F: PrimeField<BigInt = BigInt<4>>>(&self) -> Result<F, JsonError> {
        let integer = self.decimal()?.and_then(F::from_bigint);
        integer.ok_or_else(|| JsonError::NotCanonical { field: self.name() })
    }

    fn integer<T: TryFrom<u128>>(&self) -> Result<T, JsonError> {
        let value = self.decimal()?.and_then(|BigInt(limbs)| match limbs {
            [low, high, 0, 0] => T::try_from(u128::from(low) | u128::from(high) << 64).ok(),
            _ => None,
        });
        value.ok_or_else(|| JsonError::TooLarge {
            field: self.name(),
            bits: 8 * size_of::<T>(),
        })
    }

    /// A decimal integer as digits without a leading zero, `None` from 2^256 on.
    fn decimal(&self) -> Result<Option<BigInt<4>>, JsonError> {
        let digits = self.text()?.as_bytes();
        let plain = digits.iter().all(u8::is_ascii_digit) && !digits.is_empty();
        if !plain || (digits.len() > 1 && digits[0] == b'0') {
            return Err(self.unexpected("a decimal integer without sign or leading zeros"));
        }
        let mut values = digits.iter().map(|digit| digit - b'0');
        Ok(values.try_fold([0; 4], push_digit).map(BigInt))
    }

    fn unexpected(&self, expected: &str) -> JsonError {
        JsonError::Unexpected {
            field: self.name(),
            expected: expected.into(),
        }
    }
}

/// 10 value + digit, `None` from 2^256 on.
fn push_digit(mut value: [u64; 4], digit: u8) -> Option<[u64; 4]> {
    let mut carry = u128::from(digit);
    for limb in &mut value {
        let wide = u128::from(*limb) * 10 + carry;
        *limb = wide as u64;
        carry = wide >> 64;
    }
    (carry == 0).then_some(value)
}
