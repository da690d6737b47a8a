//! A collector that keeps what it is sent, and farms that send to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry::trace::{SpanId, Status};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span as OpenSpan, SpanData, SpanProcessor};
use prost::Message;
use tracing::{error, info, info_span};
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::{overhead, standin, trace};
use trifold_verifier::Fr;

use super::*;

/// Keeps the spans that ended.
#[derive(Debug, Default)]
struct Ended(Mutex<Vec<SpanData>>);

impl SpanProcessor for Ended {
    fn on_start(&self, _span: &mut OpenSpan, _context: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// What ends while `work` runs, in this order.
fn ended(work: impl FnOnce()) -> Vec<SpanData> {
    let ended: &'static Ended = Box::leak(Box::default());
    let subscriber = tracing_subscriber::registry().with(Spans::new(ended));
    tracing::subscriber::with_default(subscriber, work);
    std::mem::take(&mut ended.0.lock().unwrap())
}

#[test]
fn a_span_belongs_where_its_fields_say_and_all_within_it() {
    let parent = trace::epoch(&Fr::from(1), 7);
    let spans = ended(|| {
        let outer = info_span!("outer", trace.parent = %parent, count = 3u64).entered();
        info_span!("inner", at = "x").in_scope(|| error!(why = "bad", "failed"));
        drop(outer);
        info_span!("root", trace.of = %parent, trace.start_unix_ms = 5_000u64)
            .in_scope(|| info!("out"));
    });
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["inner", "outer", "root"]);
    let [inner, outer, root] = &spans[..] else {
        panic!("three spans")
    };
    let traces = spans
        .iter()
        .map(|span| span.span_context.trace_id().to_bytes());
    assert!(traces.into_iter().all(|trace| trace == parent.trace));
    assert_eq!(root.span_context.span_id().to_bytes(), parent.span);
    assert_eq!(root.parent_span_id, SpanId::INVALID);
    assert_eq!(outer.parent_span_id, root.span_context.span_id());
    assert_eq!(inner.parent_span_id, outer.span_context.span_id());
    assert_eq!(
        root.start_time,
        std::time::UNIX_EPOCH + Duration::from_secs(5)
    );
    assert_eq!(outer.attributes, [KeyValue::new("count", 3)]);
    assert_eq!(inner.status, Status::error("failed"));
    assert_eq!(inner.events.events[0].name, "failed");
    assert_eq!(root.status, Status::Unset);
}

#[test]
fn a_span_that_belongs_to_no_epoch_stays_here() {
    let bad = "00-no-traceparent";
    assert!(ended(|| drop(info_span!("alone").entered())).is_empty());
    assert!(ended(|| drop(info_span!("lost", trace.parent = bad).entered())).is_empty());
}

#[test]
fn fields_and_events_are_bounded() {
    let parent = trace::epoch(&Fr::from(1), 7);
    let long = "x".repeat(10_000);
    let spans = ended(|| {
        let span = info_span!("outer", trace.parent = %parent, long);
        (0..1000).for_each(|_| span.in_scope(|| info!("again")));
    });
    assert_eq!(spans[0].events.events.len(), 64);
    assert_eq!(spans[0].events.dropped_count, 936);
    assert!(spans[0].attributes[0].value.as_str().len() <= 500);
}

/// An OTLP collector on a port of its own.
struct Collector {
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    url: String,
    _runtime: tokio::runtime::Runtime,
}

type Requests = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

async fn collect(State(requests): State<Requests>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).expect("an OTLP request");
    requests.lock().unwrap().push(request);
}

impl Collector {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let requests = Requests::default();
        let routes = Router::new().route("/v1/traces", post(collect));
        let routes = routes.with_state(requests.clone());
        let bound = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = bound.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self {
            requests,
            url,
            _runtime: runtime,
        }
    }

    /// All spans, and the texts of their resources' attributes.
    fn collected(&self) -> (Vec<Span>, BTreeMap<String, String>) {
        let (mut spans, mut resource) = (Vec::new(), BTreeMap::new());
        for request in std::mem::take(&mut *self.requests.lock().unwrap()) {
            for of_resource in request.resource_spans {
                for attribute in of_resource.resource.into_iter().flat_map(|r| r.attributes) {
                    if let Some(Value::StringValue(text)) = attribute.value.and_then(|v| v.value) {
                        resource.insert(attribute.key, text);
                    }
                }
                spans.extend(
                    of_resource
                        .scope_spans
                        .into_iter()
                        .flat_map(|scope| scope.spans),
                );
            }
        }
        (spans, resource)
    }
}

fn telemetry<'a>(otlp: Option<&'a str>) -> Telemetry<'a> {
    Telemetry {
        filter: "off",
        format: Format::Json,
        card: None,
        otlp,
        service: "trifold-coordinator",
        instance: "one",
    }
}

/// One span through a processor to a collector.
fn deliver(url: &str) -> OTelSdkResult {
    let processor = telemetry(None).processor(url).unwrap();
    let processor: &'static BatchSpanProcessor = Box::leak(Box::new(processor));
    let subscriber = tracing_subscriber::registry().with(Spans::new(processor));
    let parent = trace::epoch(&Fr::from(1), 7);
    tracing::subscriber::with_default(subscriber, || {
        drop(info_span!("close", trace.parent = %parent, epoch = 7u64).entered());
    });
    processor.shutdown_with_timeout(PATIENCE)
}

#[test]
fn spans_reach_a_collector_with_the_name_of_their_process() {
    let collector = Collector::start();
    deliver(&collector.url).unwrap();
    let (spans, resource) = collector.collected();
    let parent = trace::epoch(&Fr::from(1), 7);
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].name, "close");
    assert_eq!(spans[0].trace_id, parent.trace);
    assert_eq!(spans[0].parent_span_id, parent.span);
    assert_eq!(resource["service.name"], "trifold-coordinator");
    assert_eq!(resource["service.instance.id"], "one");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
}

/// Runs a farm of stand-ins and gives the digest of its genesis.
fn farm(epochs: u64) -> Fr {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let queue = LocalQueue::open(directory.path(), Duration::from_secs(30));
        let queue = Arc::new(queue.unwrap());
        let measured = overhead::measure(queue, 3, epochs, 1);
        measured.await.unwrap();
    });
    let network = standin::network(3).unwrap();
    network.genesis.digest()
}

/// Of the process: this test is the one that subscribes for all of it.
#[test]
fn one_trace_per_epoch_holds_the_spans_of_coordinator_and_worker() {
    let collector = Collector::start();
    let guard = telemetry(Some(&collector.url)).subscribe().unwrap();
    let genesis = farm(2);
    drop(guard);
    let (spans, resource) = collector.collected();
    assert_eq!(resource["service.name"], "trifold-coordinator");
    assert_eq!(resource["service.instance.id"], "one");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    for epoch in [1, 2] {
        let expected = trace::epoch(&genesis, epoch);
        let of_epoch: Vec<_> = spans
            .iter()
            .filter(|span| span.trace_id == expected.trace)
            .collect();
        let ids: BTreeSet<_> = of_epoch.iter().map(|span| &span.span_id[..]).collect();
        assert!(
            ids.contains(&expected.span[..]),
            "the root of epoch {epoch}"
        );
        for span in &of_epoch {
            let root = span.span_id == expected.span;
            assert_eq!(root, span.parent_span_id.is_empty(), "{}", span.name);
            assert!(
                root || ids.contains(&span.parent_span_id[..]),
                "{} has a parent",
                span.name
            );
        }
        let count = |name: &str| of_epoch.iter().filter(|span| span.name == name).count();
        assert_eq!(count("epoch"), 1);
        assert_eq!((count("close"), count("publish")), (1, 1), "epoch {epoch}");
        // Three programs, a merge and the nest.
        for name in ["task", "witness", "prove", "report", "verify"] {
            assert!(count(name) >= 5, "{name}: {} in epoch {epoch}", count(name));
        }
    }
    let traces: BTreeSet<_> = spans.iter().map(|span| &span.trace_id).collect();
    assert_eq!(traces.len(), 2);
}

#[test]
fn a_collector_that_is_gone_holds_nobody_up() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    // It ends, whatever it says.
    let _ = deliver(&url);
}

#[test]
fn what_can_not_be_read_is_refused() {
    for otlp in ["127.0.0.1:4318", "https://far.example", "ftp://x"] {
        assert!(telemetry(Some(otlp)).subscribe().is_err(), "{otlp}");
    }
    let odd = Telemetry {
        filter: "trifold=loud",
        ..telemetry(None)
    };
    assert!(odd.subscribe().is_err());
}
