//! A registry that knows what is in it.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

/// Labels with their values.
pub(super) type Labels = Vec<(&'static str, String)>;
pub(super) type Counters = Family<Labels, Counter>;
/// Counters of seconds.
pub(super) type Sums = Family<Labels, Counter<f64, AtomicU64>>;
pub(super) type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
pub(super) type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// Name, and names of the labels.
type Named = (&'static str, &'static [&'static str]);

/// One metric, as the reference lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// As it is scraped: counters end in `_total`, a histogram also has `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// Counter, gauge, histogram or info.
    pub kind: &'static str,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// The metrics of a process.
#[derive(Default)]
pub(super) struct Board {
    registry: Registry,
    described: Vec<Described>,
}

impl Board {
    /// Adds a metric of any kind.
    pub fn add(
        &mut self,
        (name, kind, labels): (&'static str, &'static str, &'static [&'static str]),
        help: &'static str,
        metric: impl Metric,
    ) {
        self.registry.register(name, help, metric);
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        self.described.push(Described {
            name: format!("{name}{suffix}"),
            kind,
            labels,
            help,
        });
    }

    pub fn counters(&mut self, (name, labels): Named, help: &'static str) -> Counters {
        let family = Counters::default();
        self.add((name, "counter", labels), help, family.clone());
        zero(labels, || drop(family.get_or_create(&Labels::new())));
        family
    }

    pub fn sums(&mut self, (name, labels): Named, help: &'static str) -> Sums {
        let family = Sums::default();
        self.add((name, "counter", labels), help, family.clone());
        zero(labels, || drop(family.get_or_create(&Labels::new())));
        family
    }

    pub fn gauges(&mut self, (name, labels): Named, help: &'static str) -> Gauges {
        let family = Gauges::default();
        self.add((name, "gauge", labels), help, family.clone());
        family
    }

    /// Times of tasks: 10 ms to 45 minutes.
    pub fn durations(&mut self, named: Named, help: &'static str) -> Histograms {
        self.histograms(named, help, || {
            Histogram::new(exponential_buckets(0.01, 2.0, 19))
        })
    }

    /// Times of single writes: 100 microseconds to 26 s.
    pub fn instants(&mut self, named: Named, help: &'static str) -> Histograms {
        self.histograms(named, help, || {
            Histogram::new(exponential_buckets(1e-4, 4.0, 10))
        })
    }

    /// Sizes: 1 KiB to 256 MiB.
    pub fn sizes(&mut self, named: Named, help: &'static str) -> Histograms {
        self.histograms(named, help, || {
            Histogram::new(exponential_buckets(1024.0, 4.0, 10))
        })
    }

    fn histograms(
        &mut self,
        (name, labels): Named,
        help: &'static str,
        new: fn() -> Histogram,
    ) -> Histograms {
        let family = Histograms::new_with_constructor(new);
        self.add((name, "histogram", labels), help, family.clone());
        family
    }

    pub fn described(&self) -> &[Described] {
        &self.described
    }

    /// The OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string doesn't fail; what is written so far would be scraped as broken, and told.
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics can't be written");
        }
        // A family member without labels is written with empty braces, which every parser takes and nobody reads well.
        text.replace("{} ", " ")
    }
}

/// A counter without labels is there from the start: its first step is then seen as one.
fn zero(labels: &[&str], make: impl FnOnce()) {
    if labels.is_empty() {
        make();
    }
}

/// Sets a gauge.
pub(super) fn set(gauges: &Gauges, labels: &Labels, value: f64) {
    gauges.get_or_create(labels).set(value);
}
