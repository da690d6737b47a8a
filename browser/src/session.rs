//! The clients that are open, and what can be asked of them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use trifold_verifier::claim::ClaimError;
use trifold_verifier::client::{LightClient, Network, Update};
use trifold_verifier::verified::VerifiedShard;

use crate::input::{Frame, frames};
use crate::{Refusal, answer};

/// Clients open at once, at most; each takes about 30 kB.
pub const MAX_CLIENTS: usize = 64;

/// What a call does; numbers are those of the module's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Operation {
    /// Network, genesis state: opens a client.
    FromGenesis,
    /// Network, update: opens a client.
    FromCheckpoint,
    /// Closes the client.
    Close,
    /// The state held.
    Held,
    /// The update of the state held, as bytes; none of genesis.
    Checkpoint,
    /// Update.
    Verify,
    /// Update, which is then held.
    Advance,
    /// Update, and a path of its history that has to lead to the state held.
    CheckDescent,
    /// Shard claim, under the state held.
    VerifyShard,
    /// Shard claim, account claim, under the state held.
    VerifyAccount,
    /// Shard claim, claim of a netted account, under the state held.
    VerifyNettedAccount,
    /// Past state, under the state held.
    VerifyPastState,
    /// Receipt.
    VerifyReceipt,
    /// Network, as bytes; needs no client.
    Network,
}

impl Operation {
    const ALL: [Self; 14] = [
        Self::FromGenesis,
        Self::FromCheckpoint,
        Self::Close,
        Self::Held,
        Self::Checkpoint,
        Self::Verify,
        Self::Advance,
        Self::CheckDescent,
        Self::VerifyShard,
        Self::VerifyAccount,
        Self::VerifyNettedAccount,
        Self::VerifyPastState,
        Self::VerifyReceipt,
        Self::Network,
    ];

    pub fn from_number(number: u32) -> Result<Self, Refusal> {
        let found = Self::ALL.get(number as usize);
        found.copied().ok_or(Refusal::Operation(number))
    }
}

struct Client {
    light: LightClient,
    /// What the state held was proven with; `None` at genesis.
    checkpoint: Option<Update>,
}

/// All clients of one module instance.
#[derive(Default)]
pub struct Session {
    clients: Vec<Option<Client>>,
}

impl Session {
    pub const fn new() -> Self {
        let clients = Vec::new();
        Self { clients }
    }

    /// Carries out one operation.
    pub fn call(
        &mut self,
        operation: Operation,
        at: u32,
        input: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let value = match operation {
            Operation::FromGenesis => self.open_at_genesis(input)?,
            Operation::FromCheckpoint => self.open_at_checkpoint(input)?,
            Operation::Network => {
                let [network] = frames(input)?;
                return Ok(network.network()?.to_bytes().into());
            }
            Operation::Close => {
                self.client(at)?;
                self.clients[at as usize] = None;
                answer::NULL.into()
            }
            Operation::Checkpoint => {
                let bytes = self.client(at)?.checkpoint.as_ref().map(Update::to_bytes);
                return Ok(bytes.map_or_else(Vec::new, Vec::from));
            }
            _ => self.client(at)?.answer(operation, input)?,
        };
        Ok(value.into_bytes())
    }

    fn client(&mut self, at: u32) -> Result<&mut Client, Refusal> {
        let client = self.clients.get_mut(at as usize).and_then(Option::as_mut);
        client.ok_or(Refusal::Closed(at))
    }

    fn open_at_genesis(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let [network, genesis] = frames(input)?;
        let light = LightClient::from_genesis(network.network()?, genesis.state()?)?;
        self.open(light, None)
    }

    fn open_at_checkpoint(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let [network, checkpoint] = frames(input)?;
        let network: Network = network.network()?;
        let checkpoint = checkpoint.update(&network)?;
        let light = LightClient::from_checkpoint(network, &checkpoint)?;
        self.open(light, Some(checkpoint))
    }

    fn open(&mut self, light: LightClient, checkpoint: Option<Update>) -> Result<String, Refusal> {
        let free = self.clients.iter().position(Option::is_none);
        let at = free.unwrap_or(self.clients.len());
        if at == MAX_CLIENTS {
            return Err(Refusal::TooManyClients);
        }
        if at == self.clients.len() {
            self.clients.push(None);
        }
        self.clients[at] = Some(Client { light, checkpoint });
        Ok(format!("{at}"))
    }
}

impl Client {
    fn answer(&mut self, operation: Operation, input: &[u8]) -> Result<String, Refusal> {
        match operation {
            Operation::Verify => self.verify(input),
            Operation::Advance => self.advance(input),
            Operation::CheckDescent => self.check_descent(input),
            Operation::VerifyShard => self.verify_shard(input),
            Operation::VerifyAccount => self.verify_account(input),
            Operation::VerifyNettedAccount => self.verify_netted_account(input),
            Operation::VerifyPastState => self.verify_past_state(input),
            Operation::VerifyReceipt => self.verify_receipt(input),
            _ => {
                let [] = frames(input)?;
                Ok(answer::state(self.light.held().state()))
            }
        }
    }

    fn verify(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let [update] = frames(input)?;
        let update = update.update(self.light.network())?;
        Ok(answer::state(self.light.verify(&update)?.state()))
    }

    fn advance(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let [update] = frames(input)?;
        let update = update.update(self.light.network())?;
        self.light.advance(self.light.verify(&update)?)?;
        self.checkpoint = Some(update);
        Ok(answer::state(self.light.held().state()))
    }

    fn check_descent(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let [update, path] = frames(input)?;
        let update = update.update(self.light.network())?;
        let next = self.light.verify(&update)?;
        self.light.check_descent(&next, &path.path()?)?;
        Ok(answer::state(next.state()))
    }

    fn verify_shard(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let [shard] = frames(input)?;
        let shard = self.light.verify_shard(&shard.shard()?)?;
        Ok(answer::shard(shard.as_ref()))
    }

    fn verify_account(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let (shard, account) = self.under_shard(input)?;
        let account = shard.verify_account(&account.account()?)?;
        Ok(answer::account(account.as_ref()))
    }

    /// A shard that has to be there, and the claim under it.
    #[inline(never)]
    fn under_shard<'a>(&self, input: &'a [u8]) -> Result<(VerifiedShard, Frame<'a>), Refusal> {
        let [shard, claim] = frames(input)?;
        let shard = shard.shard()?;
        let found = self.light.verify_shard(&shard)?.present();
        Ok((found.ok_or(ClaimError::NoShard(shard.index))?, claim))
    }

    fn verify_netted_account(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let (shard, account) = self.under_shard(input)?;
        let account = shard.verify_netted_account(&account.netted_account()?)?;
        Ok(answer::netted_account(account.as_ref()))
    }

    fn verify_past_state(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let [past] = frames(input)?;
        let past = past.past()?;
        let verified = self.light.verify_past_state(&past.state, &past.path)?;
        Ok(answer::state(verified.state()))
    }

    fn verify_receipt(&mut self, input: &[u8]) -> Result<String, Refusal> {
        let [receipt] = frames(input)?;
        let verified = self.light.verify_receipt(&receipt.receipt()?)?;
        Ok(answer::receipt(&verified))
    }
}
