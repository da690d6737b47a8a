//! `trifold export`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use trifold_evm::{SOURCE_NAME, calldata, solidity, standard_json};
use trifold_verifier::client::{Network, Update};
use trifold_verifier::json::{GlobalProof, MAX_TEXT_BYTES};
use trifold_verifier::receipt::Receipt;

use crate::bounded;
use crate::network;

/// What is written beside the source, for the compiler.
const STANDARD_JSON_NAME: &str = "standard-input.json";

#[derive(Args)]
pub struct Export {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Solidity(Solidity),
    Calldata(Calldata),
}

impl Export {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Solidity(command) => command.run()?,
            What::Calldata(command) => command.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Write the light client of a network as a Solidity contract, and what its compiler is to be given
#[derive(Args)]
struct Solidity {
    /// A file of the network that you trust: a bundle, or a genesis file under the keys that are here
    #[arg(long, value_name = "FILE")]
    network: PathBuf,
    /// A folder for the source and the compiler's input; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Solidity {
    fn run(self) -> anyhow::Result<()> {
        let network = network::trusted(&self.network)?;
        network::check_key(&network)?;
        let source = solidity(&network);
        fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        self.write(SOURCE_NAME, &source)?;
        self.write(STANDARD_JSON_NAME, &standard_json(&source))?;
        println!(
            "wrote {SOURCE_NAME} and {STANDARD_JSON_NAME} to {}",
            self.out.display()
        );
        println!(
            "deploy TrifoldLightClient, then TrifoldReceipts with its address; evm/README.md says more"
        );
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.out.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

/// Write the calldata with which a contract of `trifold export solidity` takes a global proof or a receipt
///
/// The file is verified first: what a light client refuses, the contract refuses too, for gas. Under which state the contract
/// will verify a receipt without its proof is up to the state that it holds then.
#[derive(Args)]
struct Calldata {
    /// A global proof with its network (bundle.json), or a receipt
    file: PathBuf,
    /// What to call; by default `advance` with a global proof and `verify-receipt` with a receipt
    #[arg(long)]
    function: Option<Function>,
    /// A file of the network that you trust (a bundle, or a genesis file): the file's has to be the same
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Function {
    /// Hold a newer state
    Advance,
    /// Check a state's proof
    Verify,
    /// Check a receipt's shard under the state held
    VerifyLeaf,
    /// Check a receipt's earlier state under the state held
    VerifyPast,
    /// Check a receipt without its proof, under the state held
    VerifyUnderHeld,
    /// Check a receipt by its own proof
    VerifyReceipt,
}

/// What a file can be.
#[expect(clippy::large_enum_variant, reason = "one of a process")]
enum Shown {
    Update(Network, Update),
    Receipt(Box<Receipt>),
}

impl Calldata {
    fn run(self) -> anyhow::Result<()> {
        let shown = Shown::read(&self.file)?;
        if let Some(path) = &self.network {
            let trusted = network::trusted(path)?;
            ensure!(
                shown.network() == &trusted,
                "{} is of another network",
                self.file.display()
            );
        }
        network::check_key(shown.network())?;
        shown.verify().context("refused")?;
        let calldata = shown.calldata(self.function.unwrap_or(shown.function()))?;
        println!("0x{}", hex::encode(calldata));
        Ok(())
    }
}

impl Shown {
    /// A receipt where the file says that it is one, else a bundle: the error is that of the file's own kind.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = bounded::read(path, MAX_TEXT_BYTES as u64)?;
        let name = || path.display().to_string();
        let text = std::str::from_utf8(&bytes).with_context(name)?;
        let value: serde_json::Value = serde_json::from_str(text).with_context(name)?;
        if value["format"] == trifold_verifier::codec::RECEIPT_FORMAT {
            return Ok(Self::Receipt(Box::new(
                Receipt::from_json(text).with_context(name)?,
            )));
        }
        let GlobalProof { network, update } = GlobalProof::from_json(text).with_context(name)?;
        Ok(Self::Update(network, update))
    }

    fn network(&self) -> &Network {
        match self {
            Self::Update(network, _) => network,
            Self::Receipt(receipt) => &receipt.network,
        }
    }

    fn update(&self) -> &Update {
        match self {
            Self::Update(_, update) => update,
            Self::Receipt(receipt) => &receipt.update,
        }
    }

    fn verify(&self) -> anyhow::Result<()> {
        match self {
            Self::Update(network, update) => _ = network.verify(update)?,
            Self::Receipt(receipt) => _ = receipt.verify()?,
        }
        Ok(())
    }

    /// What the file is for.
    fn function(&self) -> Function {
        match self {
            Self::Update(..) => Function::Advance,
            Self::Receipt(_) => Function::VerifyReceipt,
        }
    }

    fn calldata(&self, function: Function) -> anyhow::Result<Vec<u8>> {
        let of_receipt = match function {
            Function::Advance => return Ok(calldata::advance(self.update())),
            Function::Verify => return Ok(calldata::verify(self.update())),
            Function::VerifyLeaf => calldata::verify_leaf,
            Function::VerifyPast => calldata::verify_past,
            Function::VerifyUnderHeld => calldata::verify_under_held,
            Function::VerifyReceipt => calldata::verify_receipt,
        };
        match self {
            Self::Receipt(receipt) => Ok(of_receipt(&receipt.network, receipt)?),
            Self::Update(..) => {
                bail!("a global proof is no receipt: it has calldata for advance and verify")
            }
        }
    }
}
