//! The HTTP server of a process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::error::ConsoleError;
use crate::patience::Patient;
use crate::pulse::Pulse;
use crate::routes::routes;
use crate::source::Console;

/// Connections at the same time; further ones wait to be accepted.
pub const MAX_CONNECTIONS: usize = 256;
/// Headers of a request.
pub const MAX_HEADERS: usize = 64;
/// Size of a request line with its headers, in bytes, and of what is written ahead for a client.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Time for a request line with its headers, and for which an idle connection is kept.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Time for which a client may take nothing of what it is sent.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time for requests under way when the server ends.
const GRACE: Duration = Duration::from_secs(5);
/// Pause after a connection that could not be accepted: mostly the process is out of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound server that does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    console: Console,
}

impl Server {
    /// Takes the address; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is in use or not one of this machine's.
    pub async fn bind(address: SocketAddr, console: Console) -> Result<Self, ConsoleError> {
        let failed = |source| ConsoleError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            console,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stopped`; then finishes what is under way, for a few seconds.
    pub async fn serve(self, stopped: impl Future<Output = ()> + Send) {
        let (stop, stopping) = watch::channel(false);
        let pulse = self.console.source.clone().map(Pulse::new);
        let beating = pulse.clone().map(|pulse| tokio::spawn(pulse.run()));
        let routes = routes(&self.console, pulse, stopping.clone());
        let mut connections = JoinSet::new();
        tokio::select! {
            () = stopped => {}
            () = accept_all(self.listener, routes, stopping, &mut connections) => {}
        }
        stop.send_replace(true);
        let finished = async { while connections.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(GRACE, finished).await;
        tracing::debug!(in_time = in_time.is_ok(), "console ended");
        connections.shutdown().await;
        if let Some(beating) = beating {
            beating.abort();
        }
    }
}

async fn accept_all(
    listener: TcpListener,
    routes: Router,
    stopping: watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(answer(stream, routes.clone(), stopping.clone(), place));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One connection, until its client or the server ends it.
async fn answer(
    stream: TcpStream,
    routes: Router,
    mut stopping: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(Patient::new(stream, PATIENCE));
    let connection = http().serve_connection(stream, TowerToHyperService::new(routes));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = end(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn end(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is the end too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES);
    http
}
