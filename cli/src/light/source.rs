//! Somebody who can be asked: over HTTP or NATS, for no longer and no more than is sane.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::bail;
use tokio::sync::OnceCell;
use trifold_coordinator::archive::{AskError, Asker, Question};
use trifold_coordinator::queue::nats::NatsConfig;
use trifold_coordinator::wire::clip;
use trifold_verifier::json::MAX_TEXT_BYTES;

use super::http::{Answer, Bounds, Http, SourceError, hidden};
use crate::config::Nats;

/// What is read of an answer, in bytes: what the verifier's decoders read.
const BOUNDS: Bounds = Bounds {
    bytes: MAX_TEXT_BYTES,
    patience: Duration::from_secs(10),
};

/// Where a light client asks.
pub struct Source {
    /// As it was given, without a password.
    pub name: String,
    way: Way,
}

enum Way {
    Http {
        http: Http,
        /// The newest global proof that it told.
        newest: Mutex<Option<Answer>>,
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
            "http" | "https" => Way::Http {
                http: Http::new(url, BOUNDS)?,
                newest: Mutex::default(),
            },
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
                Way::Http { http, newest } => ask_http(http, newest, question).await,
                Way::Nats { config, asker } => ask_nats(config, asker, question).await,
            }
        };
        let answer = tokio::time::timeout(BOUNDS.patience, asked).await;
        answer.map_err(|_| SourceError::Late(BOUNDS.patience))?
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

async fn ask_http(
    http: &Http,
    newest: &Mutex<Option<Answer>>,
    question: &Question,
) -> Result<String, SourceError> {
    if *question != Question::LATEST {
        return Ok(http.get(&question.path(), None).await?.text);
    }
    let kept = newest.lock().ok().and_then(|newest| newest.clone());
    let answer = http.get(&question.path(), kept).await?;
    if let (true, Ok(mut newest)) = (answer.is_tagged(), newest.lock()) {
        *newest = Some(answer.clone());
    }
    Ok(answer.text)
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
    if answer.len() > BOUNDS.bytes {
        return Err(SourceError::TooLong(BOUNDS.bytes));
    }
    String::from_utf8(answer.to_vec()).map_err(|_| SourceError::NotText)
}
