//! Every flag and environment variable that more than one command takes. Libraries get plain structs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue};

use crate::telemetry::{Format, Guard, Telemetry};

/// What is logged to the standard error, and where spans go.
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
    /// How log lines are written
    #[arg(
        long,
        env = "TRIFOLD_LOG_FORMAT",
        default_value = "human",
        global = true,
        value_name = "FORMAT"
    )]
    log_format: Format,
    /// Collector that spans are sent to by OTLP over HTTP, e.g. http://127.0.0.1:4318; without it OTEL_EXPORTER_OTLP_ENDPOINT
    #[arg(long, env = "TRIFOLD_OTLP", global = true, value_name = "URL")]
    otlp: Option<String>,
}

impl Log {
    /// Subscribes to the libraries' spans and events, for a process of this kind.
    ///
    /// # Errors
    /// The filter or the collector's address can't be read.
    pub fn subscribe(&self, process: &Process<'_>) -> anyhow::Result<Guard> {
        let usual = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok();
        let otlp = self.otlp.clone().or(usual);
        let telemetry = Telemetry {
            filter: &self.log,
            format: self.log_format,
            card: process.card,
            otlp: otlp.as_deref().filter(|url| !url.is_empty()),
            service: process.service,
            instance: &process.instance,
        };
        telemetry.subscribe()
    }
}

/// A process as it calls itself before others.
pub struct Process<'a> {
    /// Kind of the process.
    pub service: &'static str,
    /// Its name, or what tells it from others.
    pub instance: String,
    /// The card of a supervised worker, which its lines begin with.
    pub card: Option<&'a str>,
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
