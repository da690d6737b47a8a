//! Sources over real HTTP: honest ones that serve a chain, and others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use trifold_console::{Console, Light, Server};
use trifold_coordinator::archive::{Archive, Follow};
use trifold_coordinator::coordinator::publish;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::standin::Chain;
use trifold_verifier::json::GlobalProof;

use crate::support::trifold;

/// An honest source of a chain.
pub struct Farm {
    pub chain: Chain,
    pub archive: Archive,
    queue: LocalQueue,
    address: SocketAddr,
}

impl Farm {
    pub async fn start(chain: Chain) -> Self {
        let archive = Archive::new(&chain.origin).expect("an archive");
        let console = Console {
            ready: Arc::new(|| Ok(())),
            metrics: Arc::new(String::new),
            source: None,
            light: Some(Light::Archive(archive.clone(), None)),
        };
        let server = Server::bind(([127, 0, 0, 1], 0).into(), console).await;
        let server = server.expect("a server");
        let address = server.address();
        tokio::spawn(server.serve(std::future::pending()));
        Self {
            chain,
            archive,
            queue: LocalQueue::memory(Duration::from_secs(30)),
            address,
        }
    }

    /// The chain of three shards that all honest sources of a test serve.
    pub async fn usual() -> Self {
        Self::start(Chain::new(3, 7).expect("a chain")).await
    }

    /// So many epochs more, in each of which this shard steps.
    pub async fn epochs(&mut self, count: u64, shard: u32) {
        for _ in 0..count {
            let link = self.chain.next([shard]).expect("a link");
            let published = publish(&self.queue, &link.proof, &link.members).await;
            published.expect("published");
        }
        let (archive, queue) = (&self.archive, &self.queue);
        let follow = Follow { archive, queue };
        follow.catch_up().await.expect("right");
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same over TLS: the address, and the certificate that it shows.
    pub async fn behind_tls(&self) -> (String, String) {
        let shown = rcgen::generate_simple_self_signed(["localhost".into()]).expect("made");
        let key = PrivateKeyDer::try_from(shown.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![shown.cert.der().clone()], key)
            .expect("a pair");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let behind = self.address;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust the certificate goes away in the middle of this.
                    let mut outer = acceptor.accept(stream).await?;
                    let mut inner = TcpStream::connect(behind).await?;
                    tokio::io::copy_bidirectional(&mut outer, &mut inner).await
                });
            }
        });
        (format!("https://localhost:{port}"), shown.cert.pem())
    }

    pub fn bundle(&self) -> GlobalProof {
        let records = self.archive.records();
        records.bundle(records.newest()).expect("a bundle")
    }
}

/// A source that answers every request in its own way.
pub async fn liar<F>(answer: impl Fn(String, TcpStream) -> F + Clone + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                answer(String::from_utf8_lossy(&head).into(), stream).await;
            });
        }
    });
    format!("http://{address}")
}

/// A source that answers with these bytes.
pub async fn bytes(answer: impl Into<Vec<u8>>) -> String {
    let answer = Arc::new(answer.into());
    liar(move |_, mut stream| {
        let answer = answer.clone();
        async move {
            let _ = stream.write_all(&answer).await;
        }
    })
    .await
}

/// A source that answers every question with this text.
pub async fn text(body: impl AsRef<str>) -> String {
    let body = body.as_ref();
    bytes(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await
}

/// A folder with the file of the network that a test trusts.
pub struct Lab {
    pub folder: TempDir,
}

impl Lab {
    pub fn new(trusted: &GlobalProof) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("network.json"), trusted.to_json()).expect("written");
        Self { folder }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn shown(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    /// `trifold` with arguments, out of reach of the environment's settings.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        Self::ended(plain(arguments)).await
    }

    async fn ended(command: std::process::Command) -> Ended {
        let mut command = tokio::process::Command::from(command);
        let output = command.kill_on_drop(true).output().await.expect("starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            code: output.status.code(),
            out: text(&output.stdout),
            errors: text(&output.stderr),
        }
    }

    /// Asks a source once, on a machine that trusts the certificates of this file alone.
    pub async fn once_trusting(&self, certificates: &str, url: &str) -> Ended {
        let mut command = self.asking(&[url], &[]);
        command.env("SSL_CERT_FILE", certificates);
        command.env_remove("SSL_CERT_DIR");
        Self::ended(command).await
    }

    /// Asks each source once, under the trusted network.
    pub async fn once(&self, urls: &[&str], more: &[&str]) -> Ended {
        Self::ended(self.asking(urls, more)).await
    }

    fn asking(&self, urls: &[&str], more: &[&str]) -> std::process::Command {
        let network = self.shown("network.json");
        let mut arguments = vec!["light", "follow", "--once", "--json", "--network", &network];
        arguments.extend(urls.iter().flat_map(|url| ["--url", *url]));
        arguments.extend(more);
        plain(&arguments)
    }
}

/// `trifold` with arguments, out of reach of the environment's settings.
pub fn plain(arguments: &[&str]) -> std::process::Command {
    let mut command = trifold(arguments);
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("TRIFOLD_") || name.to_lowercase().ends_with("_proxy"))
    {
        command.env_remove(name);
    }
    command
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub errors: String,
}

impl Ended {
    pub fn events(&self) -> Vec<Value> {
        let events = self.out.lines().map(serde_json::from_str);
        events.collect::<Result<_, _>>().expect("JSON lines")
    }

    /// The one event of this name.
    pub fn event(&self, name: &str) -> Value {
        let events = self.events();
        let mut found = events.iter().filter(|event| event["event"] == name);
        let event = found
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        event.clone()
    }

    /// What was said at the end, by source.
    pub fn sources(&self) -> BTreeMap<String, Value> {
        let end = self.event("end");
        let sources = end["sources"].as_array().expect("a list").iter();
        let named = |source: &Value| {
            (
                source["source"].as_str().expect("a name").into(),
                source.clone(),
            )
        };
        sources.map(named).collect()
    }
}
