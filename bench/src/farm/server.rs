//! A NATS server on a free port, killed when it is dropped.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use trifold_circuits::artifacts::Checkout;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue};

pub struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

/// Looks at whether it listens.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

impl Server {
    pub fn start(checkout: &Checkout) -> Result<Self> {
        let binary = checkout.cache().join("tools/nats/bin/nats-server");
        ensure!(binary.exists(), "no nats-server: run `tools/fetch nats`");
        let folder = tempfile::tempdir_in(checkout.cache())?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(binary)
            .args([
                "--jetstream",
                "--addr",
                "127.0.0.1",
                "--port",
                &port.to_string(),
            ])
            .arg("--store_dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("nats-server")?;
        let server = Self {
            child,
            port,
            _folder: folder,
        };
        server.wait()?;
        Ok(server)
    }

    fn wait(&self) -> Result<()> {
        for _ in 0..TRIES {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        anyhow::bail!("nats-server does not listen")
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub async fn queue(&self) -> Result<Arc<dyn Queue>> {
        connect(&self.url()).await
    }
}

pub async fn connect(url: &str) -> Result<Arc<dyn Queue>> {
    Ok(Arc::new(NatsQueue::connect(&NatsConfig::new(url)).await?))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
