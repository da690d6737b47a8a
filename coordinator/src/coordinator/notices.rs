//! Notices, sent in order by a task of their own so that nobody waits for them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::queue::Queue;

pub(super) struct Notices {
    sender: Option<mpsc::UnboundedSender<(String, Bytes)>>,
    task: Option<JoinHandle<()>>,
}

impl Notices {
    pub fn start(queue: Arc<dyn Queue>) -> Self {
        let (sender, mut receiver) = mpsc::unbounded_channel::<(String, Bytes)>();
        let task = tokio::spawn(async move {
            while let Some((key, body)) = receiver.recv().await {
                if let Err(error) = queue.notify(&key, body).await {
                    tracing::warn!(key, %error, "a notice was lost");
                }
            }
        });
        Self {
            sender: Some(sender),
            task: Some(task),
        }
    }

    pub fn send(&self, key: String, body: Bytes) {
        if let Some(sender) = &self.sender {
            // The receiver lives until `stop`.
            let _ = sender.send((key, body));
        }
    }

    /// Waits until what was sent is out.
    pub async fn stop(&mut self) {
        self.sender = None;
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}
