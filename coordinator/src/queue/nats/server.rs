//! The configuration of the farm's nats-server: who may log in and what for, and limits on everything.

use std::fmt::Write;
use std::path::PathBuf;

use super::Rights;

/// Longest message, in bytes: our largest body with its headers, and what JetStream's own requests take.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;
/// Connections beyond those of the farm's own roles: reconnects, and a command beside a running process.
pub const SPARE_CONNECTIONS: usize = 64;
/// Connections that each role may need at a time.
pub const CONNECTIONS_PER_ROLE: usize = 16;
/// Subscriptions of one connection; ours has one.
pub const MAX_SUBSCRIPTIONS: usize = 64;
/// Bytes that the server keeps for a client that reads slowly.
pub const MAX_PENDING_BYTES: usize = 64 << 20;
/// Seconds that a client has for TLS and login.
pub const LOGIN_SECONDS: u32 = 10;
/// Memory for JetStream, in bytes: consumers' states; streams lie in files.
pub const MEMORY_STORE_BYTES: u64 = 256 << 20;
/// Streams and consumers of the farm; it has nine streams, and consumers by lane and for reading.
pub const MAX_STREAMS: usize = 16;
pub const MAX_CONSUMERS: usize = 1_000;

/// The right to answer a request once, within a time in which every client has given it up.
const ANSWERS: &str = "          allow_responses: { max: 1, expires: \"1m\" }\n";

/// Somebody who may log in.
pub struct User {
    /// For the reader of the file.
    pub name: String,
    pub public_key: String,
    pub rights: Rights,
}

/// Where a server finds its certificates.
#[derive(Clone)]
pub struct TlsFiles {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// One server of a cluster: where clients and the others reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub name: String,
    pub host: String,
    pub port: u16,
    pub route_port: u16,
}

/// A server to be.
pub struct Server {
    pub name: String,
    /// Where its configuration lies.
    pub folder: PathBuf,
    /// Address and port it listens on.
    pub listen: String,
    pub store: PathBuf,
    pub store_bytes: u64,
    pub tls: Option<TlsFiles>,
    /// All servers; none for a single one.
    pub cluster: Vec<Member>,
}

impl Server {
    /// The text of its configuration file.
    pub fn text(&self, users: &[User]) -> String {
        let connections = users.len() * CONNECTIONS_PER_ROLE + SPARE_CONNECTIONS;
        let parts = [
            "# Made by `trifold nats config`: run it again to change it. No monitoring port, no user but these.\n".into(),
            format!("server_name: {}\nlisten: {}\n", quoted(&self.name), quoted(&self.listen)),
            format!("max_payload: {MAX_PAYLOAD_BYTES}\nmax_connections: {connections}\n"),
            format!("max_subscriptions: {MAX_SUBSCRIPTIONS}\nmax_pending: {MAX_PENDING_BYTES}\n"),
            format!("authorization {{ timeout: {LOGIN_SECONDS} }}\n"),
            self.jetstream(),
            self.tls.as_ref().map(tls).unwrap_or_default(),
            self.routes(),
            self.accounts(users),
        ];
        parts.concat()
    }

    /// A single server writes through before it answers; in a cluster two of three have every message.
    fn jetstream(&self) -> String {
        let sync = match self.cluster.is_empty() {
            true => "  sync_interval: always\n",
            false => "",
        };
        format!(
            "jetstream {{\n  store_dir: {}\n  max_file_store: {}\n  max_memory_store: {MEMORY_STORE_BYTES}\n{sync}}}\n",
            quoted(&self.store.display().to_string()),
            self.store_bytes,
        )
    }

    fn routes(&self) -> String {
        let Some(own) = self.cluster.iter().find(|member| member.name == self.name) else {
            return String::new();
        };
        let scheme = if self.tls.is_some() { "tls" } else { "nats" };
        let others = self.cluster.iter().filter(|member| *member != own);
        let routes: Vec<String> = others
            .map(|other| format!("    {scheme}://{}:{}", other.host, other.route_port))
            .collect();
        let address = self
            .listen
            .rsplit_once(':')
            .map_or("", |(address, _)| address);
        let inner = self.tls.as_ref().map(tls).unwrap_or_default();
        format!(
            "cluster {{\n  name: trifold\n  listen: {}\n  routes: [\n{}\n  ]\n{inner}}}\n",
            quoted(&format!("{address}:{}", own.route_port)),
            routes.join("\n"),
        )
    }

    fn accounts(&self, users: &[User]) -> String {
        let users: String = users.iter().map(user).collect();
        format!(
            "accounts {{\n  FARM {{\n    jetstream {{\n      max_file: {}\n      max_memory: {MEMORY_STORE_BYTES}\n      \
             max_streams: {MAX_STREAMS}\n      max_consumers: {MAX_CONSUMERS}\n    }}\n    users: [\n{users}    ]\n  }}\n  \
             SYS {{ users: [] }}\n}}\nsystem_account: SYS\n",
            self.store_bytes,
        )
    }
}

/// Both sides show a certificate.
fn tls(files: &TlsFiles) -> String {
    let shown = |path: &PathBuf| quoted(&path.display().to_string());
    format!(
        "tls {{\n  ca_file: {}\n  cert_file: {}\n  key_file: {}\n  verify: true\n  timeout: {LOGIN_SECONDS}\n}}\n",
        shown(&files.ca),
        shown(&files.certificate),
        shown(&files.key),
    )
}

fn user(user: &User) -> String {
    let Rights {
        publish,
        subscribe,
        answer,
    } = &user.rights;
    let mut text = String::new();
    let _ = write!(
        text,
        "      {{ # {}\n        nkey: {}\n        permissions: {{\n          publish: {{ allow: [{}] }}\n          \
         subscribe: {{ allow: [{}] }}\n{}        }}\n      }}\n",
        user.name,
        user.public_key,
        list(publish),
        list(subscribe),
        if *answer { ANSWERS } else { "" },
    );
    text
}

fn list(subjects: &[String]) -> String {
    let subjects: Vec<String> = subjects.iter().map(|subject| quoted(subject)).collect();
    subjects.join(", ")
}

/// A string of the configuration's language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
