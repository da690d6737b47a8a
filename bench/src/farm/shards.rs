//! The shards: every one submits a snapshot for each epoch, each starting where the one before ended.

use std::sync::Arc;

use anyhow::Result;
use tokio::task::JoinSet;
use trifold_coordinator::plan::Network;
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::standin::{self, Snapshot};
use trifold_coordinator::wire::encode;

/// Submissions on their way at a time.
const SUBMITTERS: usize = 32;

/// Submits everything; the snapshots of a shard in their order.
pub async fn submit(queue: Arc<dyn Queue>, network: &Network, epochs: u64) -> Result<()> {
    let mut leaves = network.leaves.clone();
    for _ in 0..epochs {
        let mut under_way = JoinSet::new();
        for (shard, leaf) in &mut leaves {
            let snapshot = Snapshot::after(*shard, Some(*leaf));
            *leaf = snapshot.leaf();
            if under_way.len() == SUBMITTERS {
                under_way.join_next().await.transpose()?.transpose()?;
            }
            under_way.spawn(submit_one(queue.clone(), snapshot));
        }
        while let Some(submitted) = under_way.join_next().await {
            submitted??;
        }
    }
    Ok(())
}

async fn submit_one(queue: Arc<dyn Queue>, snapshot: Snapshot) -> Result<()> {
    let digest = queue.artifacts().put(snapshot.encode()).await?;
    let announcement = standin::announcement(snapshot.shard, digest);
    let item = Item {
        key: announcement.key(),
        attempt: 0,
        body: encode(&announcement),
    };
    queue.push(&Lane::Snapshots, &item).await?;
    Ok(())
}
