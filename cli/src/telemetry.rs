//! The one subscriber of a process: log lines to the standard error, and spans to a collector if one is named.

mod exporter;
mod fields;
mod spans;

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanProcessor as _};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

use crate::tls::choose_provider;
use exporter::Telling;
use spans::Spans;

/// Time between deliveries to the collector.
const DELIVERY: Duration = Duration::from_secs(1);
/// Spans that wait for the collector; more are dropped.
const MAX_WAITING_SPANS: usize = 16_384;
/// The collector may take so long for a delivery, and the end of the process waits so long for the last one.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON object a line, for machines.
    Json,
}

/// What a process tells about itself, to whom.
pub struct Telemetry<'a> {
    /// Of log lines.
    pub filter: &'a str,
    pub format: Format,
    /// What human lines begin with.
    pub card: Option<&'a str>,
    /// Base address of an OTLP collector.
    pub otlp: Option<&'a str>,
    /// Kind and name of the process, for the collector.
    pub service: &'static str,
    pub instance: &'a str,
}

/// Delivers the last spans when it is dropped.
pub struct Guard {
    processor: Option<&'static BatchSpanProcessor>,
}

impl Telemetry<'_> {
    /// Subscribes for the life of the process.
    ///
    /// # Errors
    /// The filter or the collector's address can't be read. A collector that does not answer is no error.
    pub fn subscribe(&self) -> anyhow::Result<Guard> {
        let processor = self.otlp.map(|url| self.processor(url)).transpose()?;
        // The subscriber lives as long as the process, and so does what it writes to.
        let processor = processor.map(|processor| &*Box::leak(Box::new(processor)));
        let ours = Targets::new().with_target("trifold", LevelFilter::INFO);
        let spans = processor.map(|processor| Spans::new(processor).with_filter(ours));
        let registry = tracing_subscriber::registry()
            .with(self.lines()?)
            .with(spans);
        registry.try_init().context("telemetry")?;
        Ok(Guard { processor })
    }

    fn lines(&self) -> anyhow::Result<Box<dyn Layer<Registry> + Send + Sync>> {
        let filter = EnvFilter::try_new(self.filter).context("--log")?;
        let lines = tracing_subscriber::fmt::layer();
        Ok(match self.format {
            Format::Human => {
                let card = self.card.map(str::to_owned);
                let marked = move || Marked { card: card.clone() };
                lines.with_writer(marked).with_filter(filter).boxed()
            }
            Format::Json => {
                let lines = lines.json().flatten_event(true);
                lines
                    .with_writer(std::io::stderr)
                    .with_filter(filter)
                    .boxed()
            }
        })
    }

    fn processor(&self, url: &str) -> anyhow::Result<BatchSpanProcessor> {
        // Nothing is encrypted here: a collector on this machine, or a mesh, forwards to one far away.
        anyhow::ensure!(
            url.starts_with("http://"),
            "--otlp: {url:?} is not an http:// address"
        );
        choose_provider();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", url.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .build()
            .context("--otlp")?;
        let config = BatchConfigBuilder::default()
            .with_scheduled_delay(DELIVERY)
            .with_max_queue_size(MAX_WAITING_SPANS)
            .build();
        let processor = BatchSpanProcessor::builder(Telling::new(exporter));
        let mut processor = processor.with_batch_config(config).build();
        processor.set_resource(&self.resource());
        Ok(processor)
    }

    /// What every span of the process is of; OTEL_RESOURCE_ATTRIBUTES adds to it.
    fn resource(&self) -> Resource {
        let version = env!("CARGO_PKG_VERSION");
        Resource::builder()
            .with_service_name(self.service)
            .with_attribute(KeyValue::new(
                "service.instance.id",
                self.instance.to_owned(),
            ))
            .with_attribute(KeyValue::new("service.version", version))
            .build()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(processor) = self.processor {
            // A collector that is gone is told of by the exporter.
            let _ = processor.shutdown_with_timeout(PATIENCE);
        }
    }
}

/// The standard error with a card before each line; the subscriber writes one line at a time.
struct Marked {
    card: Option<String>,
}

impl Write for Marked {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut error = std::io::stderr().lock();
        if let Some(card) = &self.card {
            write!(error, "{card}: ")?;
        }
        error.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

#[cfg(test)]
mod tests;
