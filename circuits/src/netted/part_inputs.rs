//! What a part is proven from: a blob of its own, so that who proves one part reads no other's.

use super::channels::{Channels, ChannelsError, Mail, Seen};
use super::circuit::{PartCircuit, PartSize};
use super::epoch::Change;
use super::message::SignedMessage;
use super::messages::{Messages, MessagesError};
use super::rows::{BottomRow, Rows, UpperRow};
use super::statement::{Context, Header, Part};
use super::tablet::{ChangesError, Tablet};
use crate::inputs::Inputs;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};

/// Why the inputs of a part prove nothing.
#[derive(Debug, thiserror::Error)]
pub enum PartInputsError {
    #[error("inputs of a part are malformed: {0}")]
    Malformed(postcard::Error),
    #[error("inputs of a part are not in canonical form")]
    NotCanonical,
    #[error("they are not inputs of {}", .0.name())]
    Circuit(PartCircuit),
    #[error(transparent)]
    Messages(#[from] MessagesError),
    #[error(transparent)]
    Changes(#[from] ChangesError),
    #[error(transparent)]
    Channels(#[from] ChannelsError),
}

/// The inputs of one part that verifies no others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum PartInputs {
    Messages(Vec<SignedMessage>),
    Tablet {
        index: u64,
        changes: Vec<Change>,
    },
    Rows {
        bottom: Vec<BottomRow>,
        upper: Vec<UpperRow>,
    },
    Channels(Box<ChannelsInputs>),
}

/// Messages between shards with rows of any trie.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ChannelsInputs {
    pub header: Header,
    pub seen: Option<Seen>,
    pub bottom: Vec<BottomRow>,
    pub upper: Vec<UpperRow>,
    pub mail: Mail,
}

/// What the messages of one shard have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// Names the network in everything that clients sign.
    pub network: Fr,
    pub shard: u32,
    /// Destination of all fees.
    pub collector: u64,
}

/// A part as its circuit takes it.
enum Filled {
    Messages(Messages),
    Tablet(Tablet),
    Rows(Rows),
    Channels(Box<Channels>),
}

impl PartInputs {
    /// The blob.
    pub fn encode(&self) -> Result<Vec<u8>, PartInputsError> {
        postcard::to_allocvec(self).map_err(PartInputsError::Malformed)
    }

    /// Reads what [`PartInputs::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, PartInputsError> {
        let inputs: Self = postcard::from_bytes(bytes).map_err(PartInputsError::Malformed)?;
        match inputs.encode()? == bytes {
            true => Ok(inputs),
            false => Err(PartInputsError::NotCanonical),
        }
    }

    fn fill(&self, circuit: PartCircuit, home: &Home) -> Result<Filled, PartInputsError> {
        let Home {
            network,
            shard,
            collector,
        } = *home;
        let filled = match (self, circuit.size()) {
            (Self::Messages(signed), PartSize::Messages(size)) => Filled::Messages(Messages {
                size,
                network,
                shard,
                collector,
                signed: signed.clone(),
            }),
            (Self::Rows { bottom, upper }, PartSize::Rows(size)) => Filled::Rows(Rows {
                size,
                bottom: bottom.clone(),
                upper: upper.clone(),
            }),
            (Self::Channels(inputs), PartSize::Channels(size)) => {
                Filled::Channels(Box::new(Channels {
                    size,
                    header: inputs.header,
                    seen: inputs.seen.map(|Seen(state)| state),
                    rows: Rows {
                        size: size.rows,
                        bottom: inputs.bottom.clone(),
                        upper: inputs.upper.clone(),
                    },
                    mail: inputs.mail.clone(),
                }))
            }
            (Self::Tablet { index, changes }, PartSize::Tablet(levels)) => Filled::Tablet(Tablet {
                levels,
                index: *index,
                changes: changes.clone(),
            }),
            _ => return Err(PartInputsError::Circuit(circuit)),
        };
        Ok(filled)
    }

    /// Binds all that the part's terms depend on; known before the challenges.
    pub fn commitment(&self, circuit: PartCircuit, home: &Home) -> Result<Fr, PartInputsError> {
        Ok(match self.fill(circuit, home)? {
            Filled::Messages(messages) => {
                messages.check()?;
                messages.commitment()
            }
            Filled::Tablet(tablet) => {
                tablet.check()?;
                tablet.commitment()
            }
            Filled::Rows(rows) => {
                rows.check()?;
                rows.commitment()
            }
            Filled::Channels(channels) => {
                channels.check(home.shard)?;
                channels.commitment()
            }
        })
    }

    /// What the part states.
    pub fn part(
        &self,
        circuit: PartCircuit,
        home: &Home,
        context: &Context,
    ) -> Result<Part, PartInputsError> {
        Ok(match self.fill(circuit, home)? {
            Filled::Messages(messages) => messages.part(context)?,
            Filled::Tablet(tablet) => tablet.part(context)?,
            Filled::Rows(rows) => rows.part(context)?,
            Filled::Channels(channels) => channels.part(context)?,
        })
    }

    /// The circuit's input signals, and what the part states.
    pub fn inputs(
        &self,
        circuit: PartCircuit,
        home: &Home,
        context: &Context,
    ) -> Result<(Inputs, Part), PartInputsError> {
        Ok(match self.fill(circuit, home)? {
            Filled::Messages(messages) => messages.inputs(context)?,
            Filled::Tablet(tablet) => tablet.inputs(context)?,
            Filled::Rows(rows) => rows.inputs(context)?,
            Filled::Channels(channels) => channels.inputs(context)?,
        })
    }
}
