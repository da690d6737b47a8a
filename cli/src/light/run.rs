//! Asks every source in its own time, so that one that hangs holds up nobody, and hears them one at a time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use trifold_coordinator::archive::{At, Question};
use trifold_verifier::json::GlobalProof;
use trifold_verifier::receipt::PastState;

use super::checkpoint::Checkpoint;
use super::follower::{Claim, Follower, Next, Refusal};
use super::source::Source;
use super::tale::{Tale, Teller};

/// Longest pause before a source that failed is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Times that a source is asked again at once, because another one moved us on.
const MAX_AGAIN: u32 = 8;

/// How often the sources are asked.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub interval: Duration,
    /// Each source once, and then the end.
    pub once: bool,
}

/// Something from a source, and where it hears what to do next.
struct Message {
    source: usize,
    word: Word,
    reply: oneshot::Sender<Next>,
}

enum Word {
    Told(Box<Result<Claim, Refusal>>),
    Examined(Box<GlobalProof>),
    Recalled(Box<PastState>),
}

/// Follows until `stopped` turns true, or every source was asked once.
pub async fn run(
    follower: &mut Follower,
    sources: Vec<Source>,
    checkpoint: Option<Arc<Checkpoint>>,
    teller: Teller,
    pace: Pace,
    mut stopped: watch::Receiver<bool>,
) -> Vec<Value> {
    let held = watch::Sender::new(follower.held().map(|state| state.epoch));
    let (to, mut heard) = mpsc::channel(sources.len().max(1));
    let sources: Arc<[Source]> = sources.into();
    for index in 0..sources.len() {
        let attendant = Attendant {
            index,
            sources: sources.clone(),
            held: held.subscribe(),
            to: to.clone(),
        };
        tokio::spawn(attendant.attend(pace));
    }
    drop(to);
    loop {
        let message = tokio::select! {
            message = heard.recv() => message,
            _ = stopped.wait_for(|stopped| *stopped) => None,
        };
        let Some(Message {
            source,
            word,
            reply,
        }) = message
        else {
            return follower.standings();
        };
        let (tale, next) = match word {
            Word::Told(told) => follower.hear(source, *told),
            Word::Examined(proof) => (follower.examined(source, &proof), Next::Later),
            Word::Recalled(past) => {
                follower.recalled(&past);
                (None, Next::Again)
            }
        };
        if let Some(Tale::Advanced { state, .. }) = &tale {
            held.send_replace(Some(state.epoch));
            if let Some(checkpoint) = &checkpoint {
                store(checkpoint, follower, teller).await;
            }
        }
        tale.iter().for_each(|tale| teller.tell(tale));
        // A source whose attendant is gone needs no answer.
        let _ = reply.send(next);
    }
}

/// A state that can't be stored is still held; the next one is tried again.
async fn store(checkpoint: &Arc<Checkpoint>, follower: &Follower, teller: Teller) {
    let Some(accepted) = follower.checkpoint() else {
        return;
    };
    let checkpoint = checkpoint.clone();
    let stored = tokio::task::spawn_blocking(move || checkpoint.store(&accepted)).await;
    let message = match stored {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{error:#}"),
        Err(error) => error.to_string(),
    };
    teller.tell(&Tale::NotStored { message });
}

/// Who asks one source.
struct Attendant {
    index: usize,
    sources: Arc<[Source]>,
    /// The epoch held.
    held: watch::Receiver<Option<u64>>,
    to: mpsc::Sender<Message>,
}

impl Attendant {
    async fn attend(self, pace: Pace) {
        let (mut failures, mut again) = (0, 0);
        loop {
            let told = self.look().await;
            let mut next = self.say(Word::Told(Box::new(told))).await;
            if let Some(Next::Examine(_) | Next::Recall { .. }) = next {
                next = self.enquire(next).await;
            }
            let Some(next) = next else { return };
            failures = if next == Next::Later { failures + 1 } else { 0 };
            again = if next == Next::Again { again + 1 } else { 0 };
            if (1..MAX_AGAIN).contains(&again) {
                continue;
            }
            if pace.once {
                return;
            }
            tokio::time::sleep(pause(pace.interval, failures)).await;
        }
    }

    /// What the follower wants to know beyond what the source said; `None`: it has gone.
    async fn enquire(&self, next: Option<Next>) -> Option<Next> {
        match next {
            Some(Next::Examine(epoch)) => {
                let epoch = At::Epoch(epoch);
                match self.proof(&Question::Proof { epoch }).await {
                    Ok(proof) => self.say(Word::Examined(Box::new(proof))).await,
                    Err(_) => Some(Next::Later),
                }
            }
            Some(Next::Recall {
                epoch,
                under,
                provider,
            }) => match descent(&self.sources[provider], epoch, under).await {
                Ok(past) => self.say(Word::Recalled(Box::new(past))).await,
                Err(_) => Some(Next::Wait),
            },
            other => other,
        }
    }

    async fn say(&self, word: Word) -> Option<Next> {
        let (reply, said) = oneshot::channel();
        let source = self.index;
        let message = Message {
            source,
            word,
            reply,
        };
        self.to.send(message).await.ok()?;
        said.await.ok()
    }

    async fn look(&self) -> Result<Claim, Refusal> {
        let proof = self.proof(&Question::LATEST).await?;
        let (held, epoch) = (*self.held.borrow(), proof.update.state.epoch);
        let descent = match held {
            Some(from) if from < epoch => {
                let source = &self.sources[self.index];
                Some((from, descent(source, from, epoch).await))
            }
            _ => None,
        };
        Ok(Claim { proof, descent })
    }

    async fn proof(&self, question: &Question) -> Result<GlobalProof, Refusal> {
        let answer = self.sources[self.index].ask(question).await;
        let text = answer.map_err(|error| Refusal::new(error.code(), error))?;
        GlobalProof::from_json(&text).map_err(|error| Refusal::new(error.code(), error))
    }
}

async fn descent(source: &Source, from: u64, to: u64) -> Result<PastState, Refusal> {
    let to = At::Epoch(to);
    let answer = source.ask(&Question::Descent { from, to }).await;
    let text = answer.map_err(|error| Refusal::new(error.code(), error))?;
    PastState::from_json(&text).map_err(|error| Refusal::new(error.code(), error))
}

/// The pause after so many failures, give or take a quarter, so that not everybody comes back at once.
fn pause(interval: Duration, failures: u32) -> Duration {
    let grown = interval.saturating_mul(1 << failures.min(16));
    let pause = match failures {
        0 => interval,
        _ => grown.min(LONGEST_PAUSE.max(interval)),
    };
    pause.mul_f64(0.75 + rand::random::<f64>() / 2.0)
}
