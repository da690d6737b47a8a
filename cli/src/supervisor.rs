//! One child process per card. A child that dies is started again after a pause; the others go on meanwhile. One that ends well
//! was told to by the coordinator, and stays away.
//!
//! A child's standard input is its leash: it is open as long as its work is wanted, and closed by an orderly end as well as by
//! the supervisor's own death. Children have process groups of their own, so that a Ctrl-C reaches the supervisor only.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::shutdown::{Stop, reached};

/// A card and the process that proves on it.
pub struct Post {
    /// What logs call the card.
    pub card: String,
    pub command: Box<dyn Fn() -> Command + Send + Sync>,
}

/// Times between a child's death and its next life: doubled from the first to the longest, and back to the first after a
/// life that was steady.
#[derive(Clone, Copy)]
pub struct Pauses {
    pub first: Duration,
    pub longest: Duration,
    pub steady: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            steady: Duration::from_secs(120),
        }
    }
}

/// Told what happens to the children, a line each.
pub type Tell = Arc<dyn Fn(String) + Send + Sync>;

/// Exit code of a worker in which something hangs, so that only a new process can go on.
pub const HUNG: u8 = 75;

/// Keeps every post manned until `stop` says so: [`Stop::Drain`] lets the children finish, [`Stop::GiveBack`] hands them a
/// SIGUSR1, [`Stop::Now`] kills them.
pub async fn run(posts: Vec<Post>, pauses: Pauses, tell: Tell, stop: watch::Receiver<Stop>) {
    let mut kept = JoinSet::new();
    for post in posts {
        kept.spawn(keep(post, pauses, tell.clone(), stop.clone()));
    }
    kept.join_all().await;
}

async fn keep(post: Post, pauses: Pauses, tell: Tell, mut stop: watch::Receiver<Stop>) {
    let mut pause = pauses.first;
    while *stop.borrow() == Stop::No {
        let born = Instant::now();
        let Some(end) = live(&post, &tell, &mut stop).await else {
            return tell(format!("{}: worker stopped", post.card));
        };
        if born.elapsed() >= pauses.steady {
            pause = pauses.first;
        }
        tell(format!(
            "{}: worker ended ({end}), again in {pause:?}",
            post.card
        ));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = reached(&mut stop, Stop::Drain) => {}
        }
        pause = (2 * pause).min(pauses.longest);
    }
}

/// One life of a child: why it ended, or nothing if it was told to.
async fn live(post: &Post, tell: &Tell, stop: &mut watch::Receiver<Stop>) -> Option<String> {
    let mut command = (post.command)();
    command
        .stdin(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Some(format!("it can't be started: {error}")),
    };
    let leash = child.stdin.take();
    let process = child.id().unwrap_or_default();
    tell(format!("{}: worker started, process {process}", post.card));
    tokio::select! {
        ended = child.wait() => return cause(ended),
        () = reached(stop, Stop::Drain) => drop(leash),
    }
    drain(child, stop).await;
    None
}

async fn drain(mut child: Child, stop: &mut watch::Receiver<Stop>) {
    tokio::select! {
        _ = child.wait() => return,
        () = reached(stop, Stop::GiveBack) => {}
    }
    if let Some(process) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(process), Signal::SIGUSR1);
    }
    tokio::select! {
        _ = child.wait() => {}
        () = reached(stop, Stop::Now) => {
            let _ = child.kill().await;
        }
    }
}

/// Why a child died; nothing if it ended well.
fn cause(ended: std::io::Result<ExitStatus>) -> Option<String> {
    match ended {
        Ok(status) if status.success() => None,
        Ok(status) if status.code() == Some(HUNG.into()) => Some(format!("{status}, it hung")),
        Ok(status) => Some(status.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;

    const PAUSES: Pauses = Pauses {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(4),
        steady: Duration::from_secs(600),
    };

    /// A supervisor of shell scripts, each with its card, and what it told.
    struct Bench {
        stop: watch::Sender<Stop>,
        told: Arc<Mutex<Vec<String>>>,
        running: tokio::task::JoinHandle<()>,
    }

    impl Bench {
        fn start(scripts: &[(&str, String)]) -> Self {
            let (stop, stopped) = watch::channel(Stop::No);
            let told = Arc::new(Mutex::new(Vec::new()));
            let sink = told.clone();
            let tell: Tell = Arc::new(move |line| sink.lock().unwrap().push(line));
            let posts = scripts
                .iter()
                .map(|(card, script)| post(card, script.clone()));
            let running = tokio::spawn(run(posts.collect(), PAUSES, tell, stopped));
            Self {
                stop,
                told,
                running,
            }
        }

        fn told(&self, part: &str) -> Vec<String> {
            let told = self.told.lock().unwrap();
            told.iter()
                .filter(|line| line.contains(part))
                .cloned()
                .collect()
        }

        async fn wait_for(&self, what: impl Fn(&Self) -> bool) {
            while !what(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }

        async fn stop(self, how: Stop) {
            self.stop.send(how).unwrap();
            self.running.await.unwrap();
        }
    }

    fn post(card: &str, script: String) -> Post {
        let command = move || {
            let mut command = Command::new("sh");
            command.arg("-c").arg(&script);
            command
        };
        Post {
            card: card.into(),
            command: Box::new(command),
        }
    }

    fn drains_into(path: &Path) -> String {
        format!("cat; echo drained > {}", path.display())
    }

    #[tokio::test]
    async fn a_child_that_dies_is_started_again_after_growing_pauses_and_the_other_lives_on() {
        let folder = tempfile::tempdir().unwrap();
        let drained = folder.path().join("drained");
        let bench = Bench::start(&[
            ("card-a", "exit 3".into()),
            ("card-b", drains_into(&drained)),
        ]);
        bench
            .wait_for(|bench| bench.told("card-a: worker ended").len() >= 4)
            .await;
        let ends = bench.told("card-a: worker ended");
        for (end, pause) in ends.iter().zip(["1ms", "2ms", "4ms", "4ms"]) {
            assert_eq!(
                *end,
                format!("card-a: worker ended (exit status: 3), again in {pause}")
            );
        }
        assert_eq!(bench.told("card-b").len(), 1, "it was started once");
        assert!(!drained.exists());
        bench.stop(Stop::Drain).await;
        assert!(drained.exists(), "the end waits for the child to finish");
    }

    #[tokio::test]
    async fn a_child_killed_from_outside_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let flag = folder.path().join("flag");
        let script = format!(
            "[ -e {0} ] && exec cat; touch {0}; kill -9 $$",
            flag.display()
        );
        let bench = Bench::start(&[("card-a", script)]);
        bench
            .wait_for(|bench| bench.told("worker started").len() == 2)
            .await;
        let ends = bench.told("worker ended");
        assert!(ends.len() == 1 && ends[0].contains("signal: 9"), "{ends:?}");
        bench.stop(Stop::Drain).await;
    }

    #[tokio::test]
    async fn a_child_that_ends_well_stays_away() {
        let bench = Bench::start(&[("card-a", "exit 0".into()), ("card-b", "exec cat".into())]);
        bench
            .wait_for(|bench| !bench.told("card-a: worker stopped").is_empty())
            .await;
        assert_eq!(bench.told("card-a: worker started").len(), 1);
        bench.stop(Stop::Drain).await;
    }

    #[tokio::test]
    async fn a_child_that_hung_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let flag = folder.path().join("flag");
        let script = format!("[ -e {0} ] && exec cat; touch {0}; exit 75", flag.display());
        let bench = Bench::start(&[("card-a", script)]);
        bench
            .wait_for(|bench| bench.told("worker started").len() == 2)
            .await;
        assert!(bench.told("worker ended")[0].contains("it hung"));
        bench.stop(Stop::Drain).await;
    }

    /// Its input has ended, and it takes its time: the signal makes it hurry.
    #[tokio::test]
    async fn a_child_is_told_that_the_machine_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let [trap, flag] = ["trap", "given-back"].map(|name| folder.path().join(name));
        let script = format!(
            "trap 'touch {}; exit 0' USR1; touch {}; while :; do sleep 0.01; done",
            flag.display(),
            trap.display()
        );
        let bench = Bench::start(&[("card-a", script)]);
        bench.wait_for(|_| trap.exists()).await;
        bench.stop(Stop::GiveBack).await;
        assert!(flag.exists());
    }

    #[tokio::test]
    async fn a_child_that_does_not_stop_is_killed_when_asked_twice() {
        let bench = Bench::start(&[("card-a", "exec sleep 1000".into())]);
        bench
            .wait_for(|bench| !bench.told("worker started").is_empty())
            .await;
        bench.stop.send(Stop::Drain).unwrap();
        bench.stop(Stop::Now).await;
    }

    #[tokio::test]
    async fn what_can_t_be_started_is_named_and_tried_again() {
        let (stop, stopped) = watch::channel(Stop::No);
        let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
        let tell: Tell = Arc::new(move |line| sender.send(line).unwrap());
        let nowhere = Post {
            card: "card-a".into(),
            command: Box::new(|| Command::new("/nowhere/trifold")),
        };
        let running = tokio::spawn(run(vec![nowhere], PAUSES, tell, stopped));
        for _ in 0..3 {
            let line = told.recv().await.unwrap();
            assert!(
                line.starts_with("card-a: worker ended (it can't be started"),
                "{line}"
            );
        }
        stop.send(Stop::Drain).unwrap();
        running.await.unwrap();
    }
}
