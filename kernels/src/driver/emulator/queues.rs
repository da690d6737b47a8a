//! What streams were given and have not done yet, as long as nobody waits for it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::driver::{EventHandle, StreamHandle};
use crate::error::{DeviceError, Result};

type Work = Box<dyn FnOnce() -> Result<()> + Send>;

enum Step {
    Work(Work),
    Record(Arc<Point>),
    Wait(Arc<Point>),
}

/// Where an event stands in the work of its stream.
struct Point {
    stream: u64,
    reached: AtomicBool,
}

impl Point {
    fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Queue {
    steps: VecDeque<Step>,
    /// What the first failed step said; reported once.
    failed: Option<DeviceError>,
}

/// Streams and events by their handles.
#[derive(Default)]
pub(super) struct Queues {
    handles: u64,
    streams: HashMap<u64, Queue>,
    events: HashMap<u64, Arc<Point>>,
}

impl Queues {
    fn handle(&mut self) -> u64 {
        self.handles += 1;
        self.handles
    }

    pub(super) fn create_stream(&mut self) -> StreamHandle {
        StreamHandle(self.handle())
    }

    fn queue(&mut self, stream: u64) -> &mut Queue {
        self.streams.entry(stream).or_default()
    }

    pub(super) fn push(&mut self, stream: StreamHandle, work: Work) {
        self.queue(stream.0).steps.push_back(Step::Work(work));
    }

    /// A stream that has nothing to do has come to its event already.
    pub(super) fn record(&mut self, stream: StreamHandle) -> EventHandle {
        let idle = self.queue(stream.0).steps.is_empty();
        let point = Arc::new(Point {
            stream: stream.0,
            reached: AtomicBool::new(idle),
        });
        if !idle {
            self.queue(stream.0)
                .steps
                .push_back(Step::Record(point.clone()));
        }
        let event = self.handle();
        self.events.insert(event, point);
        EventHandle(event)
    }

    pub(super) fn wait(&mut self, stream: StreamHandle, event: EventHandle) {
        if let Some(point) = self
            .events
            .get(&event.0)
            .filter(|point| !point.is_reached())
            .cloned()
        {
            self.queue(stream.0).steps.push_back(Step::Wait(point));
        }
    }

    pub(super) fn destroy_event(&mut self, event: EventHandle) {
        self.events.remove(&event.0);
    }

    /// Takes the next step of a stream; false if there is none.
    fn step(&mut self, stream: u64) -> bool {
        match self.queue(stream).steps.pop_front() {
            None => return false,
            Some(Step::Record(point)) => point.reached.store(true, Ordering::Relaxed),
            Some(Step::Wait(point)) => self.reach(&point),
            Some(Step::Work(work)) => {
                let failed = work().err();
                let queue = self.queue(stream);
                queue.failed = queue.failed.take().or(failed);
            }
        }
        true
    }

    fn reach(&mut self, point: &Point) {
        while !point.is_reached() && self.step(point.stream) {}
    }

    fn report(&mut self, stream: u64) -> Result<()> {
        self.queue(stream).failed.take().map_or(Ok(()), Err)
    }

    pub(super) fn run_stream(&mut self, stream: StreamHandle) -> Result<()> {
        while self.step(stream.0) {}
        self.report(stream.0)
    }

    pub(super) fn run_until(&mut self, event: EventHandle) -> Result<()> {
        let Some(point) = self.events.get(&event.0).cloned() else {
            return Ok(());
        };
        self.reach(&point);
        self.report(point.stream)
    }

    /// Whether the event is reached. Asking moves its stream on by a step, so that whoever asks in a loop gets there.
    pub(super) fn poll(&mut self, event: EventHandle) -> bool {
        let Some(point) = self.events.get(&event.0).cloned() else {
            return true;
        };
        if !point.is_reached() {
            self.step(point.stream);
        }
        point.is_reached()
    }

    /// Does everything that any stream was given, the latest stream first, and leaves the errors to
    /// whoever waits for it.
    pub(super) fn finish(&mut self) -> Vec<u64> {
        let mut streams: Vec<u64> = self.streams.keys().copied().collect();
        streams.sort_unstable_by(|a, b| b.cmp(a));
        streams
            .iter()
            .for_each(|stream| while self.step(*stream) {});
        streams
    }

    pub(super) fn run_all(&mut self) -> Result<()> {
        let streams = self.finish();
        streams
            .into_iter()
            .map(|stream| self.report(stream))
            .fold(Ok(()), Result::and)
    }
}
