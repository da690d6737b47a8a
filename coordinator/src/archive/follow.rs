//! From the published stream into the records, epoch by epoch.

use std::sync::PoisonError;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::{Archive, Fault};
use crate::CoordinatorError;
use crate::coordinator::{Placed, members, published};
use crate::queue::Queue;
use crate::wire::GlobalProof;

/// Pause before it is asked again whether there is a next epoch.
const POLL: Duration = Duration::from_millis(500);
/// Pause after an epoch that is wrong, or a queue that fails.
const PAUSE: Duration = Duration::from_secs(10);
/// Epochs read ahead of the one that is being checked: at most so many lists of all shards are in memory.
const AHEAD: usize = 8;

/// Why an archive does not go on for now.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error(transparent)]
    Stream(#[from] CoordinatorError),
    #[error("epoch {0} is published without its members")]
    NoMembers(u64),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("the check of an epoch crashed: {0}")]
    Crashed(String),
}

/// Reads on until the process ends.
pub struct Follow<'a> {
    pub archive: &'a Archive,
    pub queue: &'a dyn Queue,
}

impl Follow<'_> {
    /// Follows for ever. What is wrong is told once, and looked at again later: a server that lied may be replaced.
    pub async fn run(&self) {
        loop {
            let pause = match self.catch_up().await {
                Ok(()) => POLL,
                Err(error) => {
                    self.tell(&error);
                    PAUSE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads and checks everything that is published and not known yet.
    ///
    /// # Errors
    /// The queue fails, or an epoch is not what it should be; those before it are taken in.
    pub async fn catch_up(&self) -> Result<(), FollowError> {
        let next = self.archive.records().newest() + 1;
        if self.read(next).await?.is_none() {
            self.current();
            return Ok(());
        }
        let mut ahead = stream::iter(next..)
            .map(|epoch| self.read(epoch))
            .buffered(AHEAD);
        while let Some((proof, members)) = ahead.next().await.transpose()?.flatten() {
            self.take(proof, members).await?;
        }
        self.current();
        Ok(())
    }

    async fn read(&self, epoch: u64) -> Result<Option<(GlobalProof, Vec<Placed>)>, FollowError> {
        let Some(proof) = published(self.queue, epoch).await? else {
            return Ok(None);
        };
        let members = members(self.queue, epoch).await?;
        let members = members.ok_or(FollowError::NoMembers(epoch))?;
        Ok(Some((proof, members)))
    }

    /// Checks an epoch beside those who are being served, and takes it in.
    async fn take(&self, proof: GlobalProof, members: Vec<Placed>) -> Result<(), FollowError> {
        let records = self.archive.records.clone();
        let work = move || -> Result<u64, Fault> {
            let read = records.read().unwrap_or_else(PoisonError::into_inner);
            let checked = read.check(&proof, &members)?;
            drop(read);
            let mut write = records.write().unwrap_or_else(PoisonError::into_inner);
            write.take(checked);
            Ok(write.newest())
        };
        let taken = tokio::task::spawn_blocking(work).await;
        let epoch = taken.map_err(|error| FollowError::Crashed(error.to_string()))??;
        self.archive.reached.send_modify(|reached| {
            reached.epoch = epoch;
            reached.fault = None;
        });
        Ok(())
    }

    fn current(&self) {
        self.archive
            .reached
            .send_if_modified(|reached| !std::mem::replace(&mut reached.current, true));
    }

    fn tell(&self, error: &FollowError) {
        let fault = Some(error.to_string());
        let new = self.archive.reached.send_if_modified(|reached| {
            let new = reached.fault != fault;
            reached.fault = fault;
            new
        });
        if new {
            tracing::error!(%error, "light clients are not served beyond the epochs before");
        }
    }
}
