//! Writes the generated Circom files; with `--check`, only says which of them differ; with `--key`, prints the file of a
//! circuit that contains a verifying key.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use ark_groth16::VerifyingKey;
use trifold_circuits::generated::{self, GeneratedFile};
use trifold_circuits::groth16::{ConstantKey, generate};
use trifold_verifier::json::verifying_key_from_json;

const USAGE: &str = "usage: generate [--check | --key VERIFICATION_KEY_JSON PROOFS]";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => write(&root, &generated::files()?),
        ["--check"] => Ok(check(&root, &generated::files()?)),
        ["--key", key, proofs] => print_key(Path::new(key), proofs.parse()?),
        _ => Err(USAGE.into()),
    }
}

fn write(root: &Path, files: &[GeneratedFile]) -> Result<ExitCode, Box<dyn Error>> {
    for file in files {
        fs::write(root.join(&file.path), &file.text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(root: &Path, files: &[GeneratedFile]) -> ExitCode {
    let stale = |file: &&GeneratedFile| {
        fs::read_to_string(root.join(&file.path)).ok().as_ref() != Some(&file.text)
    };
    let stale: Vec<_> = files.iter().filter(stale).collect();
    stale
        .iter()
        .for_each(|file| eprintln!("{} is stale", file.path));
    if stale.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A key as snarkjs writes it, for a circuit that verifies so many proofs.
fn print_key(path: &Path, proofs: usize) -> Result<ExitCode, Box<dyn Error>> {
    let key = verifying_key_from_json(&fs::read_to_string(path)?)?;
    let key = ConstantKey::new(&VerifyingKey {
        alpha_g1: key.alpha_g1(),
        beta_g2: key.beta_g2(),
        gamma_g2: key.gamma_g2(),
        delta_g2: key.delta_g2(),
        gamma_abc_g1: key.gamma_abc_g1().to_vec(),
    })?;
    print!("{}", generate::constant_key(&key, proofs)?);
    Ok(ExitCode::SUCCESS)
}
