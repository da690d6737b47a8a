//! The shard of a program that is not ours on disk: `shard-<i>.json` and `shard-<i>.key` beside the genesis file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use ed25519_dalek::SigningKey;
use trifold_circuits::genesis::Genesis;
use trifold_shard::{ProgramShard, file};
use trifold_verifier::verified::VerifiedState;

use crate::ledger::{self, GENESIS, Submits};
use crate::network::read_genesis;

/// A shard's file with the genesis file beside it.
pub struct ProgramLedger {
    path: PathBuf,
    genesis: Genesis,
    pub shard: ProgramShard,
}

impl ProgramLedger {
    /// Opens `shard-<i>.json` in a network's folder.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        Ok(Self {
            path: path.into(),
            genesis: read_genesis(&folder.join(GENESIS))?,
            shard: file::load_program(path)?,
        })
    }

    /// Replaces the file.
    pub fn save(&self) -> anyhow::Result<()> {
        Ok(file::save_program(&self.shard, &self.path)?)
    }
}

impl Submits for ProgramLedger {
    fn index(&self) -> u32 {
        self.shard.chain().index()
    }

    fn latest_epoch(&self) -> u64 {
        self.shard.chain().latest_epoch()
    }

    fn observe(
        &mut self,
        verified: &VerifiedState,
        siblings: Vec<[trifold_verifier::Fr; 2]>,
    ) -> anyhow::Result<()> {
        self.shard.observe(verified, &siblings)?;
        self.save()
    }

    /// The step under way, which was remembered when it was made.
    fn next(&mut self, operator: &SigningKey) -> anyhow::Result<(Vec<u8>, Vec<Vec<u8>>)> {
        let snapshot = self.shard.chain().under_way();
        let snapshot = snapshot.context("nothing to submit: no step since the last snapshot")?;
        Ok((snapshot.sign(operator)?, Vec::new()))
    }

    fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    fn operator(&self) -> anyhow::Result<SigningKey> {
        ledger::operator(&self.path, &self.genesis, self.index())
    }
}
