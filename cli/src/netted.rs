//! The netted ledger on this machine: its circuits, and shards that keep one in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ed25519_dalek::SigningKey;
use trifold_circuits::artifacts::{Checkout, Manifest};
use trifold_circuits::genesis::{DemoSecrets, Genesis, NettedProgram};
use trifold_circuits::netted::circuit::{CLOSE, PartCircuit};

use trifold_shard::Delivery;
use trifold_shard::netted::layout::{Domain, Message, Payment, SignedMessage};
use trifold_shard::netted::{NettedShard, Submission};
use trifold_shard::store::Settings;
use trifold_verifier::Fr;
use trifold_verifier::verified::VerifiedState;

use crate::deployment::Deployed;
use crate::ledger::{self, Exchanges, GENESIS, Submits};
use crate::network::read_genesis;
use crate::output::client_key;
use crate::time::now_milliseconds;

/// All of them with their keys.
pub struct NettedCircuits {
    pub close: Deployed,
    /// Large ones may be missing.
    pub parts: BTreeMap<PartCircuit, Deployed>,
}

/// Their names in `circuits.toml`.
pub fn names(large: bool) -> impl Iterator<Item = &'static str> {
    let parts = PartCircuit::ALL.into_iter();
    let parts = parts.filter(move |circuit| large || !circuit.is_large());
    parts.map(PartCircuit::name).chain([CLOSE])
}

impl NettedCircuits {
    /// Takes them from the cache; `None` if one that is not large is not there.
    pub fn cached(checkout: &Checkout, manifest: &Manifest) -> anyhow::Result<Option<Self>> {
        let cached = |name| Deployed::cached(checkout, manifest.get(name)?);
        let mut parts = BTreeMap::new();
        for circuit in PartCircuit::ALL {
            match cached(circuit.name())? {
                Some(deployed) => {
                    parts.insert(circuit, deployed);
                }
                None if circuit.is_large() => (),
                None => return Ok(None),
            }
        }
        let close = cached(CLOSE)?;
        Ok(close.map(|close| Self { close, parts }))
    }

    /// Their keys, as a genesis holds them; those of large circuits too if all are here.
    pub fn program(&self) -> anyhow::Result<NettedProgram> {
        let large = self.parts.len() == PartCircuit::ALL.len();
        let parts = self.parts.iter();
        let parts = parts.filter(|(circuit, _)| large || !circuit.is_large());
        let key = |(circuit, part): (&PartCircuit, &Deployed)| {
            Ok((*circuit, client_key(&part.verifying_key)?))
        };
        let keys: BTreeMap<_, _> = parts.map(key).collect::<anyhow::Result<_>>()?;
        Ok(NettedProgram::new(
            client_key(&self.close.verifying_key)?,
            |circuit| keys.get(&circuit).copied(),
        )?)
    }
}

/// Opens the folder `shard-<i>` beside its network's genesis file.
pub fn open(path: &Path) -> anyhow::Result<NettedShard> {
    let genesis = read_genesis(&beside(path).join(GENESIS))?;
    Ok(NettedShard::open(path, &genesis, Settings::default())?)
}

fn beside(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// A netted shard's folder with what lies beside it.
pub struct NettedLedger {
    path: PathBuf,
    genesis: Genesis,
    secrets: DemoSecrets,
    pub shard: NettedShard,
}

impl NettedLedger {
    /// Opens the folder `shard-<i>` of a demo network.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = beside(path);
        let genesis = read_genesis(&folder.join(GENESIS))?;
        let secrets = ledger::read_secrets(folder, &genesis)?;
        let shard = NettedShard::open(path, &genesis, Settings::default())?;
        Ok(Self {
            path: path.into(),
            genesis,
            secrets,
            shard,
        })
    }

    /// Lets the owners of accounts sign a payment each, given with the account that pays; all of them are taken, or an error tells
    /// of the first that was not.
    pub fn pay(&self, payments: &[(u32, Payment)]) -> anyhow::Result<()> {
        let mut next = std::collections::HashMap::new();
        let mut messages = Vec::new();
        for (from, payment) in payments {
            let known = self.shard.store().next_ordinal(*from);
            let known = known.with_context(|| format!("account {from} does not exist"))?;
            let ordinal = next.entry(*from).or_insert(known);
            messages.push(self.sign(*from, *ordinal, *payment)?);
            *ordinal += 1;
        }
        let taken = self.shard.accept(messages)?;
        Ok(taken.into_iter().collect::<Result<_, _>>()?)
    }

    fn sign(&self, from: u32, ordinal: u64, payment: Payment) -> anyhow::Result<SignedMessage> {
        let index = self.shard.chain().index();
        let keys = self.secrets.accounts.get(index as usize);
        let secret = keys.and_then(|keys| keys.get(from as usize));
        let secret = secret.with_context(|| format!("no key for account {from}"))?;
        let netted = self.genesis.netted()?.context("no netted shards")?;
        let message = Message {
            from,
            ordinal,
            payments: vec![payment],
        };
        Ok(Domain::new(netted.network, u16::try_from(index)?).sign(message, secret))
    }
}

impl Exchanges for NettedLedger {
    fn receive(&mut self, delivery: &Delivery) -> anyhow::Result<usize> {
        Ok(self.shard.receive(delivery, now_milliseconds())?)
    }

    fn waiting(&self) -> usize {
        self.shard.pending() + self.shard.queued()
    }
}

impl Submits for NettedLedger {
    fn index(&self) -> u32 {
        self.shard.chain().index()
    }

    fn latest_epoch(&self) -> u64 {
        self.shard.chain().latest_epoch()
    }

    fn observe(&mut self, verified: &VerifiedState, siblings: Vec<[Fr; 2]>) -> anyhow::Result<()> {
        self.shard.observe(verified, &siblings)?;
        Ok(())
    }

    fn next(&mut self, operator: &SigningKey) -> anyhow::Result<(Vec<u8>, Vec<Vec<u8>>)> {
        let submission = self.shard.snapshot(now_milliseconds())?;
        let submission =
            submission.context("nothing to submit: no message since the last snapshot")?;
        let Submission { snapshot, inputs } = submission;
        Ok((snapshot.sign(operator)?, inputs))
    }

    fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    fn operator(&self) -> anyhow::Result<SigningKey> {
        ledger::operator(&self.path, &self.genesis, self.index())
    }
}
