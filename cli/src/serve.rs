//! The HTTP side of a coordinator or worker process.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use trifold_console::{Console, LightPage, Server};

/// Where a process answers over HTTP.
#[derive(Args, Clone)]
pub struct Listen {
    /// Answer /livez, /readyz and /metrics there, and a coordinator its live page; e.g. 127.0.0.1:9464 (port 0: a free one)
    #[arg(long = "listen", env = "TRIFOLD_LISTEN", value_name = "ADDR")]
    pub address: Option<SocketAddr>,
}

/// The page on which a browser checks what this process serves.
#[derive(Args, Clone)]
pub struct Page {
    /// Serve the light client's page at /light/ out of this folder, as `node browser/build.mjs` makes it: target/light/page
    #[arg(long = "light-page", env = "TRIFOLD_LIGHT_PAGE", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Page {
    /// Reads the page, if there is to be one.
    ///
    /// # Errors
    /// There is none in the folder.
    pub fn read(&self) -> anyhow::Result<Option<LightPage>> {
        let page = self.folder.as_deref().map(LightPage::read);
        Ok(page.transpose()?)
    }
}

impl Listen {
    /// For the process of the `place`-th card, counted from 0: a port of its own, so many further up.
    pub fn of_card(&self, place: u16) -> Self {
        let further = |mut address: SocketAddr| {
            if address.port() != 0 {
                address.set_port(address.port().saturating_add(place));
            }
            address
        };
        let address = self.address.map(further);
        Self { address }
    }

    /// Answers until `stopped` is true. `None` if no address was given.
    ///
    /// # Errors
    /// The address is in use or not one of this machine's.
    pub async fn start(
        &self,
        console: Console,
        mut stopped: watch::Receiver<bool>,
    ) -> anyhow::Result<Option<JoinHandle<()>>> {
        let Some(address) = self.address else {
            return Ok(None);
        };
        let server = Server::bind(address, console).await?;
        eprintln!("listening on http://{}", server.address());
        let stopped = async move {
            // An error means that nobody is left who could stop it: the process is ending.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        Ok(Some(tokio::spawn(server.serve(stopped))))
    }
}
