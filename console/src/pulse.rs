//! The farm's picture, taken twice a second while somebody looks and shared by all who do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;
use trifold_coordinator::view::View;

use crate::picture::Picture;
use crate::source::Source;

/// Time between two pictures.
pub const BEAT: Duration = Duration::from_millis(500);
/// Beats from one view to the next; cells are looked at in each.
const VIEW_BEATS: u64 = 2;
/// Epochs that clients can watch at the same time, beside the one that all follow.
pub const MAX_WATCHED_EPOCHS: usize = 8;

/// The farm at one beat.
pub struct Frame {
    /// The view's fields.
    pub view: Arc<Map<String, Value>>,
    /// The epoch that most want to see: the oldest in work, or the newest that is published.
    pub followed: u64,
    /// Cells of the followed epoch and of those that are watched, where they are known.
    pub pictures: BTreeMap<u64, Arc<Picture>>,
}

/// Takes the pictures.
pub struct Pulse {
    source: Arc<dyn Source>,
    frames: watch::Sender<Arc<Frame>>,
    watched: Mutex<BTreeMap<u64, usize>>,
}

/// Keeps an epoch in the pictures as long as it lives.
pub struct Watching {
    pulse: Arc<Pulse>,
    epoch: u64,
}

impl Pulse {
    pub fn new(source: Arc<dyn Source>) -> Arc<Self> {
        let frame = frame(&*source, &BTreeSet::new(), None);
        Arc::new(Self {
            source,
            frames: watch::Sender::new(Arc::new(frame)),
            watched: Mutex::default(),
        })
    }

    pub fn source(&self) -> Arc<dyn Source> {
        self.source.clone()
    }

    /// Takes pictures until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for beat in 0_u64.. {
            beats.tick().await;
            if self.frames.receiver_count() > 0 {
                self.clone().take(beat.is_multiple_of(VIEW_BEATS)).await;
            }
        }
    }

    /// Pictures from now on, beginning with a fresh one.
    pub async fn subscribe(self: &Arc<Self>) -> watch::Receiver<Arc<Frame>> {
        self.clone().take(true).await;
        let mut frames = self.frames.subscribe();
        frames.mark_changed();
        frames
    }

    /// Keeps `epoch` in the pictures. `None`: too many others are watched.
    pub fn watch(self: &Arc<Self>, epoch: u64) -> Option<Watching> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if !watched.contains_key(&epoch) && watched.len() >= MAX_WATCHED_EPOCHS {
            return None;
        }
        *watched.entry(epoch).or_default() += 1;
        let pulse = self.clone();
        Some(Watching { pulse, epoch })
    }

    async fn take(self: Arc<Self>, with_view: bool) {
        let known = (!with_view).then(|| self.frames.borrow().clone());
        let taken = tokio::task::spawn_blocking(move || {
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            let watched = watched.keys().copied().collect();
            let frame = frame(&*self.source, &watched, known);
            self.frames.send_replace(Arc::new(frame));
        });
        if let Err(error) = taken.await {
            tracing::error!(%error, "the picture of the farm could not be taken");
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut watched = self
            .pulse
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(watchers) = watched.get_mut(&self.epoch) {
            *watchers -= 1;
            if *watchers == 0 {
                watched.remove(&self.epoch);
            }
        }
    }
}

fn frame(source: &dyn Source, watched: &BTreeSet<u64>, known: Option<Arc<Frame>>) -> Frame {
    let view = source.view();
    let followed = followed(&view);
    let epochs = watched.iter().copied().chain([followed]);
    let picture = |epoch| Some((epoch, Arc::new(Picture::new(source.cells(epoch)?)?)));
    Frame {
        view: known.map_or_else(|| Arc::new(fields(&view)), |known| known.view.clone()),
        followed,
        pictures: epochs.filter_map(picture).collect(),
    }
}

fn followed(view: &View) -> u64 {
    view.epochs
        .first()
        .map_or(view.published_epoch, |epoch| epoch.epoch)
}

fn fields(view: &View) -> Map<String, Value> {
    match serde_json::to_value(view) {
        Ok(Value::Object(fields)) => fields,
        // A view is a struct with string keys.
        _ => Map::new(),
    }
}
