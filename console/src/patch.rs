//! What changed between two views: a farm of a thousand workers is not told anew every second.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// Differences of two views. `workers` is told by worker, everything else by field.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Patch<'a> {
    pub set: BTreeMap<&'a str, &'a Value>,
    /// Workers that are new or changed in more than the time of their silence, which readers count themselves.
    pub workers: Vec<&'a Value>,
    /// Names of workers that are gone.
    pub gone: Vec<&'a str>,
}

impl<'a> Patch<'a> {
    /// What turns `old` into `new`.
    pub fn between(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> Self {
        let changed = new
            .iter()
            .filter(|&(key, value)| key != "workers" && old.get(key) != Some(value));
        let [before, now] = [old, new].map(workers);
        let news = now
            .iter()
            .filter(|&(name, worker)| before.get(name).is_none_or(|was| !same(was, worker)));
        let gone = before.keys().filter(|name| !now.contains_key(*name));
        Self {
            set: changed.map(|(key, value)| (key.as_str(), value)).collect(),
            workers: news.map(|(_, worker)| *worker).collect(),
            gone: gone.copied().collect(),
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.workers.is_empty() && self.gone.is_empty()
    }
}

fn workers(view: &Map<String, Value>) -> BTreeMap<&str, &Value> {
    let workers = view.get("workers").and_then(Value::as_array);
    let named = |worker: &'_ Value| worker["presence"]["name"].as_str().is_some();
    let workers = workers.into_iter().flatten().filter(|worker| named(worker));
    workers
        .map(|worker| {
            (
                worker["presence"]["name"].as_str().unwrap_or_default(),
                worker,
            )
        })
        .collect()
}

fn same(old: &Value, new: &Value) -> bool {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else {
        return false;
    };
    let told = |worker: &'_ Map<String, Value>| worker.len();
    told(old) == told(new)
        && new
            .iter()
            .all(|(key, value)| key == "silent_ms" || old.get(key) == Some(value))
}
