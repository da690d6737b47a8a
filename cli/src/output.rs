//! The files that a global proof leaves behind: snarkjs's three and the bundle.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ark_bn254::Bn254;
use trifold_circuits::artifacts::Checkout;
use trifold_verifier::groth16::VerifyingKey;
use trifold_verifier::json::{self, GlobalProof};

/// The bundle's name in the output folder.
pub const BUNDLE: &str = "bundle.json";

/// Writes `proof.json`, `public.json`, `verification_key.json` and `bundle.json`.
pub fn write(out: &Path, proven: &GlobalProof) -> anyhow::Result<()> {
    let GlobalProof { network, update } = proven;
    let statement = network.statement(&update.state).digest();
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let files = [
        ("proof.json", json::proof_to_json(&update.proof)),
        ("public.json", json::public_to_json(statement)),
        (
            "verification_key.json",
            json::verifying_key_to_json(&network.nest_key),
        ),
        (BUNDLE, proven.to_json()),
    ];
    for (name, text) in files {
        let path = out.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The command with which public snarkjs checks what [`write`] wrote.
pub fn snarkjs_command(checkout: &Checkout, out: &Path) -> String {
    let shown = |path: PathBuf| match path.strip_prefix(std::env::current_dir().unwrap_or_default())
    {
        Ok(relative) => relative.display().to_string(),
        Err(_) => path.display().to_string(),
    };
    let file = |name: &str| shown(out.join(name));
    format!(
        "node {} groth16 verify {} {} {}",
        shown(checkout.node_script("snarkjs/build/cli.cjs")),
        file("verification_key.json"),
        file("public.json"),
        file("proof.json"),
    )
}

/// The verifier's form of a key with one public input.
pub fn client_key(key: &ark_groth16::VerifyingKey<Bn254>) -> anyhow::Result<VerifyingKey> {
    let points = &key.gamma_abc_g1;
    Ok(VerifyingKey::new(
        key.alpha_g1,
        key.beta_g2,
        key.gamma_g2,
        key.delta_g2,
        points,
    )?)
}
