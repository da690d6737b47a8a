//! The Solidity source of a network's light client.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine, g2};
use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ff::PrimeField;
use trifold_verifier::client::Network;
use trifold_verifier::poseidon::parameters;
use trifold_verifier::statement::{EPOCH_LIMIT, HISTORY_DEPTH, IN_FLIGHT_BITS, MAX_DEPTH};

use trifold_verifier::trie::MAX_LEVELS;

use crate::poseidon::{Code, Factors, Input};
use crate::text::{indent, modulus, word};

const TEMPLATE: &str = include_str!("../templates/TrifoldLightClient.sol");
/// What the source's file is called.
pub const SOURCE_NAME: &str = "TrifoldLightClient.sol";
/// For cheap calls rather than a cheap deployment.
const OPTIMIZER_RUNS: u32 = 1_000_000;
/// Bytes of calldata before the first argument.
const SELECTOR_BYTES: usize = 4;

/// The Solidity source of all contracts of a network; `network.keys.nest` has to be the digest of `network.nest_key`.
pub fn solidity(network: &Network) -> String {
    let values = numbers(network)
        .into_iter()
        .chain(points(network))
        .chain(hashes(network));
    let text = values.fold(TEMPLATE.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{{{name}}}}}"), value.trim_end())
    });
    debug_assert!(!text.contains("{{"), "a name in the template has no value");
    text
}

type Value = (&'static str, String);

fn numbers(network: &Network) -> Vec<Value> {
    let twist = g2::Config::COEFF_B;
    vec![
        ("KEYS", word(&network.keys.digest())),
        ("GENESIS", word(&network.genesis)),
        ("R", modulus::<Fr>()),
        ("Q", modulus::<Fq>()),
        ("EPOCH_LIMIT", EPOCH_LIMIT.to_string()),
        ("MAX_DEPTH", MAX_DEPTH.to_string()),
        ("HISTORY_DEPTH", HISTORY_DEPTH.to_string()),
        ("MAX_LEVELS", MAX_LEVELS.to_string()),
        ("IN_FLIGHT_BITS", IN_FLIGHT_BITS.to_string()),
        ("TWIST_C0", word(&twist.c0)),
        ("TWIST_C1", word(&twist.c1)),
    ]
}

/// The key's points, each written to where the pairing takes it from; signs are such that only A and B stay as they are.
fn points(network: &Network) -> Vec<Value> {
    let key = &network.nest_key;
    let [constant, linear] = key.gamma_abc_g1();
    let pair = [
        stores(0x140, &g1(-key.alpha_g1())),
        stores(0x180, &g2_words(key.beta_g2())),
    ]
    .concat();
    let statement = [stores(0x200, &g1(-constant)), stores(0x240, &g1(-linear))].concat();
    vec![
        ("ALPHA_BETA", nested(&pair)),
        ("STATEMENT", nested(&statement)),
        ("GAMMA", nested(&stores(0x240, &g2_words(key.gamma_g2())))),
        ("DELTA", nested(&stores(0x300, &g2_words(-key.delta_g2())))),
    ]
}

fn g1(point: G1Affine) -> Vec<Fq> {
    vec![point.x, point.y]
}

/// As the EVM has it: the coefficient of the imaginary unit first.
fn g2_words(point: G2Affine) -> Vec<Fq> {
    let coefficients = |value: Fq2| [value.c1, value.c0];
    [coefficients(point.x), coefficients(point.y)].concat()
}

fn stores(address: usize, words: &[Fq]) -> String {
    let store = |(i, value)| format!("mstore({:#x}, {})\n", address + 32 * i, word(value));
    words.iter().enumerate().map(store).collect()
}

fn hashes(network: &Network) -> Vec<Value> {
    use Factors::{Inline, Stored};
    let keys = Input::Known(network.keys.digest());
    let genesis = Input::Known(network.genesis);
    let nest = [
        tag("trifold/nest/v1"),
        keys,
        genesis,
        Input::Given("state".into()),
    ];
    let children = ["left", "middle", "right"].map(|name| Input::Given(name.into()));
    let [global, body] = [("trifold/global/v1", 5), ("trifold/body/v1", 3)].map(arguments);
    let [account, leaf] = [("trifold/account/v1", 4), ("trifold/leaf/v1", 7)].map(arguments);
    let node = Code::new(parameters::<4>(), &children, Inline);
    let whole = |code: Code| nested(&(code.table + &code.body));
    vec![
        (
            "GLOBAL",
            whole(Code::new(parameters::<7>(), &global, Inline)),
        ),
        ("NEST", whole(Code::new(parameters::<5>(), &nest, Inline))),
        ("NODE_TABLE", nested(&node.table)),
        ("NODE", indent(&nested(&node.body))),
        ("BODY", whole(Code::new(parameters::<5>(), &body, Stored))),
        (
            "ACCOUNT",
            whole(Code::new(parameters::<6>(), &account, Stored)),
        ),
        ("LEAF", whole(Code::new(parameters::<9>(), &leaf, Stored))),
    ]
}

/// A tag, then the fields of the call's first argument.
fn arguments((text, count): (&str, usize)) -> Vec<Input> {
    let field = |i| Input::Given(format!("calldataload({:#x})", SELECTOR_BYTES + 32 * i));
    std::iter::once(tag(text))
        .chain((0..count).map(field))
        .collect()
}

fn tag(text: &str) -> Input {
    Input::Known(Fr::from_be_bytes_mod_order(text.as_bytes()))
}

/// Lines inside of an assembly block of a function of a contract.
fn nested(text: &str) -> String {
    indent(&indent(&indent(text)))
}

/// Settings and source as `solc --standard-json` takes them: everyone who compiles this gets the same bytecode.
pub fn standard_json(source: &str) -> String {
    let input = serde_json::json!({
        "language": "Solidity",
        "sources": {SOURCE_NAME: {"content": source}},
        "settings": {
            "evmVersion": "cancun",
            "optimizer": {"enabled": true, "runs": OPTIMIZER_RUNS},
            "outputSelection": {"*": {"*": [
                "abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers",
            ]}},
        },
    });
    format!("{input:#}\n")
}
