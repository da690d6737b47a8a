//! What is made of the sources' answers. No IO: answers in, a verdict and what to do next out.

use std::collections::BTreeMap;

use anyhow::ensure;
use serde_json::{Value, json};
use trifold_verifier::client::{ClientError, LightClient, Network, Update};
use trifold_verifier::json::GlobalProof;
use trifold_verifier::receipt::PastState;
use trifold_verifier::refusal;
use trifold_verifier::statement::GlobalState;
use trifold_verifier::verified::VerifiedState;

use super::tale::Tale;

/// Accepted states that are remembered, to hold a source that is behind against.
const REMEMBERED: usize = 4096;
/// Code of a newer state that was not shown to descend from the one held.
const NO_DESCENT: &str = "no_descent";

/// What a light client begins with.
pub enum Trust {
    /// A network's constants: it begins with the first valid state that it is told.
    Network(Box<Network>),
    Genesis(Box<Network>, GlobalState),
    /// A state that was accepted before.
    Checkpoint(Box<GlobalProof>),
}

/// Why something that was told is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    pub fn new(code: &'static str, message: impl ToString) -> Self {
        let message = message.to_string();
        Self { code, message }
    }
}

/// The newest state that a source tells.
#[derive(Debug, Clone)]
pub struct Claim {
    pub proof: GlobalProof,
    /// The epoch that its descent was asked from, and what the source had to show.
    pub descent: Option<(u64, Result<PastState, Refusal>)>,
}

/// What to do next about a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask again in the usual time.
    Wait,
    /// Ask again later: it failed.
    Later,
    /// Ask again at once: meanwhile another source moved us on.
    Again,
    /// Ask it for its proof of this epoch.
    Examine(u64),
    /// Ask the source `provider` for the state of `epoch` under that of `under`.
    Recall {
        epoch: u64,
        under: u64,
        provider: usize,
    },
}

/// How a source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Unknown,
    InStep,
    /// For the first time, or longer.
    Behind {
        again: bool,
    },
    Refused(&'static str),
    Equivocated(u64),
}

/// What is known of a source.
struct Known {
    name: String,
    standing: Standing,
    /// What it told last that was valid.
    valid: Option<(Update, VerifiedState)>,
    refusal: Option<Refusal>,
}

/// A light client with several sources.
pub struct Follower {
    network: Network,
    client: Option<LightClient>,
    /// What the client holds, with its proof; none if that is genesis.
    held: Option<Update>,
    /// States on the way to the one held, by epoch.
    past: BTreeMap<u64, GlobalState>,
    /// Who told the state held last.
    provider: Option<usize>,
    sources: Vec<Known>,
    /// Whether a newer state is accepted without its descent.
    gaps: bool,
    equivocated: bool,
}

impl Follower {
    /// Begins.
    ///
    /// # Errors
    /// The checkpoint's proof does not hold, or the genesis state is not the network's.
    pub fn new(trust: Trust, sources: Vec<String>, gaps: bool) -> Result<Self, ClientError> {
        let (network, client, held) = match trust {
            Trust::Network(network) => (*network, None, None),
            Trust::Genesis(network, state) => {
                let client = LightClient::from_genesis(*network, state)?;
                (*network, Some(client), None)
            }
            Trust::Checkpoint(proof) => {
                let client = LightClient::from_checkpoint(proof.network, &proof.update)?;
                (proof.network, Some(client), Some(proof.update))
            }
        };
        let known = |name| Known {
            name,
            standing: Standing::Unknown,
            valid: None,
            refusal: None,
        };
        let mut follower = Self {
            network,
            client,
            held,
            past: BTreeMap::new(),
            provider: None,
            sources: sources.into_iter().map(known).collect(),
            gaps,
            equivocated: false,
        };
        follower.remember();
        Ok(follower)
    }

    /// The state held.
    pub fn held(&self) -> Option<&GlobalState> {
        Some(self.client.as_ref()?.held().state())
    }

    /// What there is to store.
    pub fn checkpoint(&self) -> Option<GlobalProof> {
        Some(GlobalProof {
            network: self.network,
            update: self.held?,
        })
    }

    /// Whether two valid states of one epoch were seen.
    pub fn equivocated(&self) -> bool {
        self.equivocated
    }

    /// Whether a source told something valid last.
    pub fn has_good_source(&self) -> bool {
        let good =
            |known: &Known| matches!(known.standing, Standing::InStep | Standing::Behind { .. });
        self.sources.iter().any(good)
    }

    /// Takes in what a source told, or that it told nothing.
    pub fn hear(&mut self, source: usize, told: Result<Claim, Refusal>) -> (Option<Tale>, Next) {
        let judged = told.and_then(|claim| self.judge(source, claim));
        match judged {
            Ok(judged) => judged,
            Err(refusal) => (self.refuse(source, refusal), Next::Later),
        }
    }

    fn judge(&mut self, source: usize, claim: Claim) -> Result<(Option<Tale>, Next), Refusal> {
        let Claim { proof, descent } = claim;
        let verified = self.verify(source, &proof)?;
        let Some(held) = self.held().copied() else {
            let client = LightClient::from_checkpoint(self.network, &proof.update);
            self.client = Some(client.map_err(refused)?);
            return Ok((self.advanced(source, proof.update, None), Next::Wait));
        };
        match verified.epoch().cmp(&held.epoch) {
            std::cmp::Ordering::Equal if *verified.state() == held => {
                self.provider = Some(source);
                Ok((self.stand(source, Standing::InStep, &held), Next::Wait))
            }
            std::cmp::Ordering::Equal => {
                Ok((self.equivocation(source, held, &verified), Next::Later))
            }
            std::cmp::Ordering::Less => Ok(self.behind(source, &verified, &held)),
            std::cmp::Ordering::Greater => {
                self.ahead(source, proof.update, verified, held, descent)
            }
        }
    }

    fn verify(&mut self, source: usize, proof: &GlobalProof) -> Result<VerifiedState, Refusal> {
        let known = &self.sources[source];
        check_network(&self.network, &proof.network)?;
        if let Some((update, verified)) = known.valid
            && update == proof.update
        {
            return Ok(verified);
        }
        let verified = match &self.client {
            Some(client) => client.verify(&proof.update),
            None => self.network.verify(&proof.update),
        };
        let verified = verified.map_err(refused)?;
        self.sources[source].valid = Some((proof.update, verified));
        Ok(verified)
    }

    /// A valid newer state: it has to descend from the one held.
    fn ahead(
        &mut self,
        source: usize,
        update: Update,
        verified: VerifiedState,
        held: GlobalState,
        descent: Option<(u64, Result<PastState, Refusal>)>,
    ) -> Result<(Option<Tale>, Next), Refusal> {
        let asked = descent.filter(|(from, _)| *from == held.epoch);
        let Some((from, shown)) = asked else {
            return Ok((None, Next::Again));
        };
        let from = match shown {
            Ok(past) => match self.descends(&verified, &held, &past) {
                Ok(None) => Some(from),
                Ok(Some(other)) => {
                    return Ok((self.equivocation(source, held, &other), Next::Later));
                }
                Err(refusal) => {
                    return Ok((self.refuse(source, refusal), Next::Examine(held.epoch)));
                }
            },
            Err(_) if self.gaps => None,
            Err(refusal) => {
                let (epoch, why) = (verified.epoch(), refusal.message);
                let message =
                    format!("epoch {epoch} is not shown to descend from epoch {from}: {why}");
                return Err(Refusal::new(NO_DESCENT, message));
            }
        };
        if let Some(client) = &mut self.client {
            client.advance(verified).map_err(refused)?;
        }
        Ok((self.advanced(source, update, from), Next::Wait))
    }

    /// Whether a newer state descends from the one held. If instead it shows to descend from another one of that epoch, then both
    /// are valid, and this is the other one.
    fn descends(
        &self,
        verified: &VerifiedState,
        held: &GlobalState,
        past: &PastState,
    ) -> Result<Option<VerifiedState>, Refusal> {
        if past.state.epoch != held.epoch {
            let message = format!("a descent from epoch {}", past.state.epoch);
            return Err(Refusal::new(refusal::WRONG_INDEX, message));
        }
        let shown = verified.verify_past_state(&past.state, &past.path);
        let shown = shown.map_err(|error| Refusal::new(error.code(), error))?;
        Ok((shown.state() != held).then_some(shown))
    }

    fn behind(
        &mut self,
        source: usize,
        verified: &VerifiedState,
        held: &GlobalState,
    ) -> (Option<Tale>, Next) {
        let epoch = verified.epoch();
        match self.past.get(&epoch).copied() {
            Some(ours) if ours != *verified.state() => {
                (self.equivocation(source, ours, verified), Next::Later)
            }
            Some(_) => {
                let standing = self.longer_behind(source);
                (self.stand(source, standing, verified.state()), Next::Wait)
            }
            None => {
                let standing = self.longer_behind(source);
                let tale = self.stand(source, standing, verified.state());
                let next = self.recall(source, epoch, held.epoch);
                (tale, next)
            }
        }
    }

    /// It was behind when it was asked before.
    fn longer_behind(&self, source: usize) -> Standing {
        let again = matches!(self.sources[source].standing, Standing::Behind { .. });
        Standing::Behind { again }
    }

    /// Whoever tells the state held can tell what was before it; it may not have been heard yet.
    fn recall(&self, source: usize, epoch: u64, under: u64) -> Next {
        match self.provider {
            Some(provider) if provider != source => Next::Recall {
                epoch,
                under,
                provider,
            },
            None if self.sources.len() > 1 => Next::Again,
            _ => Next::Wait,
        }
    }

    /// Takes in a state that is said to be on the way to the one held; a wrong one is none.
    pub fn recalled(&mut self, past: &PastState) {
        let Some(client) = &self.client else { return };
        if let Ok(verified) = client.verify_past_state(&past.state, &past.path) {
            self.past.insert(verified.epoch(), *verified.state());
            self.forget();
        }
    }

    /// Takes in a source's proof of an epoch, after it failed to show that its newer state descends from ours.
    pub fn examined(&mut self, source: usize, proof: &GlobalProof) -> Option<Tale> {
        check_network(&self.network, &proof.network).ok()?;
        let verified = self.client.as_ref()?.verify(&proof.update).ok()?;
        let ours = self.past.get(&verified.epoch()).copied()?;
        (ours != *verified.state())
            .then(|| self.equivocation(source, ours, &verified))
            .flatten()
    }

    fn advanced(&mut self, source: usize, update: Update, from: Option<u64>) -> Option<Tale> {
        self.held = Some(update);
        self.provider = Some(source);
        self.remember();
        let known = &mut self.sources[source];
        (known.standing, known.refusal) = (Standing::InStep, None);
        Some(Tale::Advanced {
            source: known.name.clone(),
            state: update.state,
            from,
        })
    }

    fn remember(&mut self) {
        if let Some(held) = self.held().copied() {
            self.past.insert(held.epoch, held);
            self.forget();
        }
    }

    fn forget(&mut self) {
        while self.past.len() > REMEMBERED {
            self.past.pop_first();
        }
    }

    /// Notes how a source stands, and tells of it when that is news.
    fn stand(&mut self, source: usize, standing: Standing, told: &GlobalState) -> Option<Tale> {
        let held = self.held()?.epoch;
        let known = &mut self.sources[source];
        let news = known.standing != standing;
        known.standing = standing.clone();
        known.refusal = None;
        let (source, epoch) = (known.name.clone(), told.epoch);
        match standing {
            Standing::InStep if news => Some(Tale::InStep { source, epoch }),
            Standing::Behind { again: true } if news => Some(Tale::Behind {
                source,
                epoch,
                lag: held - epoch,
            }),
            _ => None,
        }
    }

    fn refuse(&mut self, source: usize, refusal: Refusal) -> Option<Tale> {
        let known = &mut self.sources[source];
        let news = known.standing != Standing::Refused(refusal.code);
        known.standing = Standing::Refused(refusal.code);
        known.refusal = Some(refusal.clone());
        let source = known.name.clone();
        let Refusal { code, message } = refusal;
        news.then_some(Tale::Refused {
            source,
            code,
            message,
        })
    }

    fn equivocation(
        &mut self,
        source: usize,
        held: GlobalState,
        told: &VerifiedState,
    ) -> Option<Tale> {
        self.equivocated = true;
        let known = &mut self.sources[source];
        let standing = Standing::Equivocated(held.epoch);
        let news = known.standing != standing;
        known.standing = standing;
        let error = ClientError::Equivocation { epoch: held.epoch };
        known.refusal = Some(Refusal::new(refusal::EQUIVOCATION, error));
        let (source, told) = (known.name.clone(), *told.state());
        news.then_some(Tale::Equivocation { source, held, told })
    }

    /// How every source stands, as JSON.
    pub fn standings(&self) -> Vec<Value> {
        let held = self.held().map(|state| state.epoch);
        let standing = |known: &Known| {
            let epoch = known.valid.map(|(_, verified)| verified.epoch());
            let lag = held
                .zip(epoch)
                .map(|(held, epoch)| held.saturating_sub(epoch));
            let refusal = known.refusal.as_ref();
            json!({
                "source": known.name, "epoch": epoch, "lag": lag, "code": refusal.map(|refusal| refusal.code),
                "message": refusal.map(|refusal| &refusal.message),
            })
        };
        self.sources.iter().map(standing).collect()
    }
}

fn refused(error: ClientError) -> Refusal {
    Refusal::new(error.code(), error)
}

/// Whether a bundle is of the network that is trusted.
fn check_network(trusted: &Network, told: &Network) -> Result<(), Refusal> {
    if trusted.genesis != told.genesis || trusted.keys != told.keys {
        return Err(Refusal::new(
            refusal::OTHER_NETWORK,
            "it is of another network",
        ));
    }
    match trusted.nest_key == told.nest_key {
        true => Ok(()),
        false => Err(Refusal::new(
            refusal::WRONG_KEY,
            "its verification key is not the network's",
        )),
    }
}

impl Trust {
    /// The network that is trusted.
    pub fn network(&self) -> &Network {
        match self {
            Trust::Network(network) | Trust::Genesis(network, _) => network,
            Trust::Checkpoint(proof) => &proof.network,
        }
    }

    /// Goes on from what was stored, which has to be of the network that is trusted, if one is named.
    ///
    /// # Errors
    /// It is of another network.
    pub fn with_checkpoint(
        named: Option<Self>,
        stored: Option<GlobalProof>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(stored) = stored else {
            return Ok(named);
        };
        let foreign = named.is_some_and(|named| *named.network() != stored.network);
        ensure!(!foreign, "the checkpoint is of another network");
        Ok(Some(Trust::Checkpoint(Box::new(stored))))
    }
}
