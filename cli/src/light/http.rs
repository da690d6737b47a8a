//! Questions over HTTP, answered for no longer and with no more than is sane.

use std::time::Duration;

use anyhow::Context;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode, redirect};
use trifold_coordinator::wire::clip;

use crate::tls::choose_provider;

/// Time to reach a server.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a source gave no answer that could be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("{0}")]
    Unreachable(String),
    #[error("no whole answer in {0:?}")]
    Late(Duration),
    #[error("an answer of more than {0} bytes")]
    TooLong(usize),
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
            SourceError::TooLong(_) => "length",
            SourceError::NotText => "format",
            SourceError::Refused(_) => "refused",
        }
    }
}

/// What is taken of a server.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Length of an answer.
    pub bytes: usize,
    /// Time for a whole answer, however slowly it drips.
    pub patience: Duration,
}

/// A server's addresses for light clients.
pub struct Http {
    client: Client,
    /// Ends in a slash.
    base: String,
    bounds: Bounds,
}

/// An answer of text.
#[derive(Clone, Debug)]
pub struct Answer {
    tag: Option<String>,
    pub text: String,
}

impl Http {
    /// A server of `http://` or `https://`; nobody is asked yet.
    ///
    /// # Errors
    /// That is not a URL.
    pub fn new(url: &str, bounds: Bounds) -> anyhow::Result<Self> {
        choose_provider();
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(bounds.patience)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("trifold/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let base = format!("{}/light/v1/", url.trim_end_matches('/'));
        reqwest::Url::parse(&base).with_context(|| format!("{:?} is not a URL", hidden(url)))?;
        Ok(Self {
            client,
            base,
            bounds,
        })
    }

    /// What is at a path, which may be the answer kept from before.
    ///
    /// # Errors
    /// There is no answer, in time and of a sane size, or it is a refusal.
    pub async fn get(&self, path: &str, kept: Option<Answer>) -> Result<Answer, SourceError> {
        let mut request = self.client.get(format!("{}{path}", self.base));
        if let Some(tag) = kept.as_ref().and_then(|kept| kept.tag.as_ref()) {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let response = request.send().await.map_err(|error| self.failed(error))?;
        match (response.status(), kept) {
            (StatusCode::NOT_MODIFIED, Some(kept)) => Ok(kept),
            _ => self.read(response).await,
        }
    }

    async fn read(&self, mut response: Response) -> Result<Answer, SourceError> {
        let tag = response.headers().get(ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let (status, most) = (response.status(), self.bounds.bytes);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            body.extend_from_slice(&chunk);
            if body.len() > most {
                return Err(SourceError::TooLong(most));
            }
        }
        let text = String::from_utf8(body).map_err(|_| SourceError::NotText)?;
        match status {
            StatusCode::OK => Ok(Answer { tag, text }),
            _ => Err(SourceError::Refused(refusal(status, &text))),
        }
    }

    fn failed(&self, error: reqwest::Error) -> SourceError {
        match error.is_timeout() {
            true => SourceError::Late(self.bounds.patience),
            false => SourceError::Unreachable(clip(&causes(&error.without_url()))),
        }
    }
}

impl Answer {
    /// Whether its server can be asked if it is still the same.
    pub fn is_tagged(&self) -> bool {
        self.tag.is_some()
    }
}

/// The URL without user and password.
pub fn hidden(url: &str) -> String {
    match url.split_once("://").zip(url.rsplit_once('@')) {
        Some(((scheme, _), (_, rest))) => format!("{scheme}://{rest}"),
        None => url.into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(hidden("nats://user:p@ss@host:4222"), "nats://host:4222");
        assert_eq!(hidden("https://host/a"), "https://host/a");
    }
}
