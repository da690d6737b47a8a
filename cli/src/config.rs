//! Every flag and environment variable that more than one command takes. Libraries get plain structs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use nkeys::KeyPair;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue, Role, Tls, inbox};

use crate::private;
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
    /// File with the seed of this process's NKey, as `trifold nats config` makes it
    #[arg(
        long = "nats-nkey",
        env = "TRIFOLD_NATS_NKEY",
        conflicts_with_all = ["password", "credentials"],
        value_name = "FILE"
    )]
    pub nkey: Option<PathBuf>,
    /// Certificate of the authority that signed the server's; TLS, and nothing without it
    #[arg(long = "nats-ca", env = "TRIFOLD_NATS_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Our certificate, for a server that asks for one
    #[arg(
        id = "certificate",
        long = "nats-cert",
        env = "TRIFOLD_NATS_CERT",
        requires = "certificate_key",
        value_name = "FILE"
    )]
    pub certificate: Option<PathBuf>,
    /// Its key
    #[arg(
        id = "certificate_key",
        long = "nats-key",
        env = "TRIFOLD_NATS_KEY",
        requires = "certificate",
        value_name = "FILE"
    )]
    pub key: Option<PathBuf>,
    /// Prefix of the streams, so that several farms can share a server
    #[arg(
        long = "nats-prefix",
        env = "TRIFOLD_NATS_PREFIX",
        default_value = "TRIFOLD",
        value_name = "NAME"
    )]
    pub prefix: String,
    /// Copies of every stream when it is made: 1, or 3 on a cluster
    #[arg(
        long = "nats-replicas",
        env = "TRIFOLD_NATS_REPLICAS",
        default_value_t = 1,
        value_name = "N",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=5)
    )]
    pub replicas: usize,
    /// Seconds after a holder's last sign of life when a task is handed out again; the same for the whole farm
    #[arg(
        long = "lease",
        env = "TRIFOLD_LEASE",
        default_value_t = 30,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    lease_seconds: u64,
}

impl Nats {
    /// Connects to a farm that a coordinator has set up.
    ///
    /// # Errors
    /// No URL is given, a secret can't be read or is open to others, or the server can't be reached.
    pub async fn connect(&self) -> anyhow::Result<Arc<dyn Queue>> {
        self.open(self.config()?).await
    }

    /// Connects and makes the streams that are missing, as the coordinator does.
    ///
    /// # Errors
    /// As those of [`Nats::connect`].
    pub async fn administer(&self) -> anyhow::Result<Arc<dyn Queue>> {
        let config = NatsConfig {
            role: Role::Coordinator,
            ..self.config()?
        };
        self.open(config).await
    }

    /// Connects with another prefix than the configured one, and makes its streams.
    ///
    /// # Errors
    /// As those of [`Nats::connect`].
    pub async fn administer_as(&self, prefix: &str) -> anyhow::Result<Arc<dyn Queue>> {
        let config = NatsConfig {
            role: Role::Coordinator,
            prefix: prefix.into(),
            ..self.config()?
        };
        self.open(config).await
    }

    /// What the library takes.
    ///
    /// # Errors
    /// No URL is given, or a secret can't be read or is open to others.
    pub fn config(&self) -> anyhow::Result<NatsConfig> {
        let url = self.url.as_deref();
        let url = url.context("which NATS server? Give --nats URL or TRIFOLD_NATS")?;
        for secret in self.secrets() {
            private::read(secret)?;
        }
        let tls = Tls {
            ca: self.ca.clone(),
            identity: self.certificate.clone().zip(self.key.clone()),
        };
        Ok(NatsConfig {
            prefix: self.prefix.clone(),
            login: self.user.clone().zip(self.password.clone()),
            credentials: self.credentials.clone(),
            nkey: self.nkey.clone(),
            tls: (self.ca.is_some() || self.certificate.is_some()).then_some(tls),
            role: self.role(),
            lease: self.lease(),
            inbox: self.inbox()?,
            replicas: self.replicas,
            ..NatsConfig::new(url)
        })
    }

    /// Time after a holder's last sign of life when an item is delivered again.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    /// On a server that knows parties by their keys only the coordinator may make streams; on any other, whoever comes first.
    fn role(&self) -> Role {
        match self.nkey {
            Some(_) => Role::Member,
            None => Role::Coordinator,
        }
    }

    /// The files that hold secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.credentials, &self.nkey, &self.key];
        files.into_iter().filter_map(|file| file.as_deref())
    }

    /// Answers come under the name of our own key, where nobody else may listen.
    fn inbox(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.nkey else {
            return Ok(None);
        };
        let pair = KeyPair::from_seed(private::read(path)?.trim());
        let pair = pair.with_context(|| format!("{}: not the seed of an NKey", path.display()))?;
        Ok(Some(inbox(&pair.public_key())))
    }

    async fn open(&self, config: NatsConfig) -> anyhow::Result<Arc<dyn Queue>> {
        Ok(Arc::new(NatsQueue::connect(&config).await?))
    }
}
