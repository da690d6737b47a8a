//! Transfers in a shard: what is refused and why, what every history preserves.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use trifold_circuits::genesis::{DemoSecrets, Genesis};
use trifold_circuits::schnorr::{Coordinates, SchnorrError};
use trifold_circuits::transfer::{SignedTransfer, Size, Transfer};
use trifold_shard::{Ledger, LedgerError, Wallet};

const BALANCE: u64 = 1000;

fn network(accounts: u32) -> (Ledger, Vec<Wallet>) {
    let (
        genesis,
        DemoSecrets {
            accounts: secrets, ..
        },
    ) = Genesis::demo(1, 1, accounts, BALANCE).unwrap();
    let wallets = secrets[0]
        .iter()
        .zip(0..)
        .map(|(secret, index)| Wallet::new(secret.clone(), 0, index, 0))
        .collect();
    (Ledger::genesis(&genesis.shards()[0]).unwrap(), wallets)
}

fn transfer(wallets: &mut [Wallet], from: usize, to: usize, amount: u64) -> SignedTransfer {
    let key = wallets[to].key();
    wallets[from].transfer(to as u64, key, amount)
}

#[test]
fn every_refusal_is_specific_and_changes_nothing() {
    let (mut ledger, mut wallets) = network(3);
    let done = transfer(&mut wallets, 0, 1, 10);
    ledger.execute(0, &done).unwrap();
    let before = ledger.clone();
    let valid = transfer(&mut wallets, 0, 1, 10).transfer;
    let capacity = Size::DEPLOYED.capacity();
    let off_curve = Coordinates {
        x: 1.into(),
        y: 1.into(),
    };
    let cases = [
        (
            done.transfer,
            LedgerError::Replayed {
                index: 0,
                ordinal: 0,
                expected: 1,
            },
        ),
        (
            Transfer {
                ordinal: 5,
                ..valid
            },
            LedgerError::Ordinal {
                index: 0,
                ordinal: 5,
                expected: 1,
            },
        ),
        (
            Transfer {
                amount: 991,
                ..valid
            },
            LedgerError::Overdraft {
                index: 0,
                balance: 990,
                amount: 991,
            },
        ),
        (Transfer { amount: 0, ..valid }, LedgerError::ZeroAmount),
        (
            Transfer { from: 7, ..valid },
            LedgerError::UnknownSender { index: 7 },
        ),
        (
            Transfer { to: 2, ..valid },
            LedgerError::ReceiverKey { index: 2 },
        ),
        (
            Transfer {
                to: capacity,
                ..valid
            },
            LedgerError::Index {
                index: capacity,
                capacity,
            },
        ),
        (
            Transfer {
                to: 9,
                receiver_key: off_curve,
                ..valid
            },
            LedgerError::UnusableKey {
                index: 9,
                source: SchnorrError::KeyOffCurve,
            },
        ),
    ];
    for (transfer, error) in cases {
        assert_eq!(ledger.execute(0, &wallets[0].sign(transfer)), Err(error));
    }
    let forged = SignedTransfer {
        transfer: Transfer {
            amount: 11,
            ..valid
        },
        ..wallets[0].sign(valid)
    };
    assert!(matches!(
        ledger.execute(0, &forged),
        Err(LedgerError::Signature(_))
    ));
    let elsewhere = ledger.execute(1, &wallets[0].sign(valid));
    assert!(
        matches!(elsewhere, Err(LedgerError::Signature(_))),
        "signed for shard 0"
    );
    assert_eq!(ledger, before);
    ledger.execute(0, &wallets[0].sign(valid)).unwrap();
}

#[test]
fn a_balance_never_passes_64_bits() {
    let (genesis, secrets) = Genesis::demo(2, 1, 2, u64::MAX).unwrap();
    let mut ledger = Ledger::genesis(&genesis.shards()[0]).unwrap();
    let mut sender = Wallet::new(secrets.accounts[0][0].clone(), 0, 0, 0);
    let signed = sender.transfer(1, secrets.accounts[0][1].public(), 1);
    assert_eq!(
        ledger.execute(0, &signed),
        Err(LedgerError::Overflow {
            index: 1,
            balance: u64::MAX,
            amount: 1
        })
    );
    let own = sender.key();
    let circular = Transfer {
        to: 0,
        receiver_key: own.coordinates(),
        amount: u64::MAX,
        ..signed.transfer
    };
    ledger.execute(0, &sender.sign(circular)).unwrap();
    assert_eq!(
        ledger
            .account(0)
            .map(|entry| (entry.balance, entry.ordinal)),
        Some((u64::MAX, 1))
    );
}

#[test]
fn random_histories_conserve_value_and_only_advance_ordinals() {
    let mut rng = StdRng::seed_from_u64(11);
    let (mut ledger, mut wallets) = network(6);
    let supply = ledger.supply();
    for _ in 0..300 {
        let (from, to) = (rng.random_range(0..6), rng.random_range(0..6));
        let ordinals: Vec<u64> = ledger.accounts().map(|(_, entry)| entry.ordinal).collect();
        let held = ledger.account(from as u64).unwrap().balance;
        let mut attempt = wallets.clone();
        let signed = transfer(&mut attempt, from, to, rng.random_range(1..600));
        let result = ledger.execute(0, &signed);
        assert_eq!(result.is_ok(), signed.transfer.amount <= held, "{result:?}");
        if result.is_ok() {
            wallets = attempt;
        }
        let advanced = ledger
            .accounts()
            .zip(ordinals)
            .map(|((_, entry), before)| entry.ordinal - before)
            .sum::<u64>();
        assert_eq!(advanced, u64::from(result.is_ok()));
        assert_eq!(ledger.supply(), supply);
    }
}

#[test]
fn only_the_order_of_one_client_matters() {
    let mut rng = StdRng::seed_from_u64(12);
    let (ledger, mut wallets) = network(5);
    let by_client: Vec<Vec<SignedTransfer>> = (0..5)
        .map(|from| {
            (0..4)
                .map(|i| transfer(&mut wallets, from, (from + i) % 5, 50))
                .collect()
        })
        .collect();
    let mut order: Vec<usize> = (0..20).map(|i| i / 4).collect();
    let mut roots = Vec::new();
    for _ in 0..6 {
        order.shuffle(&mut rng);
        let (mut ledger, mut next) = (ledger.clone(), [0; 5]);
        for client in &order {
            ledger
                .execute(0, &by_client[*client][next[*client]])
                .unwrap();
            next[*client] += 1;
        }
        roots.push(ledger.root());
    }
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
    let swapped = ledger.clone().execute(0, &by_client[0][1]);
    assert_eq!(
        swapped,
        Err(LedgerError::Ordinal {
            index: 0,
            ordinal: 1,
            expected: 0
        })
    );
}
