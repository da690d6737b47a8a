//! Every flag and environment variable that more than one command takes. Libraries get plain structs.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue};

/// What is logged, to the standard error.
#[derive(Args)]
pub struct Log {
    /// Log filter, e.g. `info` or `trifold_coordinator=debug`
    #[arg(
        long,
        env = "TRIFOLD_LOG",
        default_value = "warn",
        global = true,
        value_name = "FILTER"
    )]
    log: String,
}

impl Log {
    /// Subscribes to the libraries' spans and events; their lines begin with the card if there is one.
    pub fn subscribe(&self, card: Option<&str>) {
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log);
        let card = card.map(str::to_owned);
        tracing_subscriber::fmt()
            .with_env_filter(filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")))
            .with_writer(move || Marked { card: card.clone() })
            .init();
    }
}

/// The standard error with a card before each line; the subscriber writes one line at a time.
struct Marked {
    card: Option<String>,
}

impl Write for Marked {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut error = std::io::stderr().lock();
        if let Some(card) = &self.card {
            write!(error, "{card}: ")?;
        }
        error.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// How to reach the farm's NATS server.
#[derive(Args, Clone)]
pub struct Nats {
    /// The NATS server, e.g. nats://127.0.0.1:4222 (with JetStream)
    #[arg(long = "nats", env = "TRIFOLD_NATS", value_name = "URL")]
    pub url: Option<String>,
    /// User name, if the server asks for one
    #[arg(
        long = "nats-user",
        env = "TRIFOLD_NATS_USER",
        requires = "password",
        value_name = "NAME"
    )]
    pub user: Option<String>,
    /// Password of that user; the environment variable keeps it out of the process list
    #[arg(
        id = "password",
        long = "nats-password",
        env = "TRIFOLD_NATS_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub password: Option<String>,
    /// Credentials file (JWT and seed) of an operator-mode server
    #[arg(
        long = "nats-creds",
        env = "TRIFOLD_NATS_CREDS",
        conflicts_with = "password",
        value_name = "FILE"
    )]
    pub credentials: Option<PathBuf>,
    /// Prefix of the streams, so that several farms can share a server
    #[arg(
        long = "nats-prefix",
        env = "TRIFOLD_NATS_PREFIX",
        default_value = "TRIFOLD",
        value_name = "NAME"
    )]
    pub prefix: String,
}

impl Nats {
    /// Connects to the server.
    ///
    /// # Errors
    /// No URL is given, or the server can't be reached.
    pub async fn connect(&self) -> anyhow::Result<Arc<dyn Queue>> {
        let url = self
            .url
            .as_deref()
            .context("which NATS server? Give --nats URL or TRIFOLD_NATS")?;
        self.connect_as(url, &self.prefix).await
    }

    /// Connects with another prefix than the configured one.
    ///
    /// # Errors
    /// The server can't be reached.
    pub async fn connect_as(&self, url: &str, prefix: &str) -> anyhow::Result<Arc<dyn Queue>> {
        let config = NatsConfig {
            prefix: prefix.into(),
            login: self.user.clone().zip(self.password.clone()),
            credentials: self.credentials.clone(),
            ..NatsConfig::new(url)
        };
        let queue = NatsQueue::connect(&config).await;
        Ok(Arc::new(
            queue.with_context(|| format!("NATS server {url}"))?,
        ))
    }
}
