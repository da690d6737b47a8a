//! A JetStream cluster of three servers on free ports, killed on drop.

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
    routes: String,
}

struct Member {
    client: u16,
    route: u16,
    child: Option<Child>,
}

impl NatsCluster {
    pub fn start() -> Self {
        let member = |_| Member {
            client: free_port(),
            route: free_port(),
            child: None,
        };
        let members: Vec<_> = (0..SERVERS).map(member).collect();
        let route = |member: &Member| format!("nats://127.0.0.1:{}", member.route);
        let routes: Vec<_> = members.iter().map(route).collect();
        let directory = tempfile::tempdir().expect("a directory");
        let mut cluster = Self {
            members,
            directory,
            routes: routes.join(","),
        };
        (0..SERVERS).for_each(|member| cluster.revive(member));
        cluster
    }

    /// Starts the server again on its files.
    pub fn revive(&mut self, member: usize) {
        let store = self.directory.path().join(member.to_string());
        let this = &mut self.members[member];
        assert!(this.child.is_none(), "it runs");
        let child = Command::new(nats_binary())
            .args(["--jetstream", "--addr", "127.0.0.1"])
            .args(["--user", "farm", "--pass", "s3cret"])
            .args(["--port", &this.client.to_string()])
            .args(["--name", &format!("n{member}")])
            .args(["--cluster_name", "farm", "--routes", &self.routes])
            .args(["--cluster", &format!("nats://127.0.0.1:{}", this.route)])
            .arg("--store_dir")
            .arg(store)
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
            replicas: SERVERS,
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
