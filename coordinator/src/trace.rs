//! Where spans belong: one trace per epoch, whose ids every process computes for itself.
//!
//! Libraries open plain `tracing` spans. Three of their fields say where a span belongs; whoever subscribes understands
//! them: [`PARENT`], [`SELF`] and [`START`]. Everything else follows from spans opened inside spans.

use std::fmt;
use std::str::FromStr;

use ark_bn254::Fr;
use sha2::{Digest as _, Sha256};
use trifold_circuits::field::to_bytes;

/// Field of a span: the [`Traceparent`] it is a child of, as text.
pub const PARENT: &str = "trace.parent";
/// Field of a span: the [`Traceparent`] that names the span itself. It then has no parent, and only one process emits it.
pub const SELF: &str = "trace.of";
/// Field of a span that began before it was opened: milliseconds since 1970.
pub const START: &str = "trace.start_unix_ms";

/// A span of any process: its trace and its own id, both not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent {
    pub trace: [u8; 16],
    pub span: [u8; 8],
}

/// The root span of an epoch, and with it the epoch's trace, in the network with this genesis digest.
pub fn epoch(genesis: &Fr, epoch: u64) -> Traceparent {
    let mut trace = [0; 16];
    trace.copy_from_slice(&hashed("trifold/trace/v1", genesis, epoch)[..16]);
    let mut span = [0; 8];
    span.copy_from_slice(&hashed("trifold/span/v1", genesis, epoch)[..8]);
    Traceparent { trace, span }
}

fn hashed(domain: &str, genesis: &Fr, epoch: u64) -> [u8; 32] {
    let digest = Sha256::new_with_prefix(domain);
    let digest = digest.chain_update(to_bytes(genesis));
    digest.chain_update(epoch.to_le_bytes()).finalize().into()
}

/// The W3C form, sampled.
impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (hex::encode(self.trace), hex::encode(self.span));
        write!(f, "00-{trace}-{span}-01")
    }
}

/// A text that is no `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct NotATraceparent;

impl FromStr for Traceparent {
    type Err = NotATraceparent;

    fn from_str(text: &str) -> Result<Self, NotATraceparent> {
        let mut words = text.split('-');
        let mut word = || words.next().ok_or(NotATraceparent);
        let (version, trace_text, span_text, flags) = (word()?, word()?, word()?, word()?);
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        hex::decode_to_slice(trace_text, &mut trace).map_err(|_| NotATraceparent)?;
        hex::decode_to_slice(span_text, &mut span).map_err(|_| NotATraceparent)?;
        let shaped = version == "00" && flags.len() == 2 && words.next().is_none();
        match shaped && trace != [0; 16] && span != [0; 8] {
            true => Ok(Self { trace, span }),
            false => Err(NotATraceparent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_of_every_network_has_its_own_trace() {
        let first = epoch(&Fr::from(1), 1);
        assert_eq!(first, epoch(&Fr::from(1), 1));
        for other in [epoch(&Fr::from(1), 2), epoch(&Fr::from(2), 1)] {
            assert_ne!(other.trace, first.trace);
            assert_ne!(other.span, first.span);
        }
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        let parent = epoch(&Fr::from(1), 1);
        assert_eq!(parent.to_string().len(), 55);
        assert_eq!(parent.to_string().parse(), Ok(parent));
        for bad in [
            "",
            "00",
            "01-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
            "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01-x",
            "00-00000000000000000000000000000000-0123456789abcdef-01",
            "00-0123456789abcdef0123456789abcdef-0000000000000000-01",
            "00-0123456789abcdeg0123456789abcdef-0123456789abcdef-01",
        ] {
            assert_eq!(bad.parse::<Traceparent>(), Err(NotATraceparent), "{bad}");
        }
    }
}
