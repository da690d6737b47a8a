//! Server-sent events: the farm as it changes.
//!
//! Nothing is queued for a client. When its connection takes another event, that is the difference between what it was last
//! sent and the newest picture, so that a slow client skips what it would only have overwritten.
//!
//! * `view`: a whole view; the first event.
//! * `patch`: what changed in it, see [`Patch`].
//! * `cells`: every cell of the epoch that is watched.
//! * `delta`: what changed in them, see [`crate::picture::Delta`].
//! * `beat`: nothing changed for [`QUIET`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::Stream;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::patch::Patch;
use crate::picture::Picture;
use crate::pulse::{Frame, Watching};

/// Clients that can follow the events at the same time.
pub const MAX_CLIENTS: usize = 64;
/// Time without news after which a client is told that there are none.
const QUIET: Duration = Duration::from_secs(5);
/// Time after which a client whose connection ended is asked to come back, in milliseconds.
const RETRY_MS: u32 = 2000;

/// One that follows the events.
pub struct Client {
    pub frames: watch::Receiver<Arc<Frame>>,
    /// The epoch that it wants to see; `None` is the one that all follow.
    pub watching: Option<(u64, Watching)>,
    /// True when the server ends.
    pub stopping: watch::Receiver<bool>,
    /// Its place among [`MAX_CLIENTS`].
    pub _place: OwnedSemaphorePermit,
    pub sent: Sent,
}

/// What a client was last sent.
#[derive(Default)]
pub struct Sent {
    view: Option<Arc<Map<String, Value>>>,
    picture: Option<Arc<Picture>>,
}

impl Client {
    /// The events, until the server ends.
    pub fn events(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        futures_util::stream::unfold(self, |mut client| async {
            let event = client.next().await?;
            Some((Ok(event.into()), client))
        })
    }

    async fn next(&mut self) -> Option<String> {
        let quiet = tokio::time::sleep(QUIET);
        tokio::pin!(quiet);
        loop {
            tokio::select! {
                biased;
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                changed = self.frames.changed() => changed.ok()?,
                () = &mut quiet => return Some("event: beat\ndata: {}\n\n".into()),
            }
            let frame = self.frames.borrow_and_update().clone();
            let wanted = self.watching.as_ref().map(|(epoch, _)| *epoch);
            let news = self.sent.news(&frame, wanted);
            if !news.is_empty() {
                return Some(news);
            }
        }
    }
}

impl Sent {
    /// What `frame` has that was not sent yet, as events.
    fn news(&mut self, frame: &Frame, wanted: Option<u64>) -> String {
        let mut text = self.view_news(frame);
        if let Some(picture) = frame.pictures.get(&wanted.unwrap_or(frame.followed)) {
            text += &self.picture_news(picture);
        }
        text
    }

    fn view_news(&mut self, frame: &Frame) -> String {
        let view = &frame.view;
        let Some(old) = self.view.replace(view.clone()) else {
            return format!("retry: {RETRY_MS}\n{}", event("view", &**view));
        };
        let patch = Patch::between(&old, view);
        match patch.is_empty() {
            true => String::new(),
            false => event("patch", &patch),
        }
    }

    fn picture_news(&mut self, picture: &Arc<Picture>) -> String {
        let old = self.picture.replace(picture.clone());
        match old.as_ref().and_then(|old| picture.since(old)) {
            None => event("cells", &picture.cells),
            Some(delta) if delta.is_empty() => String::new(),
            Some(delta) => event("delta", &delta),
        }
    }
}

fn event(name: &str, data: &impl Serialize) -> String {
    // JSON has no line breaks, so that one data line is enough; our messages have no failing serializers.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::play::{Play, Score};
    use crate::pulse::Pulse;

    /// Nothing queues up for who does not read: what it missed comes as one difference.
    #[tokio::test]
    async fn a_slow_client_skips() {
        let play = Arc::new(Play::new(Score {
            shards: 27,
            workers: 9,
            task_ms: 400,
            seed: 3,
        }));
        let pulse = Pulse::new(play.clone());
        let (_stop, stopping) = watch::channel(false);
        let mut client = Client {
            frames: pulse.subscribe().await,
            watching: None,
            stopping,
            _place: Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap(),
            sent: Sent::default(),
        };
        let first = client.next().await.unwrap();
        assert!(
            first.contains("event: view\n") && first.contains("event: cells\n"),
            "{first}"
        );
        for _ in 0..20 {
            play.advance(100);
            pulse.subscribe().await;
        }
        let second = client.next().await.unwrap();
        assert_eq!(second.matches("event: ").count(), 2, "{second}");
        assert!(
            second.contains("event: patch\n") && second.contains("event: delta\n"),
            "{second}"
        );
    }
}
