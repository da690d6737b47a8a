//! The fields of spans and events: where a span belongs, and what it says.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::{KeyValue, Value};
use tracing::field::{Field, Visit};
use trifold_coordinator::trace::{PARENT, SELF, START, Traceparent};
use trifold_coordinator::wire::clip;

/// Fields of a span or an event that are kept.
const MAX_FIELDS: usize = 32;

/// What was found in the fields.
#[derive(Default)]
pub struct Fields {
    /// The span it is a child of.
    pub parent: Option<Traceparent>,
    /// The span that it is.
    pub itself: Option<Traceparent>,
    pub start: Option<SystemTime>,
    /// An event's text.
    pub message: Option<String>,
    pub attributes: Vec<KeyValue>,
}

impl Fields {
    fn keep(&mut self, field: &Field, value: impl Into<Value>) {
        if self.attributes.len() < MAX_FIELDS {
            self.attributes.push(KeyValue::new(field.name(), value));
        }
    }

    fn number(&mut self, field: &Field, number: Option<i64>, text: impl fmt::Display) {
        match number {
            Some(number) => self.keep(field, number),
            None => self.keep(field, text.to_string()),
        }
    }

    fn text(&mut self, field: &Field, text: &str) {
        match field.name() {
            PARENT => self.parent = text.parse().ok(),
            SELF => self.itself = text.parse().ok(),
            "message" => self.message = Some(clip(text)),
            _ => self.keep(field, clip(text)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            START => self.start = UNIX_EPOCH.checked_add(Duration::from_millis(value)),
            _ => self.number(field, value.try_into().ok(), value),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.number(field, value.try_into().ok(), value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.number(field, value.try_into().ok(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}
