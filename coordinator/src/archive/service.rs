//! Light clients on NATS: questions are requests, and every new global proof is told on one subject.
//!
//! All coordinators answer, those that stand by included; they share the requests. An answer goes to an inbox and nowhere else: a
//! client chooses where its answer goes, and the server lets us answer anywhere.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, RequestErrorKind};
use futures_util::StreamExt;
use futures_util::stream::select_all;

use super::question::refusal_json;
use super::{ASKED, Archive, Question, TOLD};
use crate::queue::QueueError;
use crate::queue::nats::{Events, Names, NatsConfig, backend, connect};

/// Those who answer together.
const GROUP: &str = "light";
/// Inboxes begin like this, whoever's they are.
const INBOX: &str = "_INBOX";
/// The header of an answer that is a refusal, as NATS services have it.
const REFUSAL: &str = "Nats-Service-Error-Code";

/// Answers light clients on NATS.
pub struct Service {
    client: Client,
    names: Names,
    archive: Archive,
}

impl Service {
    /// Connects as a coordinator does.
    ///
    /// # Errors
    /// The server can't be reached.
    pub async fn connect(config: &NatsConfig, archive: Archive) -> Result<Self, QueueError> {
        let client = connect(config, Arc::new(Events::default())).await?;
        let names = Names::new(&config.prefix);
        Ok(Self {
            client,
            names,
            archive,
        })
    }

    /// Answers until the connection is closed for good. New proofs are told when `tells` says so, so that only one of the
    /// coordinators does.
    ///
    /// # Errors
    /// The server refuses the subscriptions.
    pub async fn serve(&self, tells: impl Fn() -> bool) -> Result<(), QueueError> {
        let mut asked = Vec::new();
        for subject in ASKED {
            let subject = self.names.subject(subject);
            let subscribed = self.client.queue_subscribe(subject, GROUP.into()).await;
            asked.push(subscribed.map_err(backend)?);
        }
        let mut requests = select_all(asked);
        let mut reached = self.archive.reached();
        loop {
            tokio::select! {
                Some(request) = requests.next() => self.answer(request).await,
                Ok(()) = reached.changed() => {
                    let now = reached.borrow_and_update().clone();
                    if now.current && now.fault.is_none() && tells() {
                        self.tell().await;
                    }
                }
                else => return Ok(()),
            }
        }
    }

    async fn answer(&self, request: Message) {
        let Some(inbox) = request.reply.filter(|reply| reply.starts_with(INBOX)) else {
            return;
        };
        let subject = self.names.strip(&request.subject);
        let answered = match Question::on(subject) {
            Some(question) => {
                let told = self.archive.records().answer(&question);
                told.map_err(|missing| (missing.code(), missing.to_string()))
            }
            None => Err(("malformed", "there is no such question".to_owned())),
        };
        let sent = match answered {
            Ok(told) => self.client.publish(inbox, told.json.into()).await,
            Err((code, message)) => {
                let mut headers = HeaderMap::new();
                headers.insert(REFUSAL, code);
                let text = refusal_json(code, &message);
                let sent = self
                    .client
                    .publish_with_headers(inbox, headers, text.into());
                sent.await
            }
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "a light client was not answered");
        }
    }

    async fn tell(&self) {
        let Ok(told) = self.archive.records().answer(&Question::LATEST) else {
            return;
        };
        let subject = self.names.subject(TOLD);
        if let Err(error) = self.client.publish(subject, told.json.into()).await {
            tracing::debug!(%error, "a global proof was not told");
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("nobody answers light clients there")]
    Nobody,
    #[error("no answer in {0:?}")]
    Late(Duration),
    #[error("refused ({code}): {message}")]
    Refused { code: String, message: String },
}

/// Asks on NATS.
pub struct Asker {
    client: Client,
    names: Names,
    timeout: Duration,
}

impl Asker {
    /// Connects.
    ///
    /// # Errors
    /// The server can't be reached.
    pub async fn connect(config: &NatsConfig) -> Result<Self, QueueError> {
        Ok(Self {
            client: connect(config, Arc::new(Events::default())).await?,
            names: Names::new(&config.prefix),
            timeout: config.timeout,
        })
    }

    /// The answer as it came; nothing of it is checked. No message is longer than the server lets through.
    ///
    /// # Errors
    /// There is none, or it is a refusal.
    pub async fn ask(&self, question: &Question) -> Result<bytes::Bytes, AskError> {
        let subject = self.names.subject(&question.subject());
        let asked = self.client.request(subject, bytes::Bytes::new());
        let answer = tokio::time::timeout(self.timeout, asked).await;
        let answer = answer.map_err(|_| AskError::Late(self.timeout))?;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => AskError::Nobody,
            RequestErrorKind::TimedOut => AskError::Late(self.timeout),
            _ => AskError::Queue(backend(error)),
        })?;
        let headers = answer.headers.as_ref();
        match headers.and_then(|headers| headers.get(REFUSAL)) {
            None => Ok(answer.payload),
            Some(code) => Err(AskError::Refused {
                code: crate::wire::clip(code.as_str()),
                message: message(&answer.payload),
            }),
        }
    }
}

/// What a refusal says, cut to a length that can be shown.
fn message(payload: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(payload).ok();
    let message = value.as_ref().and_then(|value| value["message"].as_str());
    crate::wire::clip(message.unwrap_or("without a word"))
}
