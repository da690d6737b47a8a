//! What a light client can ask, over HTTP or NATS, and the JSON that it is told.

use std::fmt;
use std::str::FromStr;

use serde_json::json;

use super::{Missing, Records};

/// An epoch that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Epoch(u64),
    /// The newest that is published.
    Latest,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Epoch(epoch) => write!(f, "{epoch}"),
            At::Latest => f.write_str("latest"),
        }
    }
}

/// A text that names no epoch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an epoch (digits, no leading zero) nor latest")]
pub struct NotAnEpoch(String);

impl FromStr for At {
    type Err = NotAnEpoch;

    fn from_str(text: &str) -> Result<Self, NotAnEpoch> {
        match text {
            "latest" => Ok(At::Latest),
            _ => number(text)
                .map(At::Epoch)
                .ok_or_else(|| NotAnEpoch(crate::wire::clip(text))),
        }
    }
}

/// A number as it is written in the one canonical way, so that an answer has one address.
pub fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The network's constants.
    Network,
    /// A global proof.
    Proof { epoch: At },
    /// What a shard was at an epoch, under the proof of that epoch or of a later one.
    Receipt {
        epoch: At,
        shard: u32,
        under: Option<At>,
    },
    /// That a state descends from an earlier one.
    Descent { from: u64, to: At },
}

impl Question {
    /// The newest global proof.
    pub const LATEST: Self = Question::Proof { epoch: At::Latest };

    /// Where it is asked over HTTP, below `/light/v1/`.
    pub fn path(&self) -> String {
        match self {
            Question::Network => "network".into(),
            &Self::LATEST => "latest".into(),
            Question::Proof { epoch } => format!("epochs/{epoch}"),
            Question::Receipt {
                epoch,
                shard,
                under: None,
            } => format!("epochs/{epoch}/shards/{shard}"),
            Question::Receipt {
                epoch,
                shard,
                under: Some(under),
            } => format!("epochs/{epoch}/shards/{shard}?under={under}"),
            Question::Descent { from, to } => format!("descent?from={from}&to={to}"),
        }
    }

    /// Where it is asked on NATS, below the farm's prefix.
    pub fn subject(&self) -> String {
        match self {
            Question::Network => "light.network".into(),
            &Self::LATEST => "light.latest".into(),
            Question::Proof { epoch } => format!("light.proof.{epoch}"),
            Question::Receipt {
                epoch,
                shard,
                under: None,
            } => format!("light.receipt.{epoch}.{shard}"),
            Question::Receipt {
                epoch,
                shard,
                under: Some(under),
            } => format!("light.receipt.{epoch}.{shard}.{under}"),
            Question::Descent { from, to } => format!("light.descent.{from}.{to}"),
        }
    }

    /// The question that is asked on a subject below the farm's prefix.
    pub fn on(subject: &str) -> Option<Self> {
        let at = |text: &str| text.parse::<At>().ok();
        let words: Vec<&str> = subject.split('.').take(MAX_WORDS).collect();
        Some(match words[..] {
            ["light", "network"] => Question::Network,
            ["light", "latest"] => Self::LATEST,
            ["light", "proof", epoch] => Question::Proof { epoch: at(epoch)? },
            ["light", "receipt", epoch, shard] => Question::Receipt {
                epoch: at(epoch)?,
                shard: number(shard)?,
                under: None,
            },
            ["light", "receipt", epoch, shard, under] => Question::Receipt {
                epoch: at(epoch)?,
                shard: number(shard)?,
                under: Some(at(under)?),
            },
            ["light", "descent", from, to] => Question::Descent {
                from: number(from)?,
                to: at(to)?,
            },
            _ => return None,
        })
    }
}

/// Subjects on which questions are asked, below the farm's prefix.
pub const ASKED: [&str; 6] = [
    "light.network",
    "light.latest",
    "light.proof.*",
    "light.receipt.*.*",
    "light.receipt.*.*.*",
    "light.descent.*.*",
];
/// Subject on which every new global proof is told, below the farm's prefix.
pub const TOLD: &str = "light.published";
/// One more than the words of the longest subject.
const MAX_WORDS: usize = 6;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub json: String,
    /// Whether it will always be the answer to this question.
    pub fixed: bool,
}

impl Records {
    /// Answers.
    ///
    /// # Errors
    /// What was asked for is not there.
    pub fn answer(&self, question: &Question) -> Result<Told, Missing> {
        match *question {
            Question::Network => Ok(Told {
                json: self.network().to_json(),
                fixed: false,
            }),
            Question::Proof { epoch } => {
                let json = self.bundle(self.at(epoch)?)?.to_json();
                Ok(told(json, [epoch]))
            }
            Question::Receipt {
                epoch,
                shard,
                under,
            } => {
                let under = under.unwrap_or(epoch);
                let receipt = self.receipt(self.at(epoch)?, shard, self.at(under)?)?;
                Ok(told(receipt.to_json(), [epoch, under]))
            }
            Question::Descent { from, to } => {
                let past = self.descent(from, self.at(to)?)?;
                Ok(told(past.to_json(), [to]))
            }
        }
    }

    fn at(&self, at: At) -> Result<u64, Missing> {
        match (at, self.newest()) {
            (At::Epoch(epoch), _) => Ok(epoch),
            (At::Latest, 0) => Err(Missing::NoEpoch),
            (At::Latest, newest) => Ok(newest),
        }
    }
}

fn told(json: String, epochs: impl IntoIterator<Item = At>) -> Told {
    let fixed = epochs.into_iter().all(|at| at != At::Latest);
    Told { json, fixed }
}

/// A refusal as it is told.
pub fn refusal_json(code: &str, message: &str) -> String {
    format!("{:#}\n", json!({ "code": code, "message": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions() -> Vec<Question> {
        let epochs = [At::Latest, At::Epoch(0), At::Epoch(u64::MAX)];
        let shard = u32::MAX;
        let of = |epoch| {
            let receipt = |under| Question::Receipt {
                epoch,
                shard,
                under,
            };
            [
                Question::Proof { epoch },
                receipt(None),
                receipt(Some(At::Latest)),
                receipt(Some(At::Epoch(7))),
                Question::Descent { from: 3, to: epoch },
            ]
        };
        let mut all: Vec<_> = epochs.into_iter().flat_map(of).collect();
        all.push(Question::Network);
        all
    }

    #[test]
    fn a_subject_is_read_as_it_was_written_and_is_one_that_may_be_asked() {
        for question in questions() {
            let subject = question.subject();
            assert_eq!(Question::on(&subject), Some(question), "{subject}");
            let fits = |asked: &str| {
                let (asked, words) = (asked.split('.'), subject.split('.'));
                asked.clone().count() == words.clone().count()
                    && asked
                        .zip(words)
                        .all(|(asked, word)| asked == "*" || asked == word)
            };
            let fitting = ASKED.iter().filter(|asked| fits(asked));
            assert_eq!(fitting.count(), 1, "{subject}");
        }
    }

    #[test]
    fn a_question_has_one_spelling() {
        let subjects = [
            "light",
            "light.",
            "light.proof.01",
            "light.proof.-1",
            "light.proof.+1",
            "light.proof.18446744073709551616",
            "light.proof.Latest",
            "light.receipt.1.4294967296",
            "light.receipt.1",
            "light.receipt.1.2.3.4",
            "light.descent.latest.3",
            "light.latest.x",
            "proofs.global.1",
        ];
        for subject in subjects {
            assert_eq!(Question::on(subject), None, "{subject}");
        }
    }
}
