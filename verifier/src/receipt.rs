//! A receipt: one file that shows what a shard, or an account of it, was in one epoch, to anyone who knows the network.
//!
//! It holds a proven state, the way to an earlier one if the receipt is about an earlier one, and the paths from there. A newer
//! proof takes the place of the old one without anything else being asked for again: [`Receipt::under_newer`].

use thiserror::Error;

use crate::claim::{AccountClaim, ClaimError, NettedAccountClaim, Presence, ShardClaim};
use crate::client::{ClientError, Network, Update};
use crate::refusal;
use crate::statement::GlobalState;
use crate::trie::Path;
use crate::verified::{VerifiedAccount, VerifiedNettedAccount, VerifiedShard, VerifiedState};

/// A state and its path in the history of a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastState {
    pub state: GlobalState,
    /// To the state's epoch.
    pub path: Path,
}

/// A claim about one epoch with all that shows it, nothing of it trusted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub network: Network,
    /// A state with its proof.
    pub update: Update,
    /// The state that the receipt is about, where that is an earlier one than the proven one.
    pub past: Option<PastState>,
    pub shard: ShardClaim,
    /// About an account of that shard, if at all.
    pub account: Option<AccountClaim>,
    /// About an account of that shard, if at all, where it is a netted one.
    pub netted_account: Option<NettedAccountClaim>,
}

/// Why a receipt was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReceiptError {
    #[error("the receipt is of another network than the one that is trusted")]
    OtherNetwork,
    #[error(transparent)]
    Update(#[from] ClientError),
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

impl ReceiptError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherNetwork => refusal::OTHER_NETWORK,
            Self::Update(error) => error.code(),
            Self::Claim(error) => error.code(),
        }
    }
}

impl Receipt {
    /// The epoch that the receipt is about.
    pub fn epoch(&self) -> u64 {
        self.about().epoch
    }

    /// The state that the receipt is about.
    pub fn about(&self) -> &GlobalState {
        match &self.past {
            Some(past) => &past.state,
            None => &self.update.state,
        }
    }

    /// Checks everything under the network that the receipt itself names. Whether that is the network meant is for the caller to
    /// say: anyone can make a network of their own, with keys that they can forge under.
    pub fn verify(&self) -> Result<VerifiedReceipt, ReceiptError> {
        self.verify_claims(self.network.verify(&self.update)?)
    }

    /// Checks everything under a network that the caller trusts. A [`crate::client::LightClient`] does it faster, and notices
    /// equivocation.
    pub fn verify_under(&self, trusted: &Network) -> Result<VerifiedReceipt, ReceiptError> {
        match self.network == *trusted {
            true => self.verify(),
            false => Err(ReceiptError::OtherNetwork),
        }
    }

    /// The same receipt under a newer proof. `path` is the way of the state that this receipt is about, in the history of
    /// `update`'s. Nothing is checked here: a wrong path makes a receipt that does not verify.
    pub fn under_newer(self, update: Update, path: Path) -> Self {
        let state = *self.about();
        Self {
            update,
            past: Some(PastState { state, path }),
            ..self
        }
    }

    pub(crate) fn verify_claims(
        &self,
        proven: VerifiedState,
    ) -> Result<VerifiedReceipt, ReceiptError> {
        let state = match &self.past {
            Some(past) => proven.verify_past_state(&past.state, &past.path)?,
            None => proven,
        };
        let shard = state.verify_shard(&self.shard)?;
        let there = || shard.present().ok_or(ClaimError::NoShard(self.shard.index));
        let account = self.account.as_ref();
        let account = account.map(|claim| there()?.verify_account(claim));
        let netted = self.netted_account.as_ref();
        let netted = netted.map(|claim| there()?.verify_netted_account(claim));
        Ok(VerifiedReceipt {
            proven,
            state,
            shard,
            account: account.transpose()?,
            netted_account: netted.transpose()?,
        })
    }
}

/// What a receipt shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedReceipt {
    proven: VerifiedState,
    state: VerifiedState,
    shard: Presence<VerifiedShard>,
    account: Option<Presence<VerifiedAccount>>,
    netted_account: Option<Presence<VerifiedNettedAccount>>,
}

impl VerifiedReceipt {
    /// The state whose proof was checked.
    pub fn proven(&self) -> &VerifiedState {
        &self.proven
    }

    /// The state that the receipt is about: the proven one, or one out of its history.
    pub fn state(&self) -> &VerifiedState {
        &self.state
    }

    pub fn shard(&self) -> Presence<&VerifiedShard> {
        self.shard.as_ref()
    }

    /// `None`: the receipt is about no account of the reference program.
    pub fn account(&self) -> Option<Presence<&VerifiedAccount>> {
        self.account.as_ref().map(Presence::as_ref)
    }

    /// `None`: the receipt is about no account of a netted shard.
    pub fn netted_account(&self) -> Option<Presence<&VerifiedNettedAccount>> {
        self.netted_account.as_ref().map(Presence::as_ref)
    }
}
