//! The contracts of the corpus' network, compiled by solc and deployed in an EVM.

#![allow(dead_code)] // each test binary uses its part

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ark_ff::{BigInteger, PrimeField};
use serde_json::{Value, json};
use trifold_evm::{solidity, standard_json};
use trifold_verifier::client::{Network, Update};
use trifold_verifier::receipt::Receipt;

/// Most bytes of a contract's code (EIP-170) and of what deploys it (EIP-3860).
pub const CODE_LIMIT: usize = 24_576;
pub const INITCODE_LIMIT: usize = 49_152;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn node_modules() -> PathBuf {
    let cache =
        std::env::var_os("TRIFOLD_CACHE").map_or(root().join(".cache"), |cache| root().join(cache));
    let modules = cache.join("tools/npm/node_modules");
    assert!(
        modules.join("solc").exists(),
        "no solc: run `tools/fetch npm`"
    );
    modules.canonicalize().expect("its real place")
}

fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    let script = root().join("evm/js").join(script);
    command.arg(script).arg(node_modules());
    command
}

/// A file of the corpus that all light clients share.
pub fn corpus(name: &str) -> Vec<Value> {
    let path = root().join("verifier/tests/vectors/light").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub fn network() -> Network {
    Network::from_bytes(&unhex(corpus("network.json")[0]["bytes"].as_str().unwrap())).unwrap()
}

/// The chain of the corpus, from epoch 1 on.
pub fn updates() -> Vec<Update> {
    let update = |entry: &Value| Update::from_bytes(&bytes(entry)).unwrap();
    corpus("updates.json").iter().map(update).collect()
}

/// A receipt of the corpus by its name.
pub fn receipt(name: &str) -> Receipt {
    let entries = corpus("receipts.json");
    let entry = entries
        .iter()
        .find(|entry| entry["name"] == name)
        .expect("a receipt of this name");
    Receipt::from_bytes(&bytes(entry)).unwrap()
}

pub fn bytes(entry: &Value) -> Vec<u8> {
    unhex(entry["bytes"].as_str().unwrap())
}

pub fn unhex(text: &str) -> Vec<u8> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What solc makes of the corpus' network.
pub fn compiled() -> Value {
    compile(&network())
}

/// What solc makes of a network. Compiled once, by whichever test comes first.
fn compile(network: &Network) -> Value {
    let input = standard_json(&solidity(network));
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("solc-{:016x}.json", hasher.finish()));
    let lock = File::create(path.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !path.exists() {
        let output = solc(&input);
        let temporary = path.with_extension("new");
        fs::write(&temporary, output).unwrap();
        fs::rename(temporary, &path).unwrap();
    }
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn solc(input: &str) -> Vec<u8> {
    let mut child = node("solc.mjs")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "solc.mjs: {}", output.status);
    output.stdout
}

/// A contract's part of what solc made.
pub fn contract<'a>(compiled: &'a Value, name: &str) -> &'a Value {
    let found = &compiled["contracts"]["TrifoldLightClient.sol"][name]["evm"];
    assert!(found.is_object(), "{name}: {}", compiled["errors"]);
    found
}

/// What became of a transaction.
#[derive(Debug)]
pub struct Outcome {
    pub ok: bool,
    pub output: Vec<u8>,
    /// All that the sender paid for.
    pub gas: u64,
    pub address: String,
    pub logs: Value,
}

impl Outcome {
    /// The code of the refusal, if it was one; `None` for success.
    ///
    /// # Panics
    /// If it failed without a code.
    pub fn refusal(&self) -> Option<String> {
        if self.ok {
            return None;
        }
        let selector = [0xdd, 0x61, 0xb5, 0x8c];
        assert!(
            self.output.len() == 36 && self.output[..4] == selector,
            "no refusal: {self:?}"
        );
        let text = String::from_utf8(self.output[4..].to_vec()).unwrap();
        Some(text.trim_end_matches('\0').into())
    }

    /// The words of an answer.
    pub fn words(&self) -> Vec<[u8; 32]> {
        assert!(self.ok, "{self:?}");
        self.output
            .chunks(32)
            .map(|word| word.try_into().unwrap())
            .collect()
    }
}

/// An EVM in a process of its own.
pub struct Evm {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Evm {
    pub fn start() -> Self {
        let mut child = node("evm.mjs")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node");
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            orders,
            answers,
        }
    }

    fn send(&mut self, to: Option<&str>, data: &[u8]) -> Outcome {
        let mut order = json!({"data": format!("0x{}", hex(data))});
        if let Some(to) = to {
            order["to"] = to.into();
        }
        writeln!(self.orders, "{order}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).expect("an answer of the EVM");
        Outcome {
            ok: answer["ok"].as_bool().unwrap(),
            output: unhex(answer["output"].as_str().unwrap()),
            gas: answer["gas"].as_u64().unwrap(),
            address: answer["address"].as_str().unwrap_or_default().into(),
            logs: answer["topics"].clone(),
        }
    }
}

impl Drop for Evm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The contracts at their addresses.
pub struct Deployment {
    evm: Evm,
    compiled: Value,
    pub client: String,
    pub receipts: String,
    /// What deploying `TrifoldLightClient` and `TrifoldReceipts` took.
    pub gas: [u64; 2],
}

impl Deployment {
    pub fn new() -> Self {
        Self::of(&network())
    }

    /// The contracts of a network, as the README says.
    pub fn of(network: &Network) -> Self {
        let (mut evm, compiled) = (Evm::start(), compile(network));
        let code = |name: &str| {
            unhex(
                contract(&compiled, name)["bytecode"]["object"]
                    .as_str()
                    .unwrap(),
            )
        };
        let client = evm.send(None, &code("TrifoldLightClient"));
        let argument = [&[0; 12][..], &unhex(&client.address)].concat();
        let receipts = evm.send(None, &[code("TrifoldReceipts"), argument].concat());
        assert!(client.ok && receipts.ok, "{client:?} {receipts:?}");
        let gas = [client.gas, receipts.gas];
        Self {
            evm,
            compiled,
            client: client.address,
            receipts: receipts.address,
            gas,
        }
    }

    /// With an update's state held.
    pub fn holding(update: &Update) -> Self {
        let mut deployment = Self::new();
        let outcome = deployment.client(&trifold_evm::calldata::advance(update));
        assert!(outcome.ok, "{outcome:?}");
        deployment
    }

    pub fn client(&mut self, calldata: &[u8]) -> Outcome {
        self.evm.send(Some(&self.client), calldata)
    }

    pub fn receipts(&mut self, calldata: &[u8]) -> Outcome {
        self.evm.send(Some(&self.receipts), calldata)
    }

    /// Calls a function by its name with words as arguments.
    pub fn call(&mut self, name: &str, to: &str, function: &str, words: &[[u8; 32]]) -> Outcome {
        let calldata = [self.selector(name, function), words.concat()].concat();
        self.evm.send(Some(to), &calldata)
    }

    /// The address that a function without arguments answers with.
    pub fn address(&mut self, name: &str, to: &str, function: &str) -> String {
        let word = self.call(name, to, function, &[]).words()[0];
        format!("0x{}", hex(&word[12..]))
    }

    fn selector(&self, name: &str, function: &str) -> Vec<u8> {
        let identifiers = contract(&self.compiled, name)["methodIdentifiers"]
            .as_object()
            .unwrap();
        let found = identifiers
            .iter()
            .find(|(signature, _)| signature.split('(').next() == Some(function));
        unhex(found.expect("a function of this name").1.as_str().unwrap())
    }
}

/// A field element as the EVM has it.
pub fn word<F: PrimeField>(value: F) -> [u8; 32] {
    value.into_bigint().to_bytes_be().try_into().unwrap()
}
