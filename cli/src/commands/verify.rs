//! `trifold verify FILE`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Args;
use trifold_verifier::client::{LightClient, Network};
use trifold_verifier::codec::{GLOBAL_STATE_BYTES, PROOF_BYTES};
use trifold_verifier::json::{GlobalProof, MAX_TEXT_BYTES};
use trifold_verifier::refusal;

use crate::bounded;
use crate::text::hex;

/// Says what was proven, or why it refuses. A proof shows that the state is valid; it doesn't show that it is the newest,
/// which of two valid successors is canonical, or that the data behind the roots is available.
#[derive(Args)]
pub struct Verify {
    /// A global proof with its network, as the demo and `trifold status --out` write it (bundle.json)
    file: PathBuf,
    /// A file of the network that you trust (another bundle, or a network file): keys and genesis have to be the same
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
}

impl Verify {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.check() {
            Ok(said) => println!("{said}"),
            Err(reason) => {
                println!("refused: {reason:#}");
                return Ok(ExitCode::FAILURE);
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn check(&self) -> anyhow::Result<String> {
        let GlobalProof { network, update } = read_bundle(&self.file)?;
        if let Some(trusted) = &self.network {
            let trusted = crate::network::trusted(trusted)?;
            same_network(&network, &trusted)?;
        }
        crate::network::check_key(&network)?;
        let client = LightClient::from_checkpoint(network, &update);
        let client = client.map_err(|error| anyhow!("{}: {error}", error.code()))?;
        Ok(describe(&client, self.network.is_some()))
    }
}

/// Reads a bundle of bounded size.
pub fn read_bundle(path: &Path) -> anyhow::Result<GlobalProof> {
    let bytes = bounded::read(path, MAX_TEXT_BYTES as u64)?;
    let text = std::str::from_utf8(&bytes).with_context(|| path.display().to_string())?;
    GlobalProof::from_json(text).with_context(|| path.display().to_string())
}

/// Checks that a network is the trusted one, and says in what it differs.
pub fn same_network(found: &Network, trusted: &Network) -> anyhow::Result<()> {
    let differs = |what: String| anyhow!("{}: another network: {what}", refusal::OTHER_NETWORK);
    if found.genesis != trusted.genesis {
        return Err(differs(format!("genesis {}", hex(&found.genesis))));
    }
    if found.keys != trusted.keys {
        return Err(differs(format!("keys {}", hex(&found.keys.digest()))));
    }
    if found.nest_key != trusted.nest_key {
        return Err(differs("verification_key differs".into()));
    }
    Ok(())
}

/// How far the network can be relied on.
pub fn trust(compared: bool) -> &'static str {
    match compared {
        true => "the trusted file's",
        false => "as the file states it; compare it, or pass --network",
    }
}

fn describe(client: &LightClient, compared: bool) -> String {
    let (state, network) = (client.held().state(), client.network());
    let trust = trust(compared);
    let lines = [
        format!(
            "accepted: epoch {} descends from genesis through {0} valid epochs",
            state.epoch
        ),
        format!("  root      {}", hex(&state.root)),
        format!(
            "  depth     {} (up to {} shards)",
            state.depth,
            3u64.pow(state.depth.into())
        ),
        format!("  history   {}", hex(&state.history)),
        format!("  in flight {}", state.in_flight),
        format!("network ({trust})"),
        format!("  genesis   {}", hex(&network.genesis)),
        format!("  merge key {}", hex(&network.keys.merge)),
        format!("  nest key  {}", hex(&network.keys.nest)),
        format!("  registry  {}", hex(&network.keys.registry)),
        format!(
            "{} bytes checked: proof {PROOF_BYTES}, state {GLOBAL_STATE_BYTES}",
            PROOF_BYTES + GLOBAL_STATE_BYTES
        ),
    ];
    lines.join("\n")
}
