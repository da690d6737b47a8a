//! `trifold doctor`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;
use trifold_coordinator::plan;

use crate::cards;
use crate::config::Nats;
use crate::doctor::{Finding, Grade, machine, network, queue};
use crate::programs::Programs;
use crate::proving::Proving;
use crate::serve::Listen;

/// What the machine is to do.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Coordinator,
    Worker,
}

/// Each finding is one line: ok, warn or refuse, and what to do. The exit code is 1 if something is refused. The coordinator
/// and the worker look at the same when they start.
#[derive(Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[arg(long, value_enum, default_value = "coordinator")]
    role: Role,
    /// The network's genesis file
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Shards' key files to look at
    #[arg(long, value_name = "FILE")]
    shard_key: Vec<PathBuf>,
    #[command(flatten)]
    programs: Programs,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    proving: Proving,
    #[command(flatten)]
    nats: Nats,
}

impl Doctor {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Runtime::new()?;
        let findings = runtime.block_on(self.findings());
        let refused = findings
            .iter()
            .any(|finding| finding.grade == Grade::Refuse);
        match self.json {
            true => println!("{:#}", json!({ "ok": !refused, "findings": findings })),
            false => findings.iter().for_each(|finding| println!("{finding}")),
        }
        Ok(if refused {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    async fn findings(&self) -> Vec<Finding> {
        let mut findings = self.machine();
        let network = match &self.genesis {
            Some(genesis) => {
                let (found, network) = network::findings(genesis, &self.programs);
                findings.extend(found);
                network
            }
            None => {
                findings.push(Finding::warn(
                    "genesis",
                    "not looked at",
                    "give --genesis FILE",
                ));
                None
            }
        };
        findings.extend(self.queue(network.as_ref()).await);
        findings
    }

    fn machine(&self) -> Vec<Finding> {
        let mut findings = machine::look();
        findings.extend(self.listen.address.map(machine::port));
        findings.extend(self.nats.secrets().map(machine::secret));
        findings.extend(self.shard_key.iter().map(|path| machine::secret(path)));
        if self.role == Role::Worker {
            findings.push(card(&self.proving));
        }
        findings
    }

    async fn queue(&self, network: Option<&plan::Network>) -> Vec<Finding> {
        if self.nats.url.is_none() {
            return vec![Finding::warn("queue", "not looked at", "give --nats URL")];
        }
        let connected = match self.nats.connect().await {
            Ok(connected) => connected,
            Err(error) => {
                let advice = "see that the server runs and knows this key";
                return vec![Finding::refuse("queue", format!("{error:#}"), advice)];
            }
        };
        let mut findings = queue::look(connected.as_ref()).await;
        if let Some(network) = network {
            findings.push(network::look(network, connected.as_ref()).await);
        }
        findings
    }
}

fn card(proving: &Proving) -> Finding {
    let check = "cards";
    match cards::wanted(proving) {
        Ok(cards) if cards.is_empty() => {
            Finding::warn(check, "none: proofs are made on the CPU", "see trifold gpu")
        }
        Ok(cards) => Finding::ok(check, format!("{} usable", cards.len())),
        Err(error) => Finding::refuse(check, format!("{error:#}"), "see trifold gpu"),
    }
}
