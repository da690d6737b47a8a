//! What a call is given: frames, each a kind (0 bytes, 1 text), a length of four bytes, lowest first, and as much data.

use trifold_verifier::claim::{AccountClaim, NettedAccountClaim, ShardClaim};
use trifold_verifier::client::{Network, Update};
use trifold_verifier::json::GlobalProof;
use trifold_verifier::receipt::{PastState, Receipt};
use trifold_verifier::statement::GlobalState;
use trifold_verifier::trie::Path;

use crate::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
}

const BYTES: u8 = 0;
const TEXT: u8 = 1;

/// The frames of an input, exactly `N` of them.
pub fn frames<const N: usize>(mut input: &[u8]) -> Result<[Frame<'_>; N], Refusal> {
    let mut found = [Frame::Bytes(&[]); N];
    for frame in &mut found {
        (*frame, input) = first_frame(input)?;
    }
    match input {
        [] => Ok(found),
        _ => Err(Refusal::Input("more frames than the operation takes")),
    }
}

fn first_frame(input: &[u8]) -> Result<(Frame<'_>, &[u8]), Refusal> {
    let cut = || Refusal::Input("fewer frames than the operation takes");
    let (&kind, rest) = input.split_first().ok_or_else(cut)?;
    let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (data, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    let frame = match kind {
        BYTES => Frame::Bytes(data),
        TEXT => Frame::Text(str::from_utf8(data).map_err(|_| Refusal::Input("not UTF-8"))?),
        _ => return Err(Refusal::Input("a frame of an unknown kind")),
    };
    Ok((frame, rest))
}

impl Frame<'_> {
    /// 352 bytes, or the constants as a source tells them.
    pub fn network(self) -> Result<Network, Refusal> {
        Ok(match self {
            Self::Bytes(bytes) => Network::from_bytes(bytes)?,
            Self::Text(text) => Network::from_json(text)?,
        })
    }

    /// 89 bytes, or the part `state` of a bundle.
    pub fn state(self) -> Result<GlobalState, Refusal> {
        Ok(match self {
            Self::Bytes(bytes) => GlobalState::from_bytes(bytes)?,
            Self::Text(text) => GlobalState::from_json(text)?,
        })
    }

    /// 217 bytes, or a bundle, which has to name the network that is trusted.
    pub fn update(self, trusted: &Network) -> Result<Update, Refusal> {
        match self {
            Self::Bytes(bytes) => Ok(Update::from_bytes(bytes)?),
            Self::Text(text) => {
                let bundle = GlobalProof::from_json(text)?;
                match bundle.network == *trusted {
                    true => Ok(bundle.update),
                    false => Err(Refusal::OtherNetwork),
                }
            }
        }
    }

    pub fn receipt(self) -> Result<Receipt, Refusal> {
        Ok(match self {
            Self::Bytes(bytes) => Receipt::from_bytes(bytes)?,
            Self::Text(text) => Receipt::from_json(text)?,
        })
    }

    /// The part `shard` of a receipt.
    pub fn shard(self) -> Result<ShardClaim, Refusal> {
        Ok(ShardClaim::from_json(self.text()?)?)
    }

    /// The part `account` of a receipt.
    pub fn account(self) -> Result<AccountClaim, Refusal> {
        Ok(AccountClaim::from_json(self.text()?)?)
    }

    /// The part `netted_account` of a receipt.
    pub fn netted_account(self) -> Result<NettedAccountClaim, Refusal> {
        Ok(NettedAccountClaim::from_json(self.text()?)?)
    }

    /// A past state and its path, as a source tells them.
    pub fn past(self) -> Result<PastState, Refusal> {
        Ok(PastState::from_json(self.text()?)?)
    }

    /// The part `path` of a claim.
    pub fn path(self) -> Result<Path, Refusal> {
        Ok(Path::from_json(self.text()?)?)
    }

    fn text(&self) -> Result<&str, Refusal> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Bytes(_) => Err(Refusal::Input("bytes where a text is expected")),
        }
    }
}
