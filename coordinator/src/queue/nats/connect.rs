//! The connection: who we are, whom we trust, and what happens to it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};

use super::NatsConfig;
use crate::queue::{ConnectionStats, QueueError};

/// Silence after which the server is asked whether it is there.
const PING: Duration = Duration::from_secs(10);

/// Pauses between tries to connect again double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

fn pause(tries: usize) -> Duration {
    let doublings = u32::try_from(tries).unwrap_or(u32::MAX).min(10);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

/// What happened to the connection.
#[derive(Default)]
pub struct Events {
    disconnects: AtomicU64,
    slow_consumers: AtomicU64,
    lame_ducks: AtomicU64,
    errors: AtomicU64,
}

impl Events {
    fn count(&self, event: &Event) {
        let counter = match event {
            Event::Disconnected => &self.disconnects,
            Event::SlowConsumer(_) => &self.slow_consumers,
            Event::LameDuckMode => &self.lame_ducks,
            Event::ServerError(_) | Event::ClientError(_) => &self.errors,
            _ => return tracing::info!(%event, "NATS connection"),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%event, "NATS connection");
    }

    pub fn stats(&self) -> ConnectionStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ConnectionStats {
            disconnects: read(&self.disconnects),
            slow_consumers: read(&self.slow_consumers),
            lame_ducks: read(&self.lame_ducks),
            errors: read(&self.errors),
        }
    }
}

/// The servers that the URL names.
fn addresses(url: &str) -> Result<Vec<ServerAddr>, QueueError> {
    let addresses: Result<Vec<ServerAddr>, _> = url.split(',').map(str::parse).collect();
    addresses.map_err(|_| {
        // The URL may hold a password: it is not repeated here.
        let form = "nats://[user:password@]host[:port][,...]";
        QueueError::Backend(format!("the NATS URL is not of the form {form}"))
    })
}

fn unreadable(what: &str, path: &Path, error: impl std::fmt::Display) -> QueueError {
    QueueError::Backend(format!("{what} {}: {error}", path.display()))
}

fn login(config: &NatsConfig, addresses: &[ServerAddr]) -> Option<(String, String)> {
    let in_url = |address: &ServerAddr| {
        let login = address.username().zip(address.password());
        login.map(|(user, password)| (user.to_owned(), password.to_owned()))
    };
    let in_url = || addresses.iter().find_map(in_url);
    config.login.clone().or_else(in_url)
}

async fn authenticated(
    mut options: ConnectOptions,
    config: &NatsConfig,
    addresses: &[ServerAddr],
) -> Result<ConnectOptions, QueueError> {
    if let Some((user, password)) = login(config, addresses) {
        options = options.user_and_password(user, password);
    }
    if let Some(path) = &config.credentials {
        let file = options.credentials_file(path).await;
        options = file.map_err(|e| unreadable("credentials", path, e))?;
    }
    if let Some(path) = &config.nkey {
        let seed = tokio::fs::read_to_string(path).await;
        let seed = seed.map_err(|e| unreadable("NKey seed", path, e))?;
        options = options.nkey(seed.trim().to_owned());
    }
    Ok(options)
}

/// The files are looked at here, since the client would only say that something of the TLS settings is wrong.
fn encrypted(
    mut options: ConnectOptions,
    config: &NatsConfig,
) -> Result<ConnectOptions, QueueError> {
    let Some(tls) = &config.tls else {
        return Ok(options);
    };
    let readable = |what, path: &Path| {
        let opened = std::fs::File::open(path);
        opened.map_err(|e| unreadable(what, path, e))
    };
    options = options.require_tls(true);
    if let Some(ca) = &tls.ca {
        readable("CA certificate", ca)?;
        options = options.add_root_certificates(ca.clone());
    }
    if let Some((certificate, key)) = &tls.identity {
        readable("certificate", certificate)?;
        readable("key of the certificate", key)?;
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

/// Connects; `events` counts what happens to the connection from now on.
pub async fn connect(config: &NatsConfig, events: Arc<Events>) -> Result<Client, QueueError> {
    let addresses = addresses(&config.url)?;
    let mut options = ConnectOptions::new()
        .name(&config.name)
        .ping_interval(PING)
        .reconnect_delay_callback(pause)
        .event_callback(move |event| {
            events.count(&event);
            std::future::ready(())
        });
    if let Some(inbox) = &config.inbox {
        options = options.custom_inbox_prefix(inbox);
    }
    let options = authenticated(options, config, &addresses).await?;
    let options = encrypted(options, config)?;
    let host = |address: &ServerAddr| format!("{}:{}", address.host(), address.port());
    let hosts: Vec<_> = addresses.iter().map(host).collect();
    let hosts = hosts.join(", ");
    let connected = options.connect(addresses).await;
    connected.map_err(|e| QueueError::Backend(format!("NATS at {hosts}: {e}")))
}
