//! `trifold worker`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::process::Command;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use trifold_circuits::genesis::GenesisProgram;
use trifold_console::metrics::Role;
use trifold_console::{Console, Metrics};
use trifold_coordinator::queue::{Queue, QueueError};
use trifold_coordinator::standin::faulty::{Faulty, Temper};
use trifold_coordinator::wire::WorkerState;
use trifold_coordinator::worker::{About, Execute, OnWord, Patience, Word};
use trifold_coordinator::{WorkerConfig, WorkerError};
use trifold_prover::backend::Selected;

use crate::cards::{self, Card};
use crate::config::Nats;
use crate::deployment::Deployment;
use crate::doctor::Safety;
use crate::farm::{Executor, start_worker};
use crate::network::{Network, read_genesis};
use crate::programs::Programs;
use crate::progress::Screen;
use crate::proving::{Proving, worker_config};
use crate::serve::Listen;
use crate::shutdown::{self, Stop, reached};
use crate::supervisor::{self, HUNG, Pauses, Post, Tell};
use crate::telling::Telling;

/// Pause before a worker looks for a coordinator again.
const NO_COORDINATOR_PAUSE: Duration = Duration::from_secs(2);

/// It loads its keys and proves a self-test first. Then it takes tasks of one circuit together, as many as suit the backend, and
/// makes the witnesses of the next ones on the processor's cores meanwhile. Killed in the middle of a proof, it loses nothing
/// but time: the tasks are handed out again when their leases run out. On a machine with several cards it starts one process
/// for each, and starts it again when it dies. SIGTERM lets it finish what its prover has, SIGUSR1 gives everything back at
/// once.
#[derive(Args)]
pub struct Worker {
    /// The network's genesis file
    #[arg(
        long,
        env = "TRIFOLD_GENESIS",
        value_name = "FILE",
        required_unless_present = "stand_in"
    )]
    genesis: Option<PathBuf>,
    /// What the worker calls itself: letters, digits, - and _
    #[arg(long, env = "TRIFOLD_WORKER", value_parser = word)]
    name: Option<String>,
    /// Threads that make witnesses; without it one for each core, shared evenly by the cards
    #[arg(long, env = "TRIFOLD_WITNESS_THREADS", value_name = "N")]
    witness_threads: Option<NonZeroUsize>,
    /// Take tasks that took more memory than others have, too, and before any other
    #[arg(long, env = "TRIFOLD_LARGE")]
    large: bool,
    /// Seconds that a witness or a proof gets before it counts as hung and the process ends; 20 times the longest seen if
    /// that is more
    #[arg(
        long,
        env = "TRIFOLD_STAGE_PATIENCE",
        default_value_t = 600,
        value_name = "SECONDS"
    )]
    stage_patience: u64,
    #[command(flatten)]
    programs: Programs,
    #[command(flatten)]
    proving: Proving,
    #[command(flatten)]
    nats: Nats,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    safety: Safety,
    /// The card of this process, which a supervisor started: it ends with its standard input.
    #[arg(long, hide = true, value_name = "NAME")]
    card: Option<String>,
    /// Which of the cards that is, from 0.
    #[arg(long, hide = true, default_value_t = 0, value_name = "PLACE")]
    card_place: u16,
    /// Cards that don't exist, for tests of the supervision.
    #[arg(long, hide = true, value_delimiter = ',', value_name = "NAMES")]
    pretend_cards: Vec<String>,
    /// Prove nothing, for tests of the farm: stand-ins of this temper.
    #[arg(long, hide = true, value_name = "TEMPER")]
    stand_in: Option<Temper>,
}

/// The programs that this machine has no circuits of, whose proofs other workers have to make.
fn left_to_others(network: &Network, deployment: &Deployment) -> Option<String> {
    let here = |name: &str| deployment.all().any(|circuit| circuit.spec.name == name);
    let names = network.genesis.programs().iter().map(GenesisProgram::name);
    let names: Vec<&str> = names.filter(|name| !here(name)).collect();
    let programs = (!names.is_empty()).then(|| {
        let names = names.join(", ");
        format!("no --program gives the folder of {names}: other workers have to prove it")
    });
    let unready = network.netted.is_some() && deployment.netted.is_none();
    let netted = unready.then(|| {
        "no trifold setup --netted was made here: other workers have to prove netted shards".into()
    });
    let left: Vec<String> = programs.into_iter().chain(netted).collect();
    (!left.is_empty()).then(|| left.join("; "))
}

impl Worker {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.card.is_some() {
            return self.work();
        }
        let cards = self.cards()?;
        match cards.is_empty() {
            true => self.work(),
            false => self.supervise(&cards),
        }
    }

    fn work(&self) -> anyhow::Result<ExitCode> {
        self.safety.before_worker()?;
        match self.stand_in {
            Some(temper) => self.stand_in(temper),
            None => self.prove(),
        }
    }

    /// The card of a supervised worker.
    pub fn card(&self) -> Option<&str> {
        self.card.as_deref()
    }

    fn cards(&self) -> anyhow::Result<Vec<Card>> {
        let pretended = (0..).zip(&self.pretend_cards);
        let pretended = pretended.map(|(number, name)| Card {
            number,
            uuid: name.clone(),
        });
        match self.pretend_cards.is_empty() {
            true if self.stand_in.is_some() => Ok(Vec::new()),
            true => cards::wanted(&self.proving),
            false => Ok(pretended.collect()),
        }
    }

    fn stand_in(&self, temper: Temper) -> anyhow::Result<ExitCode> {
        let about = About {
            backend: "stand-in".into(),
            ..About::default()
        };
        let config = self.config(WorkerConfig::new(self.named()), about);
        let metrics = Metrics::new(Role::Worker, env!("CARGO_PKG_VERSION"));
        self.live(&Screen::new(), Faulty { temper }, config, metrics)
    }

    fn prove(&self) -> anyhow::Result<ExitCode> {
        let screen = self.card().map_or_else(Screen::new, Screen::of_card);
        let (deployment, network) = self.ready(&screen)?;
        // A supervised process sees its own card only, under another number.
        let card = self.proving.first_card().filter(|_| self.card.is_none());
        let selected = self.proving.select(card)?;
        if let Some(note) = &selected.note {
            screen.line(note);
        }
        let metrics = Metrics::new(Role::Worker, env!("CARGO_PKG_VERSION"));
        let loads = metrics.clone();
        let executor = Executor::new(
            network,
            &deployment,
            &selected.backend,
            self.proving.batch.0.map(NonZeroUsize::get),
            Telling::new(&screen).on_start(),
        )?
        .on_load(Arc::new(move |circuit, seconds| {
            loads.key_loaded(circuit, seconds)
        }));
        let config = self.config(
            worker_config(&self.named(), &selected),
            self.about(&selected),
        );
        self.live(&screen, executor, config, metrics)
    }

    fn ready(&self, screen: &Screen) -> anyhow::Result<(Deployment, Arc<Network>)> {
        let deployment = Deployment::ready(screen)?.with_programs(&self.programs)?;
        let genesis = self
            .genesis
            .as_deref()
            .context("which network? Give --genesis FILE")?;
        let network = Network::new(read_genesis(genesis)?, &deployment)?;
        if let Some(line) = left_to_others(&network, &deployment) {
            screen.line(line);
        }
        Ok((deployment, Arc::new(network)))
    }

    fn named(&self) -> String {
        let name = self.name.clone();
        let name = name.unwrap_or_else(|| format!("worker-{}", std::process::id()));
        self.card()
            .map_or(name.clone(), |card| format!("{name}-{card}"))
    }

    fn about(&self, selected: &Selected) -> About {
        About {
            backend: selected.backend.name().into(),
            card: self.card.clone(),
            ..About::default()
        }
    }

    fn config(&self, usual: WorkerConfig, about: About) -> WorkerConfig {
        let preparers = self.witness_threads;
        let preparers = preparers.map_or(usual.preparers, NonZeroUsize::get);
        let patience = Patience {
            least: Duration::from_secs(self.stage_patience),
            ..Patience::default()
        };
        WorkerConfig {
            preparers,
            about,
            patience,
            large: self.large,
            ..usual
        }
    }

    /// Serves, and ends whatever is still running then: a thread that hangs, or proofs that were given back.
    fn live<E: Execute>(
        &self,
        screen: &Screen,
        executor: E,
        config: WorkerConfig,
        metrics: Metrics,
    ) -> anyhow::Result<ExitCode> {
        let runtime = Runtime::new()?;
        let ended = runtime.block_on(self.serve(screen, executor, config, metrics));
        runtime.shutdown_background();
        match ended? {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error @ WorkerError::Hung(_)) => {
                eprintln!("trifold: {error}");
                Ok(ExitCode::from(HUNG))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn serve<E: Execute>(
        &self,
        screen: &Screen,
        executor: E,
        mut config: WorkerConfig,
        metrics: Metrics,
    ) -> anyhow::Result<Result<(), WorkerError>> {
        let (shutdown, stopped) = watch::channel(false);
        let console = console(&config, metrics.clone());
        let listen = self.listen.of_card(self.card_place);
        let listening = listen.start(console, stopped.clone()).await?;
        let queue = self.connect().await?;
        config.on_word = counted(metrics);
        config.give_back = self.follow_signals(shutdown.clone());
        tell_when_ready(screen.clone(), &config);
        let ended = start_worker(queue, executor, config, stopped).await?;
        shutdown.send_replace(true);
        if let Some(listening) = listening {
            listening.await?;
        }
        Ok(ended)
    }

    /// Connects; a worker may be there before the first coordinator.
    async fn connect(&self) -> anyhow::Result<Arc<dyn Queue>> {
        loop {
            let error = match self.nats.connect().await {
                Ok(queue) => return Ok(queue),
                Err(error) => error,
            };
            match error.downcast_ref() {
                Some(QueueError::NoCoordinator(_)) => tracing::warn!("{error:#}"),
                _ => return Err(error),
            }
            tokio::time::sleep(NO_COORDINATOR_PAUSE).await;
        }
    }

    /// Turns `shutdown` true at the first signal, and what is returned when everything is to be given back.
    fn follow_signals(&self, shutdown: watch::Sender<bool>) -> watch::Receiver<bool> {
        let (urgent, give_back) = watch::channel(false);
        let mut stop = shutdown::signals();
        let supervised = self.card.is_some();
        tokio::spawn(async move {
            tokio::select! {
                () = reached(&mut stop, Stop::Drain) => {}
                () = shutdown::end_of_input(), if supervised => {}
            }
            shutdown.send_replace(true);
            reached(&mut stop, Stop::GiveBack).await;
            if *stop.borrow() == Stop::GiveBack {
                urgent.send_replace(true);
            }
            reached(&mut stop, Stop::Now).await;
            std::process::exit(130);
        });
        give_back
    }

    /// One process per card. What any of them needs from the cache is made first, once.
    fn supervise(&self, cards: &[Card]) -> anyhow::Result<ExitCode> {
        let screen = Screen::new();
        if self.stand_in.is_none() {
            self.ready(&screen)?;
        }
        let program = std::env::current_exe()?;
        let posts = (0..)
            .zip(cards)
            .map(|(place, card)| self.post(&program, (place, card), cards.len()));
        let posts = posts.collect();
        tokio::runtime::Runtime::new()?.block_on(async {
            let stop = shutdown::signals();
            let tell: Tell = Arc::new(move |line| screen.line(line));
            supervisor::run(posts, Pauses::default(), tell, stop.clone()).await;
            let killed = *stop.borrow() == Stop::Now;
            Ok(if killed {
                ExitCode::from(130)
            } else {
                ExitCode::SUCCESS
            })
        })
    }

    fn post(&self, program: &Path, (place, card): (u16, &Card), cards: usize) -> Post {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = self
            .witness_threads
            .map_or((cores / cards).max(1), NonZeroUsize::get);
        let (program, card) = (program.to_owned(), card.clone());
        let name = card.short().to_owned();
        let command = move || {
            let mut command = Command::new(&program);
            command
                .args(std::env::args_os().skip(1))
                .args(["--card", card.short(), "--card-place", &place.to_string()])
                .env("TRIFOLD_WITNESS_THREADS", threads.to_string())
                .env("CUDA_VISIBLE_DEVICES", &card.uuid);
            command
        };
        Post {
            card: name,
            command: Box::new(command),
        }
    }
}

/// Ready as soon as the self-test has passed, and until the worker drains.
fn console(config: &WorkerConfig, metrics: Metrics) -> Console {
    let state = config.state.subscribe();
    let ready = move || match *state.borrow() {
        WorkerState::Starting => Err("it loads its keys and proves its self-test".into()),
        WorkerState::Draining => Err("it drains".into()),
        WorkerState::Ready | WorkerState::Cordoned => Ok(()),
    };
    Console {
        ready: Arc::new(ready),
        metrics: Arc::new(move || metrics.encode()),
        source: None,
        light: None,
    }
}

fn counted(metrics: Metrics) -> OnWord {
    OnWord(Arc::new(move |word| match word {
        Word::Presence(presence) => metrics.presence(presence),
        Word::Outcome(kind, outcome) => metrics.worked(kind, outcome),
    }))
}

fn tell_when_ready(screen: Screen, config: &WorkerConfig) {
    let line = format!("{}: worker is ready", config.name);
    let mut state = config.state.subscribe();
    tokio::spawn(async move {
        let ready = state.wait_for(|state| *state != WorkerState::Starting);
        if ready.await.is_ok_and(|state| *state == WorkerState::Ready) {
            screen.line(line);
        }
    });
}

fn word(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        true => Ok(text.into()),
        false => Err("1 to 64 letters, digits, - and _".into()),
    }
}
