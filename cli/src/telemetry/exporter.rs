//! Delivery to the collector, on the batch's own thread.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// A lost delivery is told of at most this often.
const QUIET: Duration = Duration::from_secs(60);

/// An exporter that logs what it loses; nobody else hears of it.
pub struct Telling<E> {
    exporter: E,
    told: Mutex<Option<Instant>>,
}

impl<E> Telling<E> {
    pub fn new(exporter: E) -> Self {
        let told = Mutex::new(None);
        Self { exporter, told }
    }

    fn tell(&self, lost: usize, error: &dyn fmt::Display) {
        let Ok(mut told) = self.told.lock() else {
            return;
        };
        if told.is_none_or(|at| at.elapsed() >= QUIET) {
            *told = Some(Instant::now());
            tracing::warn!(lost, %error, "the collector takes no spans; the farm goes on without it");
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for Telling<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exporter.fmt(f)
    }
}

impl<E: SpanExporter> SpanExporter for Telling<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let outcome = self.exporter.export(batch).await;
        if let Err(error) = &outcome {
            self.tell(spans, error);
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
