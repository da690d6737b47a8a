//! A queue through which somebody looks, and which may do more than it is asked to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use trifold_coordinator::Artifacts;
use trifold_coordinator::queue::{
    Delivery, Facts, Item, JournalEntry, Lane, Pushed, Queue, QueueError, QueueStats,
};

/// Who looks.
pub trait Eye: Send + Sync + 'static {
    /// An item is about to be pushed; what else is to be pushed, and when.
    fn pushing(&self, _lane: &Lane, _item: &Item) -> Vec<(Duration, Item)> {
        Vec::new()
    }

    /// The item was taken back.
    fn cancelled(&self, _key: &str) {}

    /// Something is about to be appended.
    fn appending(&self) {}

    /// The journal has this entry.
    fn learned(&self, _body: &Bytes) {}
}

pub struct Watched<E> {
    pub queue: Arc<dyn Queue>,
    pub eye: E,
}

#[async_trait]
impl<E: Eye> Queue for Watched<E> {
    async fn push(&self, lane: &Lane, item: &Item) -> Result<Pushed, QueueError> {
        for (delay, item) in self.eye.pushing(lane, item) {
            let (queue, lane) = (self.queue.clone(), lane.clone());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = queue.push(&lane, &item).await;
            });
        }
        self.queue.push(lane, item).await
    }

    async fn pull(&self, lanes: &[Lane], wait: Duration) -> Result<Option<Delivery>, QueueError> {
        self.queue.pull(lanes, wait).await
    }

    async fn pull_many(
        &self,
        lane: &Lane,
        count: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        self.queue.pull_many(lane, count, wait).await
    }

    async fn undeliverable(&self) -> Result<Vec<(Lane, String)>, QueueError> {
        self.queue.undeliverable().await
    }

    async fn cancel(&self, lane: &Lane, key: &str) -> Result<(), QueueError> {
        self.eye.cancelled(key);
        self.queue.cancel(lane, key).await
    }

    async fn publish(&self, key: &str, body: Bytes) -> Result<Pushed, QueueError> {
        self.queue.publish(key, body).await
    }

    async fn published(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        self.queue.published(key).await
    }

    async fn append(&self, body: Bytes, after: u64) -> Result<u64, QueueError> {
        self.eye.appending();
        let position = self.queue.append(body.clone(), after).await?;
        self.eye.learned(&body);
        Ok(position)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<JournalEntry>, QueueError> {
        let entries = self.queue.read(from, limit).await?;
        entries
            .iter()
            .for_each(|entry| self.eye.learned(&entry.body));
        Ok(entries)
    }

    async fn end(&self) -> Result<u64, QueueError> {
        self.queue.end().await
    }

    async fn shorten(&self, before: u64) -> Result<(), QueueError> {
        self.queue.shorten(before).await
    }

    async fn notify(&self, key: &str, body: Bytes) -> Result<(), QueueError> {
        self.queue.notify(key, body).await
    }

    async fn notice(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        self.queue.notice(key).await
    }

    async fn notices(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, QueueError> {
        self.queue.notices(prefix).await
    }

    async fn stats(&self) -> Result<QueueStats, QueueError> {
        self.queue.stats().await
    }

    async fn facts(&self) -> Result<Facts, QueueError> {
        self.queue.facts().await
    }

    fn artifacts(&self) -> &dyn Artifacts {
        self.queue.artifacts()
    }
}
