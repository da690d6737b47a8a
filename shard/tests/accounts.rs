//! The accounts under the leaf of the latest global state, whatever waits for the next one.

use ark_bn254::Fr;
use trifold_circuits::genesis::Genesis;
use trifold_circuits::schnorr::SecretKey;
use trifold_circuits::transfer::Size;
use trifold_shard::shard::Confirmed;
use trifold_shard::{LedgerError, Shard, Wallet};
use trifold_verifier::claim::AccountClaim;

/// What the claim's path leads to, if it fits the claim.
fn check(shard: &Shard, claim: &AccountClaim) {
    assert_eq!(claim.body.digest(), shard.leaf().body);
    assert_eq!(claim.path.index, claim.index);
    let leaf = claim
        .account
        .map_or(Fr::from(0), |account| account.digest());
    let levels = Size::DEPLOYED.depth;
    let verified = claim.path.verify(leaf, claim.body.state_root, levels);
    verified.expect("the path holds");
}

fn balances(accounts: &Confirmed) -> Vec<Option<(u64, u64)>> {
    let account = |index| accounts.account(index).expect("a place").account;
    let held = (0..6).map(account);
    held.map(|account| account.map(|account| (account.balance, account.ordinal)))
        .collect()
}

#[test]
fn waiting_transfers_are_taken_back_to_the_accounts_of_the_leaf() {
    let (genesis, secrets) = Genesis::demo(5, 1, 3, 1000).unwrap();
    let mut shard = Shard::genesis(&genesis, 0, Fr::from(99)).unwrap();
    let before = balances(&shard.confirmed().unwrap());
    assert_eq!(
        before[..4],
        [Some((1000, 0)), Some((1000, 0)), Some((1000, 0)), None]
    );
    let keys = &secrets.accounts[0];
    let mut wallets: Vec<Wallet> = (0..)
        .zip(keys)
        .map(|(index, secret)| Wallet::new(secret.clone(), 0, index, 0))
        .collect();
    // To each other, to oneself, and to a place that is empty, twice.
    let fresh = SecretKey::from_seed(&[9; 32]).public();
    for (from, to) in [(0, 1), (1, 1), (2, 4), (0, 4), (1, 0), (0, 0), (2, 1)] {
        let key = keys.get(to).map_or(fresh, |key| key.public());
        let signed = wallets[from].transfer(to as u64, key, 7 + to as u64);
        shard.accept(&signed).unwrap();
        let confirmed = shard.confirmed().unwrap();
        assert_eq!(balances(&confirmed), before, "{from} to {to}");
        assert_eq!(confirmed.leaf(), shard.leaf());
        for index in [0, 1, 4, 5, Size::DEPLOYED.capacity() - 1] {
            check(&shard, &confirmed.account(index).unwrap());
        }
    }
    assert_ne!(
        shard.ledger().account(4),
        None,
        "it is there, and not yet in a global state"
    );
    let outside = Size::DEPLOYED.capacity();
    let refused = shard.confirmed().unwrap().account(outside);
    assert!(matches!(refused, Err(LedgerError::Trie(_))), "{refused:?}");
}
