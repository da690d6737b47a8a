//! Somebody who can be asked: over HTTP or NATS, for no longer and no more than is sane.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::{Client, StatusCode, redirect};
use tokio::sync::OnceCell;
use trifold_coordinator::archive::{AskError, Asker, Question};
use trifold_coordinator::queue::nats::NatsConfig;
use trifold_coordinator::wire::clip;
use trifold_verifier::json::MAX_TEXT_BYTES;

use crate::config::Nats;
use crate::tls::choose_provider;

/// Largest answer that is read, in bytes: what the verifier's decoders read.
const MAX_ANSWER_BYTES: usize = MAX_TEXT_BYTES;
/// Time to reach a server.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for a whole answer, however slowly it drips.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a source gave no answer that could be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("{0}")]
    Unreachable(String),
    #[error("no whole answer in {0:?}")]
    Late(Duration),
    #[error("an answer of more than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
    #[error("not text")]
    NotText,
    #[error("{0}")]
    Refused(String),
}

impl SourceError {
    /// A short stable name. The verifier's own codes are other words.
    pub fn code(&self) -> &'static str {
        match self {
            SourceError::Unreachable(_) => "unreachable",
            SourceError::Late(_) => "late",
            SourceError::TooLong => "length",
            SourceError::NotText => "format",
            SourceError::Refused(_) => "refused",
        }
    }
}

/// Where a light client asks.
pub struct Source {
    /// As it was given, without a password.
    pub name: String,
    way: Way,
}

enum Way {
    Http {
        client: Client,
        /// Ends in a slash.
        base: String,
        /// The newest global proof that it told, with the tag of it.
        newest: Mutex<Option<(String, String)>>,
    },
    Nats {
        config: Box<NatsConfig>,
        asker: OnceCell<Asker>,
    },
}

impl Source {
    /// A source of `http://`, `https://`, `nats://` or `tls://`; nobody is asked yet.
    ///
    /// # Errors
    /// The URL is of no such form, or a secret can't be read.
    pub fn new(url: &str, nats: &Nats) -> anyhow::Result<Self> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let way = match scheme {
            "http" | "https" => http(url)?,
            "nats" | "tls" => {
                let mut given = nats.clone();
                given.url = Some(url.into());
                Way::Nats {
                    config: Box::new(given.config()?),
                    asker: OnceCell::new(),
                }
            }
            _ => bail!("{url:?}: a source is http://, https://, nats:// or tls://"),
        };
        let name = hidden(url);
        Ok(Self { name, way })
    }

    /// Asks for something that has an answer of text; nothing of it is believed.
    ///
    /// # Errors
    /// There is no answer, in time and of a sane size.
    pub async fn ask(&self, question: &Question) -> Result<String, SourceError> {
        let asked = async {
            match &self.way {
                Way::Http {
                    client,
                    base,
                    newest,
                } => ask_http(client, base, newest, question).await,
                Way::Nats { config, asker } => ask_nats(config, asker, question).await,
            }
        };
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        answer.map_err(|_| SourceError::Late(PATIENCE))?
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The URL without user and password.
fn hidden(url: &str) -> String {
    match url.split_once("://").zip(url.rsplit_once('@')) {
        Some(((scheme, _), (_, rest))) => format!("{scheme}://{rest}"),
        None => url.into(),
    }
}

fn http(url: &str) -> anyhow::Result<Way> {
    choose_provider();
    let client = Client::builder()
        .connect_timeout(CONNECT)
        .timeout(PATIENCE)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("trifold/", env!("CARGO_PKG_VERSION")))
        .build()?;
    let base = format!("{}/light/v1/", url.trim_end_matches('/'));
    reqwest::Url::parse(&base).with_context(|| format!("{:?} is not a URL", hidden(url)))?;
    Ok(Way::Http {
        client,
        base,
        newest: Mutex::default(),
    })
}

async fn ask_http(
    client: &Client,
    base: &str,
    newest: &Mutex<Option<(String, String)>>,
    question: &Question,
) -> Result<String, SourceError> {
    let kept = || newest.lock().ok()?.clone();
    let kept = (*question == Question::LATEST).then(kept).flatten();
    let mut request = client.get(format!("{base}{}", question.path()));
    if let Some((tag, _)) = &kept {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let mut response = request.send().await.map_err(failed)?;
    if let (StatusCode::NOT_MODIFIED, Some((_, told))) = (response.status(), kept) {
        return Ok(told);
    }
    let tag = response.headers().get(ETAG);
    let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(SourceError::TooLong);
        }
    }
    let text = String::from_utf8(body).map_err(|_| SourceError::NotText)?;
    if status != StatusCode::OK {
        return Err(SourceError::Refused(refusal(status, &text)));
    }
    if let (true, Some(tag), Ok(mut newest)) = (*question == Question::LATEST, tag, newest.lock()) {
        *newest = Some((tag, text.clone()));
    }
    Ok(text)
}

fn failed(error: reqwest::Error) -> SourceError {
    match error.is_timeout() {
        true => SourceError::Late(PATIENCE),
        false => SourceError::Unreachable(clip(&causes(&error.without_url()))),
    }
}

/// An error with what led to it.
fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let lines: Vec<String> = chain.map(ToString::to_string).collect();
    lines.join(": ")
}

/// What a refusal of ours says, or the status of somebody else's.
fn refusal(status: StatusCode, text: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let message = value.as_ref().and_then(|value| value["message"].as_str());
    message.map_or_else(|| format!("HTTP status {}", status.as_u16()), clip)
}

async fn ask_nats(
    config: &NatsConfig,
    asker: &OnceCell<Asker>,
    question: &Question,
) -> Result<String, SourceError> {
    let unreachable = |error: &dyn fmt::Display| SourceError::Unreachable(clip(&error.to_string()));
    let connected = asker.get_or_try_init(|| Asker::connect(config)).await;
    let asker = connected.map_err(|error| unreachable(&error))?;
    let answer = asker.ask(question).await.map_err(|error| match error {
        AskError::Late(time) => SourceError::Late(time),
        AskError::Refused { message, .. } => SourceError::Refused(message),
        AskError::Queue(_) | AskError::Nobody => unreachable(&error),
    })?;
    if answer.len() > MAX_ANSWER_BYTES {
        return Err(SourceError::TooLong);
    }
    String::from_utf8(answer.to_vec()).map_err(|_| SourceError::NotText)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(hidden("nats://user:p@ss@host:4222"), "nats://host:4222");
        assert_eq!(hidden("https://host/a"), "https://host/a");
    }
}
