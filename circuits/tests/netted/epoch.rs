use crate::support::{COLLECTOR, SHARD, accounts, carried, epoch, message, network, pay, u};
use ark_bn254::Fr;
use trifold_circuits::netted::epoch::{Epoch, EpochError};
use trifold_circuits::netted::message::SignedMessage;
use trifold_circuits::netted::statement::destination;
use trifold_circuits::schnorr::SchnorrError;

fn refusal(change: fn(&mut Epoch)) -> EpochError {
    let mut epoch = epoch();
    change(&mut epoch);
    epoch.changes(&accounts()).unwrap_err()
}

fn replace(epoch: &mut Epoch, at: usize, signed: SignedMessage) {
    epoch.messages[at].1 = signed;
}

#[test]
fn balances_keep_their_sum_and_ordinals_advance() {
    let carried = carried();
    let after = |index: u32| carried.after.get(index);
    let balances = [0, 1, 2, COLLECTOR, 20, 24].map(|index| after(index).balance);
    assert_eq!(
        balances,
        [100 - 30 - 2 - 5 - 1 - 50, 50 + 30 + 5, 7, 3, 1, 50]
    );
    assert_eq!([0, 1, 2].map(|index| after(index).ordinal), [2, 1, 3]);
    assert_eq!(after(24).key, u(24));
    assert_eq!(carried.changes[&0].rest, 12);
    assert!(!carried.changes.contains_key(&20));
}

#[test]
fn any_order_is_the_same_epoch() {
    let mut reversed = epoch();
    reversed.messages.reverse();
    assert_eq!(reversed.changes(&accounts()).unwrap(), carried().changes);
}

#[test]
fn refusals_name_what_is_wrong() {
    let account = 0;
    let skipped = refusal(|epoch| replace(epoch, 0, message(0, 5, 1, &[pay(1, 1, 0)])));
    let (expected, found) = (0, 1);
    assert_eq!(
        skipped,
        EpochError::Ordinal {
            account,
            expected,
            found
        }
    );
    let twice = refusal(|epoch| epoch.messages.push(epoch.messages[0].clone()));
    let (expected, found) = (1, 0);
    assert_eq!(
        twice,
        EpochError::Ordinal {
            account,
            expected,
            found
        }
    );
    // What account 2 gets back in the same epoch is not yet its to spend.
    let early = refusal(|epoch| epoch.messages.push((1, message(2, 3, 1, &[pay(0, 1, 0)]))));
    let (account, balance, spent) = (2, 0, 1);
    assert_eq!(
        early,
        EpochError::Overdraft {
            account,
            balance,
            spent
        }
    );
    let other = refusal(|epoch| epoch.messages[0].1.message.payments[0].amount = 31);
    let signature = matches!(
        other,
        EpochError::Signature {
            message: 0,
            source: SchnorrError::Mismatch | SchnorrError::Challenge
        }
    );
    assert!(signature, "{other:?}");
    let foreign = refusal(|epoch| replace(epoch, 0, message(20, 0, 1, &[]).under(0)));
    assert_eq!(
        foreign,
        EpochError::Key {
            message: 0,
            account: 0
        }
    );
    let network = refusal(|epoch| epoch.network = network() + Fr::from(1));
    assert!(matches!(network, EpochError::Signature { message: 0, .. }));
    let taken = refusal(|epoch| {
        epoch.openings.insert(20, u(3));
    });
    assert_eq!(taken, EpochError::Opened { account: 20 });
    let outside = refusal(|epoch| epoch.collector = destination(27, SHARD));
    let destination = destination(27, SHARD);
    assert_eq!(
        outside,
        EpochError::Destination {
            destination,
            shard: SHARD
        }
    );
    let long = refusal(|epoch| epoch.messages[2].0 = 1);
    assert_eq!(
        long,
        EpochError::Payments {
            message: 2,
            found: 2,
            room: 1
        }
    );
}

trait Under {
    /// The message of another account under the signer's key.
    fn under(self, from: u32) -> Self;
}

impl Under for SignedMessage {
    fn under(self, from: u32) -> Self {
        let mut message = self.message;
        let owner = crate::support::key(message.from as u8);
        message.from = from;
        message.sign(&crate::support::domain(1), &owner)
    }
}
