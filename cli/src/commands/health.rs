//! `trifold health`

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

/// Time for the whole answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Asks a coordinator or worker on this machine whether it is ready, as a container's health check does: exit code 0 if
/// it is, 1 with the reason if not.
#[derive(Args)]
pub struct Health {
    /// Where the process answers
    #[arg(
        long = "listen",
        env = "TRIFOLD_LISTEN",
        required = true,
        value_name = "ADDR"
    )]
    address: SocketAddr,
    /// Ask whether it is alive, which it also is while it gets ready
    #[arg(long)]
    live: bool,
}

impl Health {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let path = if self.live { "/livez" } else { "/readyz" };
        let address = reachable(self.address);
        let answer = get(address, path).with_context(|| format!("http://{address}{path}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split_whitespace().nth(1).unwrap_or_default();
        if status != "200" {
            bail!("http://{address}{path}: {status} {}", body.trim());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A process that listens on every address is asked on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
