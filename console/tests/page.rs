//! The live page in a headless Chromium, driven by `page/page.mjs`; the farm behind it is played, and its time passes when
//! the script says so.
//!
//! Where there is no Chromium the test says so and passes, unless `CI` or `TRIFOLD_REQUIRE_CHROMIUM` is set. `TRIFOLD_CHROMIUM`
//! names another one; `TRIFOLD_SCREENSHOTS` is a folder for pictures of the page.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use trifold_console::play::{Play, Score};
use trifold_console::{Console, Server};

/// A small farm and a large one.
const SCORES: [Score; 2] = [
    Score {
        shards: 3,
        workers: 4,
        task_ms: 1000,
        seed: 4,
    },
    Score {
        shards: 19_683,
        workers: 600,
        task_ms: 1500,
        seed: 4,
    },
];

struct Farm {
    play: Arc<Play>,
    address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Farm {
    async fn start(score: Score) -> Self {
        let play = Arc::new(Play::new(score));
        let mut farm = Self {
            play,
            address: ([127, 0, 0, 1], 0).into(),
            running: None,
        };
        farm.serve().await;
        farm
    }

    async fn serve(&mut self) {
        let console = Console {
            ready: Arc::new(|| Ok(())),
            metrics: Arc::new(|| "# EOF\n".into()),
            source: Some(self.play.clone()),
            light: None,
        };
        let server = Server::bind(self.address, console)
            .await
            .expect("an address");
        self.address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(server.serve(async { drop(stopped.await) }));
        self.running = Some((stop, server));
    }

    async fn stop(&mut self) {
        let (stop, server) = self.running.take().expect("a running server");
        stop.send(()).expect("it runs");
        server.await.expect("an orderly end");
    }
}

fn chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("TRIFOLD_CHROMIUM") {
        return Some(path.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let candidates = folders
        .iter()
        .flat_map(|folder| names.map(|name| folder.join(name)));
    candidates.into_iter().find(|path| path.exists())
}

fn node_modules() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cache =
        std::env::var_os("TRIFOLD_CACHE").map_or(root.join(".cache"), |cache| root.join(cache));
    let modules = cache.join("tools/npm/node_modules");
    assert!(
        modules.join("playwright-core").exists(),
        "no playwright-core: run `tools/fetch npm`"
    );
    modules.canonicalize().expect("its real place")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_in_a_browser() {
    let Some(chromium) = chromium() else {
        let required = ["CI", "TRIFOLD_REQUIRE_CHROMIUM"]
            .iter()
            .any(|name| std::env::var_os(name).is_some());
        assert!(
            !required,
            "no Chromium: install it, or name one in TRIFOLD_CHROMIUM"
        );
        eprintln!("skipped: no Chromium, so the live page was not tested");
        return;
    };
    let mut farms = [Farm::start(SCORES[0]).await, Farm::start(SCORES[1]).await];
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/page.mjs");
    let mut browser = Command::new("node")
        .arg(script)
        .arg(node_modules())
        .arg(chromium)
        .args(farms.iter().map(|farm| format!("http://{}", farm.address)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node");
    let mut orders = BufReader::new(browser.stdout.take().expect("its output")).lines();
    let mut answers = browser.stdin.take().expect("its input");
    while let Some(order) = orders.next_line().await.expect("a line") {
        obey(&order, &mut farms, &mut answers).await;
    }
    let status = browser.wait().await.expect("its end");
    assert!(status.success(), "the script says what failed: {status}");
}

/// Carries out a line of the script: `advance FARM MS`, `stop FARM`, `start FARM`.
async fn obey(order: &str, farms: &mut [Farm; 2], answers: &mut ChildStdin) {
    let mut words = order.split(' ');
    let verb = words.next().expect("a verb");
    let mut number = || words.next().and_then(|word| word.parse::<usize>().ok());
    let farm = &mut farms[number().expect("a farm")];
    match verb {
        "advance" => farm.play.advance(number().expect("milliseconds") as u64),
        "stop" => farm.stop().await,
        "start" => farm.serve().await,
        other => panic!("unknown order {other}"),
    }
    answers
        .write_all(b"done\n")
        .await
        .expect("the script listens");
}
