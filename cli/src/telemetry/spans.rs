//! From `tracing` spans to those of OpenTelemetry.
//!
//! A span goes out if it, or one that it was opened in, says where in an epoch's trace it belongs; the fields are those of
//! [`trifold_coordinator::trace`]. `tracing-opentelemetry` would leave that to the code that opens spans, which then had to
//! know OpenTelemetry, and could not give a span its own id, without which every process would need to be told the root's.

use std::time::SystemTime;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{
    Event as SpanEvent, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::fields::Fields;

/// Events of a span that are kept.
const MAX_EVENTS: usize = 64;

/// A layer that gives every span which belongs to a trace to the processor when it ends.
pub struct Spans {
    processor: &'static dyn SpanProcessor,
    ids: RandomIdGenerator,
    scope: InstrumentationScope,
}

impl Spans {
    pub fn new(processor: &'static dyn SpanProcessor) -> Self {
        let scope = InstrumentationScope::builder("trifold");
        Self {
            processor,
            ids: RandomIdGenerator::default(),
            scope: scope.with_version(env!("CARGO_PKG_VERSION")).build(),
        }
    }

    /// Trace, own id and the parent's of a new span.
    fn place(
        &self,
        fields: &Fields,
        outer: Option<(TraceId, SpanId)>,
    ) -> Option<(TraceId, SpanId, SpanId)> {
        if let Some(itself) = fields.itself {
            let (trace, span) = (
                TraceId::from_bytes(itself.trace),
                SpanId::from_bytes(itself.span),
            );
            return Some((trace, span, SpanId::INVALID));
        }
        let parent = fields.parent;
        let parent = parent.map(|p| (TraceId::from_bytes(p.trace), SpanId::from_bytes(p.span)));
        let (trace, parent) = parent.or(outer)?;
        Some((trace, self.ids.new_span_id(), parent))
    }

    fn open(
        &self,
        name: &'static str,
        fields: Fields,
        place: (TraceId, SpanId, SpanId),
    ) -> SpanData {
        let (trace, span, parent_span_id) = place;
        let (sampled, state) = (TraceFlags::SAMPLED, TraceState::default());
        let start_time = fields.start.unwrap_or_else(SystemTime::now);
        SpanData {
            span_context: SpanContext::new(trace, span, sampled, false, state),
            parent_span_id,
            parent_span_is_remote: fields.parent.is_some(),
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time,
            end_time: start_time,
            attributes: fields.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// Trace and id of the next outer span that belongs to one.
fn outer<S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>) -> Option<(TraceId, SpanId)> {
    span.scope().skip(1).find_map(|span| {
        let extensions = span.extensions();
        let context = &extensions.get::<SpanData>()?.span_context;
        Some((context.trace_id(), context.span_id()))
    })
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(place) = self.place(&fields, outer(&span)) {
            let open = self.open(span.name(), fields, place);
            span.extensions_mut().insert(open);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<SpanData>() {
            let mut fields = Fields::default();
            values.record(&mut fields);
            open.attributes.extend(fields.attributes);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        let Some(open) = extensions.get_mut::<SpanData>() else {
            return;
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.message.unwrap_or_default();
        if *event.metadata().level() == Level::ERROR {
            open.status = Status::error(message.clone());
        }
        match open.events.events.len() < MAX_EVENTS {
            true => {
                let event = SpanEvent::new(message, SystemTime::now(), fields.attributes, 0);
                open.events.events.push(event);
            }
            false => open.events.dropped_count += 1,
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let closed = span.extensions_mut().remove::<SpanData>();
        if let Some(mut closed) = closed {
            closed.end_time = SystemTime::now().max(closed.start_time);
            self.processor.on_end(closed);
        }
    }
}
