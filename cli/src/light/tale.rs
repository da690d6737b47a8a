//! What a following light client tells: one line each, for people or as JSON.

use serde_json::{Value, json};
use trifold_verifier::statement::GlobalState;

use crate::text::{hex, short};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tale {
    /// The client holds a newer state.
    Advanced {
        source: String,
        state: GlobalState,
        /// The epoch that it was shown to descend from, if it was.
        from: Option<u64>,
    },
    /// The source tells what the client holds.
    InStep { source: String, epoch: u64 },
    /// The source is behind.
    Behind {
        source: String,
        epoch: u64,
        lag: u64,
    },
    /// What the source told was refused, or it told nothing.
    Refused {
        source: String,
        code: &'static str,
        message: String,
    },
    /// Two valid states of one epoch.
    Equivocation {
        source: String,
        held: GlobalState,
        told: GlobalState,
    },
    /// The checkpoint could not be stored.
    NotStored { message: String },
}

impl Tale {
    fn line(&self) -> String {
        match self {
            Tale::Advanced {
                source,
                state,
                from,
            } => {
                let descends = from.map_or("whose descent was not shown".into(), |from| {
                    format!("which descends from epoch {from}")
                });
                format!(
                    "epoch {}, {descends}: root {}, from {source}",
                    state.epoch,
                    short(&state.root)
                )
            }
            Tale::InStep { source, epoch } => format!("{source}: in step, epoch {epoch}"),
            Tale::Behind { source, epoch, lag } => {
                format!("{source}: epoch {epoch}, {lag} behind")
            }
            Tale::Refused {
                source,
                code,
                message,
            } => format!("{source}: refused ({code}): {message}"),
            Tale::Equivocation { source, held, told } => format!(
                "ALERT equivocation: two valid states of epoch {}: held {}, told by {source} {}",
                held.epoch,
                hex(&held.digest()),
                hex(&told.digest())
            ),
            Tale::NotStored { message } => {
                format!("ALERT the checkpoint was not stored: {message}")
            }
        }
    }

    fn value(&self) -> Value {
        match self {
            Tale::Advanced {
                source,
                state,
                from,
            } => json!({
                "event": "advanced", "source": source, "epoch": state.epoch, "digest": hex(&state.digest()),
                "root": hex(&state.root), "descends_from": from,
            }),
            Tale::InStep { source, epoch } => {
                json!({ "event": "in_step", "source": source, "epoch": epoch })
            }
            Tale::Behind { source, epoch, lag } => {
                json!({ "event": "behind", "source": source, "epoch": epoch, "lag": lag })
            }
            Tale::Refused {
                source,
                code,
                message,
            } => json!({ "event": "refused", "source": source, "code": code, "message": message }),
            Tale::Equivocation { source, held, told } => json!({
                "event": "equivocation", "source": source, "epoch": held.epoch, "held": hex(&held.digest()),
                "told": hex(&told.digest()),
            }),
            Tale::NotStored { message } => json!({ "event": "not_stored", "message": message }),
        }
    }

    fn is_alert(&self) -> bool {
        matches!(self, Tale::Equivocation { .. } | Tale::NotStored { .. })
    }
}

/// Tells, one line at a time.
#[derive(Debug, Clone, Copy)]
pub struct Teller {
    pub json: bool,
}

impl Teller {
    /// Alerts also go to the standard error.
    pub fn tell(&self, tale: &Tale) {
        match self.json {
            true => println!("{}", tale.value()),
            false => println!("{}", tale.line()),
        }
        if tale.is_alert() {
            eprintln!("trifold: {}", tale.line());
        }
    }

    /// How it stands at the end.
    pub fn end(&self, held: Option<&GlobalState>, sources: &[Value]) {
        let held = held.map(|state| {
            json!({ "epoch": state.epoch, "digest": hex(&state.digest()), "root": hex(&state.root) })
        });
        if self.json {
            println!(
                "{}",
                json!({ "event": "end", "version": 1, "held": held, "sources": sources })
            );
        }
    }
}
