//! What an operator asks of a farm: commands over the control lane, each answered once, and the newest view.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use trifold_coordinator::coordinator::{VIEW_KEY, reply_key};
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::view::View;
use trifold_coordinator::wire::{Command, CommandKind, Reply, VERSION, decode, encode};

use crate::config::Nats;
use crate::time::{self, now_milliseconds, words};

/// Pause between two looks at a notice that somebody else writes.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// A leader says something every second or two; one that was silent for longer than this may be gone.
const SILENT: Duration = Duration::from_secs(10);
/// Exit code when no coordinator answered: the same command may be given again later.
pub const NO_ANSWER: u8 = 3;

/// How a command is given and its answer shown.
#[derive(Args)]
pub struct Asking {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How long to wait for the coordinator's answer, e.g. 10s
    #[arg(
        long,
        env = "TRIFOLD_PATIENCE",
        default_value = "10s",
        value_parser = time::duration,
        value_name = "TIME"
    )]
    pub patience: Duration,
    #[command(flatten)]
    pub nats: Nats,
}

impl Asking {
    /// Gives a command and shows the answer: exit code 0 if it was done, 1 if it was refused, 3 if nobody answered.
    ///
    /// # Errors
    /// The queue can't be reached.
    pub fn ask(&self, name: &str, command: CommandKind) -> anyhow::Result<ExitCode> {
        let answer = tokio::runtime::Runtime::new()?.block_on(async {
            let operator = Operator::connect(&self.nats).await?;
            operator.ask(command, self.patience).await
        })?;
        Ok(self.show(name, &answer))
    }

    /// Shows an answer and gives the exit code that goes with it.
    pub fn show(&self, name: &str, answer: &Answer) -> ExitCode {
        match self.json {
            true => println!("{:#}", answer.json(name)),
            false => answer.tell(),
        }
        answer.code()
    }
}

/// What became of a command.
pub enum Answer {
    Reply(Reply),
    /// Nobody answered; one line says what may be wrong.
    Silence(String),
}

impl Answer {
    fn json(&self, name: &str) -> serde_json::Value {
        let (answered, done, message) = match self {
            Self::Reply(reply) => (true, reply.done, &reply.message),
            Self::Silence(why) => (false, false, why),
        };
        json!({
            "version": 1, "command": name, "answered": answered, "done": done, "message": message,
        })
    }

    fn tell(&self) {
        match self {
            Self::Reply(reply) if reply.done => println!("{}", reply.message),
            Self::Reply(Reply { message, .. }) | Self::Silence(message) => {
                eprintln!("trifold: {message}");
            }
        }
    }

    fn code(&self) -> ExitCode {
        match self {
            Self::Reply(reply) if reply.done => ExitCode::SUCCESS,
            Self::Reply(_) => ExitCode::FAILURE,
            Self::Silence(_) => ExitCode::from(NO_ANSWER),
        }
    }
}

/// An operator's hold on a farm.
pub struct Operator {
    pub queue: Arc<dyn Queue>,
}

impl Operator {
    /// Connects to the farm's queue.
    ///
    /// # Errors
    /// It can't be reached.
    pub async fn connect(nats: &Nats) -> anyhow::Result<Self> {
        let queue = nats.connect().await?;
        Ok(Self { queue })
    }

    /// What the leader last told of the farm.
    ///
    /// # Errors
    /// The queue fails, or the view is of another version.
    pub async fn view(&self) -> anyhow::Result<Option<View>> {
        let notice = self.queue.notice(VIEW_KEY).await?;
        Ok(notice.map(|body| decode(&body)).transpose()?)
    }

    /// Gives a command and waits for the answer.
    ///
    /// # Errors
    /// The queue fails.
    pub async fn ask(&self, command: CommandKind, patience: Duration) -> anyhow::Result<Answer> {
        let id = fresh_id();
        let item = Item {
            key: id.clone(),
            attempt: 0,
            body: encode(&Command {
                version: VERSION,
                id: id.clone(),
                command,
            }),
        };
        self.queue.push(&Lane::Control, &item).await?;
        let (key, start) = (reply_key(&id), Instant::now());
        while start.elapsed() < patience {
            if let Some(body) = self.queue.notice(&key).await? {
                return Ok(Answer::Reply(decode(&body)?));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.withdraw(&id, patience).await
    }

    /// Takes back a command that nobody answered, so that it isn't carried out when nobody expects it any more.
    async fn withdraw(&self, id: &str, patience: Duration) -> anyhow::Result<Answer> {
        let withdrawn = match self.queue.cancel(&Lane::Control, id).await {
            Ok(()) => "the command is withdrawn",
            Err(_) => "the command may still be carried out",
        };
        let why = self.who_leads().await?;
        let patience = words(patience);
        Ok(Answer::Silence(format!(
            "no answer in {patience}: {why}; {withdrawn}"
        )))
    }

    /// Who leads, as far as the newest view tells.
    async fn who_leads(&self) -> anyhow::Result<String> {
        Ok(match self.view().await? {
            None => "no coordinator has run here yet (is --nats-prefix right?)".into(),
            Some(view) => leadership(&view),
        })
    }
}

/// Who leads, and when it was last heard of.
pub fn leadership(view: &View) -> String {
    let (leader, age) = (&view.leader, age(view));
    let heard = words(age);
    match (view.running, age > SILENT) {
        (false, _) => format!("no coordinator leads: {leader} stopped {heard} ago"),
        (true, true) => format!("no coordinator leads: {leader} was last heard of {heard} ago"),
        (true, false) => format!("coordinator {leader} leads, last heard of {heard} ago"),
    }
}

/// Time since the view was made, by this machine's clock.
fn age(view: &View) -> Duration {
    Duration::from_millis(now_milliseconds().saturating_sub(view.updated_unix_ms))
}

/// A word that no other command has.
fn fresh_id() -> String {
    format!("{:x}-{:x}", time::fresh_seed(), std::process::id())
}
