//! The coordinator, as a process of its own or beside its queue.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::sync::watch;
use trifold_coordinator::coordinator::{self, Config};
use trifold_coordinator::plan::{Network, Policy};
use trifold_coordinator::queue::Queue;
use trifold_coordinator::standin::{self, StandInInspect, StandInVerify};

use super::server::connect;
use super::tally::{Counter, Tally};

#[derive(Args)]
pub struct Options {
    url: String,
    shards: u32,
    epochs: u64,
}

/// A network of stand-ins.
pub fn network(shards: u32) -> Result<Network> {
    Ok(standin::network(shards)?)
}

/// Coordinates until `stop` turns true.
pub async fn coordinate(
    queue: Arc<dyn Queue>,
    network: Network,
    counter: &Counter,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let policy = Policy {
        deadline_ms: None,
        ..Policy::default()
    };
    let (inspect, verify) = (Arc::new(StandInInspect), Arc::new(StandInVerify));
    let config = Config {
        on_report: counter.on_report(),
        ..Config::new("bench", network, policy, inspect, verify)
    };
    Ok(coordinator::run(queue, config, stop).await?)
}

/// Says `led`, `proved` at the first proof, and `done` at the last epoch, a line each; when the input ends, the tally.
pub fn run(options: &Options) -> Result<()> {
    let network = network(options.shards)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let queue = connect(&options.url).await?;
        let (stop, stopped) = watch::channel(false);
        let counter = Counter::new();
        tell(counter.led.subscribe(), |led| *led, "led");
        tell(counter.proved.subscribe(), |proved| *proved > 0, "proved");
        let epochs = options.epochs;
        tell(
            counter.published.subscribe(),
            move |epoch| *epoch >= epochs,
            "done",
        );
        std::thread::spawn(move || {
            let _ = std::io::stdin().read(&mut [0]);
            stop.send_replace(true);
        });
        coordinate(queue, network, &counter, stopped).await?;
        let tally = counter.tally(options.shards, epochs);
        say(&serde_json::to_string(&tally)?);
        Ok(())
    })
}

fn tell<T: Send + Sync + 'static>(
    mut news: watch::Receiver<T>,
    wanted: impl Fn(&T) -> bool + Send + Sync + 'static,
    word: &'static str,
) {
    tokio::spawn(async move {
        if news.wait_for(|value| wanted(value)).await.is_ok() {
            say(word);
        }
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: the measurement is over.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A coordinator's process; killed when it is dropped.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    pub fn start(url: &str, shards: u32, epochs: u64) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["farm", "coordinator", url])
            .args([shards.to_string(), epochs.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("its output")?;
        Ok(Self {
            input: child.stdin.take(),
            output: BufReader::new(output),
            child,
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says `word`; what it says before is of no interest.
    pub fn wait_for(&mut self, word: &str) -> Result<()> {
        loop {
            if self.line()?.trim() == word {
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(
            self.output.read_line(&mut line)? > 0,
            "the coordinator ended"
        );
        Ok(line)
    }

    /// Ends it, and gives what it counted.
    pub fn end(mut self) -> Result<Tally> {
        self.input = None;
        loop {
            let line = self.line()?;
            if let Ok(tally) = serde_json::from_str(&line) {
                return Ok(tally);
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
