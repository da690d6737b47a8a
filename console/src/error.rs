use std::net::SocketAddr;

/// Why there is no console.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    #[error("can't listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("no page of a light client in {folder}: {why}")]
    Page { folder: String, why: String },
}
