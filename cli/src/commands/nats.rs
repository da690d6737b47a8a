//! `trifold nats`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use nkeys::{KeyPair, KeyPairType};
use trifold_coordinator::queue::nats::{Member, Party, Server, TlsFiles, User};

use crate::authority::{Authority, CA, CERTIFICATE, KEY, Use};
use crate::private;

/// A role's NKey seed.
pub const SEED: &str = "nkey.seed";
/// A server's configuration.
const SERVER_FILE: &str = "nats.conf";
/// A role's settings.
const SETTINGS: &str = "nats.env";
/// Distance of a cluster member's port for the others from that for clients.
const ROUTE_OFFSET: u16 = 2000;
/// Most names of workers, shards and other roles together.
const MAX_ROLES: usize = 50_000;

/// The farm's NATS server.
#[derive(Args)]
pub struct NatsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Write a server configuration in which each role may do its part and no more, with keys and certificates
    Config(Config),
}

/// Run again, it keeps the keys and certificates that are there and makes the missing ones: add a name to let it in, leave
/// it out to lock it out, delete its folder to give it new keys; then `nats-server --signal reload`.
///
/// DIR/server/nats.conf is for the server (DIR/server-NAME for each of a cluster), DIR/ca for nobody but you, and each
/// other folder for the machine of that role: `nats.env` has its settings.
#[derive(Args)]
struct Config {
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Shards that may submit: 0 to N-1
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=19683))]
    shards: u32,
    /// Machines that prove, by the names of their workers; with cards: machine:CARD:CARD
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "worker-1",
        value_name = "NAMES"
    )]
    workers: Vec<String>,
    /// Coordinators, the standbys included
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "coordinator-1,coordinator-2",
        value_name = "NAMES"
    )]
    coordinators: Vec<String>,
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "operator",
        value_name = "NAMES"
    )]
    operators: Vec<String>,
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "reader",
        value_name = "NAMES"
    )]
    readers: Vec<String>,
    /// Prefix of the farm's streams
    #[arg(
        long = "nats-prefix",
        env = "TRIFOLD_NATS_PREFIX",
        default_value = "TRIFOLD",
        value_name = "NAME"
    )]
    prefix: String,
    /// Address and port that the server listens on
    #[arg(long, default_value = "127.0.0.1:4222", value_name = "ADDRESS:PORT")]
    listen: String,
    /// Host name that clients reach a single server by
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    host: String,
    /// Three (or five) servers instead of one; they reach each other 2000 ports above
    #[arg(long, value_delimiter = ',', value_parser = member, value_name = "NAME=HOST:PORT")]
    cluster: Vec<Member>,
    /// Where the server keeps its streams
    #[arg(long, default_value = "/var/lib/trifold-nats", value_name = "DIR")]
    store: PathBuf,
    /// The most that it keeps
    #[arg(long, default_value_t = 64, value_name = "GIB", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    store_gib: u64,
    /// Without TLS: only for a server that nobody else can reach
    #[arg(long, conflicts_with_all = ["tls_ca", "tls_cert", "tls_key"])]
    no_tls: bool,
    /// Certificates of your own authority, as the server finds them, instead of made ones; clients get theirs from you
    #[arg(long, requires_all = ["tls_cert", "tls_key"], value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    #[arg(long, requires = "tls_ca", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    #[arg(long, requires = "tls_ca", value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

impl NatsCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Action::Config(config) = self.action;
        config.write()?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Config {
    fn write(&self) -> anyhow::Result<()> {
        let roles = self.roles()?;
        let authority = self.authority()?;
        let mut users = Vec::new();
        for (name, role) in &roles {
            let folder = self.folder(name)?;
            let public_key = nkey(&folder)?;
            if let Some(authority) = &authority {
                authority.issue(&folder, name, &[], Use::Client)?;
            }
            self.settings(&folder, authority.is_some())?;
            users.push(User {
                name: name.clone(),
                rights: role.rights(&self.prefix, &public_key),
                public_key,
            });
        }
        for server in self.servers(authority.as_ref())? {
            let path = server.folder.join(SERVER_FILE);
            fs::write(&path, server.text(&users)).with_context(|| path.display().to_string())?;
            println!("nats-server --config {}", path.display());
        }
        println!("{} roles in {}", roles.len(), self.out.display());
        Ok(())
    }

    fn roles(&self) -> anyhow::Result<Vec<(String, Party)>> {
        let mut roles = Vec::new();
        roles.extend(
            self.coordinators
                .iter()
                .map(|name| (name.clone(), Party::Coordinator)),
        );
        roles.extend(self.workers.iter().map(|text| worker(text)));
        roles.extend((0..self.shards).map(|shard| (format!("shard-{shard}"), Party::Shard(shard))));
        roles.extend(
            self.operators
                .iter()
                .map(|name| (name.clone(), Party::Operator)),
        );
        roles.extend(
            self.readers
                .iter()
                .map(|name| (name.clone(), Party::Reader)),
        );
        ensure!(
            roles.len() <= MAX_ROLES,
            "{} roles, more than {MAX_ROLES}",
            roles.len()
        );
        let mut names: Vec<&str> = roles.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        for (name, role) in &roles {
            let of_worker: &[String] = if let Party::Worker(names) = role {
                names
            } else {
                &[]
            };
            for word in of_worker.iter().chain([name, &self.prefix]) {
                ensure!(
                    is_word(word),
                    "{word:?} is not 1 to 64 letters, digits, - and _"
                );
            }
            ensure!(
                !name.starts_with("server") && name != "ca",
                "{name:?} is the name of another folder"
            );
        }
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        ensure!(twice.is_none(), "{twice:?} is named twice");
        Ok(roles)
    }

    fn authority(&self) -> anyhow::Result<Option<Authority>> {
        match self.no_tls || self.tls_ca.is_some() {
            true => Ok(None),
            false => Authority::open(&self.folder("ca")?).map(Some),
        }
    }

    /// A role's folder: the secrets in it are for its owner.
    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.out.join(name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(std::path::absolute(folder)?)
    }

    fn servers(&self, authority: Option<&Authority>) -> anyhow::Result<Vec<Server>> {
        if self.cluster.is_empty() {
            let hosts = [self.host.clone(), "localhost".into(), "127.0.0.1".into()];
            return Ok(vec![self.server("", &self.listen, &hosts, authority)?]);
        }
        ensure!(
            self.cluster.len() % 2 == 1,
            "a cluster has 3 or 5 servers: an even one stands no more failures than one less"
        );
        let address = self
            .listen
            .rsplit_once(':')
            .map_or("0.0.0.0", |(address, _)| address);
        let server = |member: &Member| {
            ensure!(is_word(&member.name), "{:?} is not a word", member.name);
            let listen = format!("{address}:{}", member.port);
            self.server(
                &member.name,
                &listen,
                std::slice::from_ref(&member.host),
                authority,
            )
        };
        self.cluster.iter().map(server).collect()
    }

    fn server(
        &self,
        name: &str,
        listen: &str,
        hosts: &[String],
        authority: Option<&Authority>,
    ) -> anyhow::Result<Server> {
        let folder = self.folder(&folder_of(name))?;
        if let Some(authority) = authority {
            authority.issue(&folder, "nats-server", hosts, Use::Server)?;
        }
        let store = match name.is_empty() {
            true => self.store.clone(),
            false => self.store.join(name),
        };
        Ok(Server {
            name: match name.is_empty() {
                true => "trifold-nats".into(),
                false => name.into(),
            },
            listen: listen.into(),
            store: std::path::absolute(store)?,
            store_bytes: self.store_gib << 30,
            tls: self.tls(&folder),
            cluster: self.cluster.clone(),
            folder,
        })
    }

    fn tls(&self, folder: &Path) -> Option<TlsFiles> {
        let made = || TlsFiles {
            ca: folder.join(CA),
            certificate: folder.join(CERTIFICATE),
            key: folder.join(KEY),
        };
        let own = self
            .tls_ca
            .clone()
            .zip(self.tls_cert.clone().zip(self.tls_key.clone()));
        let own = own.map(|(ca, (certificate, key))| TlsFiles {
            ca,
            certificate,
            key,
        });
        (!self.no_tls).then(|| own.unwrap_or_else(made))
    }

    /// The environment of a process with this role, without any secret in it.
    fn settings(&self, folder: &Path, certificates: bool) -> anyhow::Result<()> {
        let mut lines = vec![
            format!("TRIFOLD_NATS={}", self.url()),
            format!("TRIFOLD_NATS_PREFIX={}", self.prefix),
            format!("TRIFOLD_NATS_NKEY={}", folder.join(SEED).display()),
        ];
        if !self.cluster.is_empty() {
            lines.push("TRIFOLD_NATS_REPLICAS=3".into());
        }
        if certificates {
            let files = [("CA", CA), ("CERT", CERTIFICATE), ("KEY", KEY)];
            lines.extend(files.map(|(name, file)| {
                format!("TRIFOLD_NATS_{name}={}", folder.join(file).display())
            }));
        }
        let path = folder.join(SETTINGS);
        fs::write(&path, lines.join("\n") + "\n").with_context(|| path.display().to_string())
    }

    fn url(&self) -> String {
        let scheme = if self.no_tls { "nats" } else { "tls" };
        let port = self
            .listen
            .rsplit_once(':')
            .map_or("4222", |(_, port)| port);
        match self.cluster.is_empty() {
            true => format!("{scheme}://{}:{port}", self.host),
            false => {
                let member =
                    |member: &Member| format!("{scheme}://{}:{}", member.host, member.port);
                self.cluster
                    .iter()
                    .map(member)
                    .collect::<Vec<_>>()
                    .join(",")
            }
        }
    }
}

/// The public key of the folder's seed, which is made if it is not there.
fn nkey(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join(SEED);
    if !path.exists() {
        private::write(&path, &KeyPair::new(KeyPairType::User).seed()?)?;
    }
    let seed = private::read(&path)?;
    let pair = KeyPair::from_seed(seed.trim())
        .with_context(|| format!("{}: not an NKey seed", path.display()))?;
    Ok(pair.public_key())
}

/// `machine` or `machine:CARD:CARD`: the machine's own process and one for each card.
fn worker(text: &str) -> (String, Party) {
    let mut words = text.split(':');
    let machine = words.next().unwrap_or_default().to_owned();
    let cards = words.map(|card| format!("{machine}-{card}"));
    let processes = std::iter::once(machine.clone()).chain(cards).collect();
    (machine, Party::Worker(processes))
}

fn member(text: &str) -> Result<Member, String> {
    let form = || "of the form NAME=HOST:PORT".to_owned();
    let (name, address) = text.split_once('=').ok_or_else(form)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(form)?;
    let port: u16 = port.parse().map_err(|_| form())?;
    let route_port = port.checked_add(ROUTE_OFFSET).ok_or("port too large")?;
    Ok(Member {
        name: name.into(),
        host: host.into(),
        port,
        route_port,
    })
}

fn folder_of(server: &str) -> String {
    match server {
        "" => "server".into(),
        name => format!("server-{name}"),
    }
}

fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}
