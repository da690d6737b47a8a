//! Items of the queue that are being worked on, by token.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::core::Token;
use crate::queue::Lease;

/// An item that was delivered to us.
struct Item {
    lease: Arc<dyn Lease>,
    /// The bytes of a snapshot that is being inspected.
    bytes: Bytes,
    /// Room for another one once this is gone.
    _permit: OwnedSemaphorePermit,
}

/// All items that are held.
#[derive(Default)]
pub(super) struct Held {
    next: AtomicU64,
    items: Mutex<HashMap<Token, Item>>,
}

impl Held {
    pub fn insert(
        &self,
        lease: Arc<dyn Lease>,
        bytes: Bytes,
        permit: OwnedSemaphorePermit,
    ) -> Token {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let item = Item {
            lease,
            bytes,
            _permit: permit,
        };
        self.items().insert(token, item);
        token
    }

    pub fn bytes(&self, token: Token) -> Bytes {
        self.items()
            .get(&token)
            .map(|item| item.bytes.clone())
            .unwrap_or_default()
    }

    /// Lets go of an item. If that is lost, it comes again and is found superfluous.
    pub async fn done(&self, token: Token) {
        let item = self.items().remove(&token);
        if let Some(item) = item
            && let Err(error) = item.lease.let_go().await
        {
            tracing::warn!(%error, "an item could not be taken off the queue");
        }
    }

    /// Gives an item back. If that is lost, its lease runs out to the same end.
    pub async fn give_back(&self, token: Token, delay: Duration) {
        let item = self.items().remove(&token);
        if let Some(item) = item
            && let Err(error) = item.lease.give_back(delay).await
        {
            tracing::warn!(%error, "an item could not be given back");
        }
    }

    fn items(&self) -> MutexGuard<'_, HashMap<Token, Item>> {
        self.items.lock().unwrap_or_else(|e| e.into_inner())
    }
}
