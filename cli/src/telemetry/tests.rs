//! A collector that keeps what it is sent, and farms that send to it.

use std::collections::BTreeMap;
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
use trifold_coordinator::trace;
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
