//! JetStream servers on free ports, one or a cluster of three, killed and started again at will, killed on drop.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue};

use super::{free_port, nats_binary};

pub const SERVERS: usize = 3;

pub struct NatsCluster {
    members: Vec<Member>,
    directory: tempfile::TempDir,
}

struct Member {
    client: u16,
    route: u16,
    child: Option<Child>,
}

impl NatsCluster {
    /// Three servers.
    pub fn start() -> Self {
        Self::of(SERVERS, "2m")
    }

    /// So many servers, which sync their files so often: `always`, or a time.
    pub fn of(servers: usize, sync: &str) -> Self {
        let member = |_| Member {
            client: free_port(),
            route: free_port(),
            child: None,
        };
        let mut cluster = Self {
            members: (0..servers).map(member).collect(),
            directory: tempfile::tempdir().expect("a directory"),
        };
        for member in 0..servers {
            let text = cluster.configuration(member, sync);
            std::fs::write(cluster.file(member), text).expect("written");
            cluster.revive(member);
        }
        cluster
    }

    fn file(&self, member: usize) -> PathBuf {
        self.directory.path().join(format!("{member}.conf"))
    }

    fn configuration(&self, member: usize, sync: &str) -> String {
        let Member { client, route, .. } = self.members[member];
        let store = self.directory.path().join(member.to_string());
        let mut text = format!(
            "server_name: n{member}\nlisten: \"127.0.0.1:{client}\"\n\
             authorization {{ user: farm, password: s3cret }}\n\
             jetstream {{ store_dir: {store:?}, sync_interval: \"{sync}\" }}\n"
        );
        if self.members.len() > 1 {
            let route_of = |member: &Member| format!("\"nats://127.0.0.1:{}\"", member.route);
            let routes: Vec<_> = self.members.iter().map(route_of).collect();
            text += &format!(
                "cluster {{ name: farm, listen: \"127.0.0.1:{route}\", routes: [{}] }}\n",
                routes.join(", ")
            );
        }
        text
    }

    /// Starts the server again on its files.
    pub fn revive(&mut self, member: usize) {
        let file = self.file(member);
        let this = &mut self.members[member];
        assert!(this.child.is_none(), "it runs");
        let child = Command::new(nats_binary())
            .arg("--config")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        this.child = Some(child.expect("nats-server starts"));
    }

    /// SIGKILL.
    pub fn kill(&mut self, member: usize) {
        let mut child = self.members[member].child.take().expect("it runs");
        child.kill().expect("kill");
        child.wait().expect("wait");
    }

    pub fn servers(&self) -> usize {
        self.members.len()
    }

    /// Servers that were not killed.
    pub fn running(&self) -> Vec<usize> {
        let runs = |member: &usize| self.members[*member].child.is_some();
        (0..self.members.len()).filter(runs).collect()
    }

    /// SIGSTOP or SIGCONT: connections stay open, and nobody answers meanwhile.
    pub fn signal(&self, member: usize, name: &str) {
        let child = self.members[member].child.as_ref().expect("it runs");
        super::signal(child, name);
    }

    /// All servers: a client finds one that lives.
    pub fn url(&self) -> String {
        let url = |member: &Member| format!("nats://farm:s3cret@127.0.0.1:{}", member.client);
        let urls: Vec<_> = self.members.iter().map(url).collect();
        urls.join(",")
    }

    /// Waits until the servers have found each other.
    pub async fn queue(&self, lease: Duration) -> Arc<dyn Queue> {
        let config = NatsConfig {
            lease,
            replicas: self.members.len(),
            ..NatsConfig::new(self.url())
        };
        let started = Instant::now();
        loop {
            match NatsQueue::connect(&config).await {
                Ok(queue) => return Arc::new(queue),
                Err(error) if started.elapsed() > Duration::from_secs(60) => panic!("{error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

impl Drop for NatsCluster {
    fn drop(&mut self) {
        for mut child in self.members.iter_mut().filter_map(|m| m.child.take()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
