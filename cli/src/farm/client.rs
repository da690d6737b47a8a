use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use ed25519_dalek::SigningKey;
use trifold_coordinator::Digest;
use trifold_coordinator::coordinator::{published, verdict_key};
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::wire::{
    Command, CommandKind, GlobalProof, Outcome, Submission, VERSION, Verdict, decode, encode,
};
use trifold_verifier::client::Update;
use trifold_verifier::groth16::Proof;
use trifold_verifier::json;

use crate::network::Network;
use crate::time::now_milliseconds;

/// Blobs stored beside each other.
const UPLOADS: usize = 16;
/// Pause between two looks at a record that somebody else writes.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What shards and operators say to a farm, through its queue.
#[derive(Clone)]
pub struct Client {
    pub queue: Arc<dyn Queue>,
}

impl Client {
    /// Stores the blobs that the parts of a snapshot are proven from, some beside each other.
    pub async fn store(&self, blobs: Vec<Vec<u8>>) -> anyhow::Result<()> {
        for blobs in blobs.chunks(UPLOADS) {
            let mut stored = tokio::task::JoinSet::new();
            for blob in blobs {
                let (queue, blob) = (self.queue.clone(), blob.clone().into());
                stored.spawn(async move { queue.artifacts().put(blob).await });
            }
            while let Some(put) = stored.join_next().await {
                put??;
            }
        }
        Ok(())
    }

    /// Stores a snapshot and announces it in its operator's name.
    pub async fn submit(
        &self,
        network: &Network,
        shard: u32,
        bytes: Vec<u8>,
        operator: &SigningKey,
    ) -> anyhow::Result<Digest> {
        let snapshot = self.queue.artifacts().put(bytes.into()).await?;
        let submission = Submission::signed(&network.state.digest(), shard, snapshot, operator);
        let item = Item {
            key: submission.key(),
            attempt: serial(),
            body: encode(&submission),
        };
        self.queue.push(&Lane::Snapshots, &item).await?;
        Ok(snapshot)
    }

    /// Waits for the coordinator's first word on a snapshot; an error when it refuses.
    pub async fn accepted(&self, shard: u32, snapshot: &Digest) -> anyhow::Result<Outcome> {
        loop {
            let notice = self.queue.notice(&verdict_key(shard, snapshot)).await?;
            match notice.map(|body| decode::<Verdict>(&body)).transpose()? {
                Some(Verdict {
                    outcome: Outcome::Rejected { code, message },
                    ..
                }) => {
                    bail!("the coordinator refused the snapshot ({code}): {message}")
                }
                Some(verdict) => return Ok(verdict.outcome),
                None => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Waits for the epoch in which a snapshot is final; an error when it is refused.
    pub async fn included(&self, shard: u32, snapshot: &Digest) -> anyhow::Result<u64> {
        loop {
            match self.accepted(shard, snapshot).await? {
                Outcome::Final { epoch } => return Ok(epoch),
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Asks for an epoch of the snapshots that wait now.
    pub async fn close_epoch(&self) -> anyhow::Result<()> {
        let body = encode(&Command {
            version: VERSION,
            id: "close".into(),
            command: CommandKind::CloseEpoch,
        });
        let attempt = serial();
        let item = Item {
            key: format!("close-{attempt}"),
            attempt,
            body,
        };
        self.queue.push(&Lane::Control, &item).await?;
        Ok(())
    }

    /// Waits for the global proof of an epoch.
    pub async fn published(&self, epoch: u64) -> anyhow::Result<GlobalProof> {
        loop {
            match published(self.queue.as_ref(), epoch).await? {
                Some(proof) => return Ok(proof),
                None => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Whether the global proof of an epoch is out.
    pub async fn is_published(&self, epoch: u64) -> anyhow::Result<bool> {
        Ok(published(self.queue.as_ref(), epoch).await?.is_some())
    }

    /// The newest epoch whose global proof is out.
    pub async fn newest_epoch(&self) -> anyhow::Result<u64> {
        let mut epoch = 0;
        while self.is_published(epoch + 1).await? {
            epoch += 1;
        }
        Ok(epoch)
    }
}

/// A published proof as a light client takes it; its form is checked, nothing else.
pub fn update(proof: &GlobalProof) -> anyhow::Result<Update> {
    Ok(Update {
        state: proof.state.into(),
        proof: Proof::from_bytes(&proof.proof.0)?,
    })
}

/// A published proof with the network it is checked under.
pub fn bundle(network: &Network, proof: &GlobalProof) -> anyhow::Result<json::GlobalProof> {
    Ok(json::GlobalProof {
        network: network.client(),
        update: update(proof)?,
    })
}

/// Tells two messages of this machine apart.
fn serial() -> u32 {
    now_milliseconds() as u32
}
