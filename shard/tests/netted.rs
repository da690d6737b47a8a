//! The netted ledger: every refusal, order that does not matter, and a slow model that it agrees with.

mod common;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use common::*;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::collections::{BTreeMap, HashSet};
use trifold_circuits::schnorr::{Coordinates, SchnorrError};
use trifold_circuits::trie::SparseTrie;
use trifold_shard::netted::layout::{
    Account, Payment, SignedMessage, key_u, node_digest, triad_digest,
};
use trifold_shard::netted::{
    Accounts, Closed, Entry, Limits, NettedError, NettedLedger, Rules, Sent, Trie,
};
use trifold_verifier::poseidon;

fn accept(ledger: &mut NettedLedger, signed: SignedMessage) -> Result<(), NettedError> {
    ledger.accept(vec![signed])[0]
}

/// The rule as plainly as it can be said: balances in a map, one message after the other.
#[derive(Clone)]
struct Model {
    opening: BTreeMap<u32, (Coordinates, u64, u64)>,
    debits: BTreeMap<u32, u128>,
    sent: BTreeMap<u32, u64>,
    credits: BTreeMap<(u16, u32), u128>,
    /// By shard and account that is paid, and sender.
    foreign: BTreeMap<(u16, u32, u32), u64>,
}

impl Model {
    fn new(accounts: &Accounts) -> Self {
        let account = |entry: &Entry| (entry.key.coordinates(), entry.balance, entry.ordinal);
        Self {
            opening: (0..).zip(accounts.iter().map(account)).collect(),
            debits: BTreeMap::new(),
            sent: BTreeMap::new(),
            credits: BTreeMap::new(),
            foreign: BTreeMap::new(),
        }
    }

    /// Whether the message is taken; it is well-formed and its signature right.
    fn take(&mut self, signed: &SignedMessage) -> bool {
        let message = &signed.message;
        let (key, balance, ordinal) = self.opening[&message.from];
        let spent: u128 = message.payments.iter().map(Payment::spent).sum();
        let debit = self.debits.get(&message.from).copied().unwrap_or(0) + spent;
        let sent = self.sent.get(&message.from).copied().unwrap_or(0);
        if key != signed.key || message.ordinal != ordinal + sent || debit > balance.into() {
            return false;
        }
        self.debits.insert(message.from, debit);
        self.sent.insert(message.from, sent + 1);
        for payment in &message.payments {
            let to = (payment.shard, payment.account);
            *self.credits.entry(to).or_default() += u128::from(payment.amount);
            if payment.shard != SHARD {
                let pair = (payment.shard, payment.account, message.from);
                *self.foreign.entry(pair).or_default() += payment.amount;
            }
            *self.credits.entry((SHARD, 0)).or_default() += u128::from(payment.fee);
        }
        true
    }

    fn closing(&self) -> BTreeMap<u32, (u128, u64)> {
        let close = |(account, (_, balance, ordinal)): (&u32, &(Coordinates, u64, u64))| {
            let debit = self.debits.get(account).copied().unwrap_or(0);
            let credit = self.credits.get(&(SHARD, *account)).copied().unwrap_or(0);
            let sent = self.sent.get(account).copied().unwrap_or(0);
            (
                *account,
                (u128::from(*balance) - debit + credit, ordinal + sent),
            )
        };
        self.opening.iter().map(close).collect()
    }

    fn outbox(&self) -> Vec<Sent> {
        let sent = |((shard, account, from), amount): (&(u16, u32, u32), &u64)| Sent {
            destination: u64::from(*account) | u64::from(*shard) << 32,
            from: *from,
            amount: *amount,
        };
        self.foreign.iter().map(sent).collect()
    }
}

/// Root by the verifier's hash and a trie over bottom nodes, from nothing.
fn slow_root(accounts: &Accounts, depth: u8) -> Fr {
    let leaf = |index: usize| accounts.iter().nth(index);
    let mut digests = vec![Fr::ZERO; 3usize.pow(u32::from(depth) - 1)];
    for (triad, digest) in digests.iter_mut().enumerate() {
        let mut state = [trifold_circuits::field::tag("trifold/netted/accounts/v1"); 10];
        for i in 0..3 {
            let lanes = match leaf(3 * triad + i) {
                Some(entry) => [
                    (Fr::ONE + entry.key.coordinates().y) / (Fr::ONE - entry.key.coordinates().y),
                    entry.balance.into(),
                    entry.ordinal.into(),
                ],
                None => [Fr::ZERO; 3],
            };
            state[3 * i + 1..3 * i + 4].copy_from_slice(&lanes);
        }
        poseidon::permute(&mut state);
        *digest = state[0];
    }
    while digests.len() > 1 {
        digests = digests
            .as_chunks::<3>()
            .0
            .iter()
            .map(poseidon::hash)
            .collect();
    }
    digests[0]
}

fn root(closed: &Closed) -> Fr {
    Trie::of(&closed.accounts, rules().depth).root()
}

#[test]
fn every_refusal_is_specific_and_changes_nothing() {
    let secrets = secrets(4);
    let mut ledger = ledger(&secrets);
    let done = sign(&secrets, message(1, 0, &[pay(2, 10)]));
    accept(&mut ledger, done.clone()).unwrap();
    let before = ledger.clone().close(Vec::new());
    let other_shard = |shard| Payment { shard, ..pay(2, 1) };
    let cases = [
        (
            message(1, 0, &[pay(2, 11)]),
            NettedError::Replayed {
                account: 1,
                ordinal: 0,
                expected: 1,
            },
        ),
        (
            message(1, 2, &[pay(2, 10)]),
            NettedError::Ordinal {
                account: 1,
                ordinal: 2,
                expected: 1,
            },
        ),
        (
            message(1, 1, &[pay(2, 991)]),
            NettedError::Overdraft {
                account: 1,
                balance: 1000,
                spent: 1001,
            },
        ),
        (
            message(1, 1, &[pay(2, 500), pay(3, 491)]),
            NettedError::Overdraft {
                account: 1,
                balance: 1000,
                spent: 1001,
            },
        ),
        (
            message(
                1,
                1,
                &[Payment {
                    fee: 2,
                    ..pay(2, 989)
                }],
            ),
            NettedError::Overdraft {
                account: 1,
                balance: 1000,
                spent: 1001,
            },
        ),
        (
            message(1, 1, &[pay(2, u64::MAX); 9]),
            NettedError::Overdraft {
                account: 1,
                balance: 1000,
                spent: 10 + 9 * u128::from(u64::MAX),
            },
        ),
        (message(1, 1, &[pay(2, 0)]), NettedError::ZeroAmount),
        (message(1, 1, &[]), NettedError::Payments(0)),
        (message(1, 1, &[pay(2, 1); 10]), NettedError::Payments(10)),
        (
            message(1, 1, &[pay(4, 1)]),
            NettedError::UnknownReceiver { account: 4 },
        ),
        (
            message(1, 1, &[other_shard(5)]),
            NettedError::UnknownShard {
                shard: 5,
                shards: 5,
            },
        ),
    ];
    for (message, error) in cases {
        assert_eq!(accept(&mut ledger, sign(&secrets, message)), Err(error));
    }
    let valid = message(1, 1, &[pay(2, 10)]);
    let unknown = domain().sign(common::message(9, 0, &[pay(2, 10)]), &secrets[1]);
    assert_eq!(
        accept(&mut ledger, unknown),
        Err(NettedError::UnknownSender { account: 9 })
    );
    let stolen = domain().sign(valid.clone(), &secrets[3]);
    assert_eq!(
        accept(&mut ledger, stolen),
        Err(NettedError::Key { account: 1 })
    );
    let negated = {
        let mut signed = sign(&secrets, valid.clone());
        signed.key.x = -signed.key.x;
        signed
    };
    assert_eq!(
        accept(&mut ledger, negated),
        Err(NettedError::Key { account: 1 })
    );
    assert_eq!(
        accept(&mut ledger, done),
        Err(NettedError::Replayed {
            account: 1,
            ordinal: 0,
            expected: 1
        })
    );
    let after = ledger.clone().close(Vec::new());
    assert_eq!(
        (after.accounts, after.messages),
        (before.accounts, before.messages)
    );
    accept(&mut ledger, sign(&secrets, valid)).unwrap();
}

#[test]
fn whatever_is_changed_in_a_signed_message_it_is_refused() {
    let secrets = secrets(4);
    let ledger = ledger(&secrets);
    let good = sign(
        &secrets,
        message(
            1,
            0,
            &[
                Payment {
                    fee: 1,
                    ..pay(2, 10)
                },
                pay(3, 5),
            ],
        ),
    );
    let change = |edit: &dyn Fn(&mut SignedMessage)| {
        let mut changed = good.clone();
        edit(&mut changed);
        accept(&mut ledger.clone(), changed)
    };
    let mismatches: [&dyn Fn(&mut SignedMessage); 8] = [
        &|signed| signed.message.payments[0].amount += 1,
        &|signed| signed.message.payments[0].fee += 1,
        &|signed| signed.message.payments[0].account = 3,
        &|signed| signed.message.payments[0].shard = 1,
        &|signed| signed.message.payments.swap(0, 1),
        &|signed| signed.message.payments.truncate(1),
        &|signed| signed.message.payments.push(pay(1, 1)),
        &|signed| signed.signature.response += ark_ed_on_bn254::Fr::ONE,
    ];
    for edit in mismatches {
        let result = change(edit);
        let is_forged = matches!(
            result,
            Err(NettedError::Signature(
                SchnorrError::Mismatch | SchnorrError::Challenge
            ))
        );
        assert!(is_forged, "{result:?}");
    }
    let off_curve = change(&|signed| signed.signature.commitment.x += Fr::ONE);
    assert_eq!(
        off_curve,
        Err(NettedError::Signature(SchnorrError::CommitmentOffCurve))
    );
    let elsewhere = |rules: Rules| {
        let mut ledger = NettedLedger::new(rules, accounts(&secrets), 0).unwrap();
        accept(&mut ledger, good.clone())
    };
    for rules in [
        Rules {
            network: Fr::ONE,
            ..rules()
        },
        Rules {
            shard: 3,
            ..rules()
        },
    ] {
        assert!(matches!(
            elsewhere(rules),
            Err(NettedError::Signature(_) | NettedError::UnknownReceiver { .. })
        ));
    }
    assert_eq!(change(&|_| ()), Ok(()));
}

#[test]
fn a_batch_says_of_each_message_what_became_of_it() {
    let secrets = secrets(6);
    let mut ledger = ledger(&secrets);
    let mut batch: Vec<SignedMessage> = (0..6)
        .map(|from| sign(&secrets, message(from, 0, &[pay((from + 1) % 6, 5)])))
        .collect();
    batch[2].message.payments[0].amount = 6;
    batch[4] = batch[3].clone();
    batch.push(sign(&secrets, message(0, 1, &[pay(1, 5)])));
    let results = ledger.accept(batch);
    assert!([0, 1, 3, 5, 6].iter().all(|i| results[*i] == Ok(())));
    assert_eq!(
        results[2],
        Err(NettedError::Signature(SchnorrError::Mismatch))
    );
    assert_eq!(
        results[4],
        Err(NettedError::Replayed {
            account: 3,
            ordinal: 0,
            expected: 1
        })
    );
    assert_eq!(ledger.next_ordinal(0), Some(2));
}

#[test]
fn credits_are_spendable_in_the_next_epoch_and_not_before() {
    let secrets = secrets(3);
    let mut ledger = ledger(&secrets);
    accept(&mut ledger, sign(&secrets, message(1, 0, &[pay(2, 1000)]))).unwrap();
    let more = sign(&secrets, message(2, 0, &[pay(1, 1001)]));
    let refused = accept(&mut ledger, more.clone());
    assert_eq!(
        refused,
        Err(NettedError::Overdraft {
            account: 2,
            balance: 1000,
            spent: 1001
        })
    );
    ledger.close(Vec::new());
    accept(&mut ledger, more).unwrap();
    let closed = ledger.close(Vec::new());
    assert_eq!(closed.epoch, 1);
    let balances: Vec<u64> = closed.accounts.iter().map(|entry| entry.balance).collect();
    assert_eq!(balances, [1000, 1001, 999]);
}

#[test]
fn an_account_may_pay_itself_and_never_passes_64_bits() {
    let secrets = secrets(3);
    let balances = [0, u64::MAX, 7];
    let accounts = secrets
        .iter()
        .zip(balances)
        .map(|(secret, balance)| entry(secret.public(), balance));
    let mut ledger = NettedLedger::new(rules(), accounts.collect(), 0).unwrap();
    let overflow = sign(&secrets, message(2, 0, &[pay(1, 3), pay(1, 4)]));
    let refused = NettedError::Overflow {
        account: 1,
        balance: u64::MAX,
        credit: 7,
    };
    assert_eq!(accept(&mut ledger, overflow), Err(refused));
    accept(&mut ledger, sign(&secrets, message(2, 0, &[pay(2, 7)]))).unwrap();
    let closed = ledger.close(Vec::new());
    let ends: Vec<_> = closed
        .accounts
        .iter()
        .map(|entry| (entry.balance, entry.ordinal))
        .collect();
    assert_eq!(ends, [(0, 0), (u64::MAX, 0), (7, 1)]);
}

#[test]
fn a_full_inbox_is_named_and_what_is_in_it_may_grow() {
    let secrets = secrets(3);
    let narrow = Rules {
        inbox_receivers: 2,
        ..rules()
    };
    let mut ledger = NettedLedger::new(narrow, accounts(&secrets), 0).unwrap();
    let to = |account| Payment {
        shard: 4,
        ..pay(account, 1)
    };
    accept(&mut ledger, sign(&secrets, message(1, 0, &[to(7), to(8)]))).unwrap();
    let third = sign(&secrets, message(1, 1, &[to(8), to(9)]));
    let full = NettedError::InboxFull { shard: 4, limit: 2 };
    assert_eq!(accept(&mut ledger, third.clone()), Err(full));
    // Another sender's payment to the same account is another message.
    let others = sign(&secrets, message(2, 0, &[to(7)]));
    assert_eq!(accept(&mut ledger, others.clone()), Err(full));
    let elsewhere = Payment { shard: 3, ..to(9) };
    let more = message(1, 1, &[to(7), elsewhere]);
    accept(&mut ledger, sign(&secrets, more)).unwrap();
    let closed = ledger.close(Vec::new());
    let sent = |destination, from, amount| Sent {
        destination,
        from,
        amount,
    };
    assert_eq!(
        closed.outbox,
        [
            sent(9 | 3 << 32, 1, 1),
            sent(7 | 4 << 32, 1, 2),
            sent(8 | 4 << 32, 1, 1)
        ]
    );
    accept(&mut ledger, others.clone()).unwrap();
    ledger.refuse(HashSet::from([4]));
    let later = sign(&secrets, message(2, 1, &[to(7)]));
    assert_eq!(accept(&mut ledger, later), Err(full));
    let elsewhere = sign(&secrets, message(2, 1, &[elsewhere]));
    assert_eq!(accept(&mut ledger, elsewhere), Ok(()));
}

#[test]
fn an_epoch_holds_no_more_than_its_proof_can_take() {
    let secrets = secrets(9);
    let limited = |limits: Limits| {
        let rules = Rules { limits, ..rules() };
        NettedLedger::new(rules, accounts(&secrets), 0).unwrap()
    };
    let largest = Limits::LARGEST;
    let mut few = limited(Limits {
        messages: 1,
        ..largest
    });
    let [first, second] = [0, 1].map(|ordinal| sign(&secrets, message(1, ordinal, &[pay(2, 1)])));
    accept(&mut few, first.clone()).unwrap();
    assert_eq!(accept(&mut few, second.clone()), Err(NettedError::Busy));
    few.close(Vec::new());
    assert_eq!(accept(&mut few, second), Ok(()));

    let mut narrow = limited(Limits {
        accounts: 2,
        ..largest
    });
    accept(&mut narrow, first.clone()).unwrap();
    let others = sign(&secrets, message(3, 0, &[pay(4, 1)]));
    assert_eq!(accept(&mut narrow, others), Err(NettedError::Busy));
    assert_eq!(narrow.open(secrets[0].public()), Err(NettedError::Busy));
    narrow.close(Vec::new());
    assert_eq!(narrow.open(secrets[0].public()), Ok(9));

    // Two messages through one channel, or one through each of two.
    let mut distant = limited(Limits {
        sent_rows: 60,
        ..largest
    });
    let to = |shard| Payment { shard, ..pay(7, 1) };
    accept(&mut distant, sign(&secrets, message(1, 0, &[to(3)]))).unwrap();
    let more = sign(&secrets, message(2, 0, &[to(4)]));
    assert_eq!(accept(&mut distant, more), Err(NettedError::Busy));
    let more = sign(&secrets, message(2, 0, &[to(3)]));
    assert_eq!(accept(&mut distant, more), Ok(()));
}

#[test]
fn accounts_open_until_there_is_no_room() {
    let secrets = secrets(730);
    let small = Rules {
        depth: 6,
        ..rules()
    };
    let mut ledger = NettedLedger::new(small, accounts(&secrets[..727]), 0).unwrap();
    assert_eq!(ledger.open(secrets[727].public()), Ok(727));
    accept(&mut ledger, sign(&secrets, message(1, 0, &[pay(727, 9)]))).unwrap();
    let early = sign(&secrets, message(727, 0, &[pay(1, 9)]));
    let refused = NettedError::Overdraft {
        account: 727,
        balance: 0,
        spent: 9,
    };
    assert_eq!(accept(&mut ledger, early.clone()), Err(refused));
    let mut trie = Trie::of(&accounts(&secrets[..727]), 6);
    let closed = ledger.close(Vec::new());
    assert_eq!(
        trie.update(&closed.accounts, &closed.triads),
        slow_root(&closed.accounts, 6)
    );
    accept(&mut ledger, early).unwrap();
    assert_eq!(ledger.open(secrets[728].public()), Ok(728));
    assert_eq!(
        ledger.open(secrets[729].public()),
        Err(NettedError::Full { capacity: 729 })
    );
    let too_many = NettedLedger::new(small, accounts(&secrets), 0);
    assert_eq!(too_many.err(), Some(NettedError::Full { capacity: 729 }));
    for depth in [0, 5, 21] {
        let rules = Rules { depth, ..rules() };
        assert_eq!(
            NettedLedger::new(rules, accounts(&secrets[..2]), 0).err(),
            Some(NettedError::Depth(depth))
        );
    }
    let none = NettedLedger::new(rules(), Accounts::default(), 0);
    assert_eq!(none.err(), Some(NettedError::Collector { account: 0 }));
}

#[test]
fn any_order_of_the_messages_of_an_epoch_gives_the_same_end() {
    let mut rng = StdRng::seed_from_u64(21);
    let secrets = secrets(12);
    for _ in 0..4 {
        let ledger = ledger(&secrets);
        let by_sender: Vec<Vec<SignedMessage>> = (0..12)
            .map(|from| {
                let count = rng.random_range(0..4);
                let messages =
                    (0..count).map(|ordinal| random_message(&mut rng, 12, from, ordinal));
                messages.map(|message| sign(&secrets, message)).collect()
            })
            .collect();
        let mut order: Vec<usize> = by_sender
            .iter()
            .enumerate()
            .flat_map(|(i, own)| vec![i; own.len()])
            .collect();
        let mut ends = Vec::new();
        for _ in 0..5 {
            order.shuffle(&mut rng);
            let mut next = [0; 12];
            let messages = order.iter().map(|sender| {
                next[*sender] += 1;
                by_sender[*sender][next[*sender] - 1].clone()
            });
            let messages: Vec<_> = messages.collect();
            let mut ledger = ledger.clone();
            // In groups of any size.
            let group = rng.random_range(1..9);
            for group in messages.chunks(group) {
                assert!(ledger.accept(group.to_vec()).iter().all(Result::is_ok));
            }
            let closed = ledger.close(Vec::new());
            ends.push((root(&closed), closed.outbox, closed.triads));
        }
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[test]
fn random_epochs_agree_with_the_model_and_conserve_value() {
    let mut rng = StdRng::seed_from_u64(22);
    let secrets = secrets(20);
    let mut ledger = ledger(&secrets);
    let mut trie = Trie::of(ledger.accounts(), rules().depth);
    let (supply, mut left) = (ledger.accounts().supply(), 0);
    let mut taken = [0, 0];
    for epoch in 0..6 {
        let mut model = Model::new(ledger.accounts());
        for _ in 0..60 {
            let from = rng.random_range(0..20);
            let next = ledger.next_ordinal(from).unwrap();
            let ordinal = next + u64::from(rng.random_bool(0.1));
            let signed = sign(&secrets, random_message(&mut rng, 20, from, ordinal));
            let result = accept(&mut ledger, signed.clone());
            assert_eq!(result.is_ok(), model.take(&signed), "{result:?}");
            taken[usize::from(result.is_ok())] += 1;
        }
        let closed = ledger.close(Vec::new());
        assert_eq!(closed.epoch, epoch);
        let ends = closed
            .accounts
            .iter()
            .map(|entry| (u128::from(entry.balance), entry.ordinal));
        assert!(ends.eq(model.closing().into_values()));
        assert_eq!(closed.outbox, model.outbox());
        let sent = closed.outbox.iter().map(|sent| u128::from(sent.amount));
        left += sent.sum::<u128>();
        assert_eq!(closed.accounts.supply() + left, supply);
        let root = trie.update(&closed.accounts, &closed.triads);
        assert_eq!(root, slow_root(&closed.accounts, rules().depth));
    }
    assert!(taken[0] > 20 && taken[1] > 100, "{taken:?}");
}

#[test]
fn a_trie_updated_where_accounts_changed_is_the_trie_of_all_of_them_and_its_paths_lead_to_the_root()
{
    let mut rng = StdRng::seed_from_u64(23);
    let key = secret(0).public();
    // Three tablets and a part of a fourth.
    let mut accounts: Accounts = (0..2400).map(|balance| entry(key, balance)).collect();
    let mut trie = Trie::of(&accounts, 9);
    for _ in 0..5 {
        let before = (accounts.clone(), trie.clone());
        let mut changed: Vec<u32> = (0..40).map(|_| rng.random_range(0..2400)).collect();
        changed.push(accounts.push(entry(key, 5)));
        for account in &changed {
            accounts.get_mut(*account).unwrap().balance = rng.random();
        }
        let mut triads: Vec<u32> = changed.iter().map(|account| account / 3).collect();
        triads.sort();
        triads.dedup();
        trie.update(&accounts, &triads);
        assert_eq!(trie.root(), Trie::of(&accounts, 9).root());
        let (old_accounts, old_trie) = before;
        assert_eq!(
            old_trie.root(),
            Trie::of(&old_accounts, 9).root(),
            "a clone is left alone"
        );
    }
    for triad in [0, 1, 2, 242, 243, 500, 799, 800, 2000, 6560] {
        let path = trie.path(triad);
        assert_eq!(
            path.root(triad_digest(&accounts.triad(triad)), 8),
            Ok(trie.root()),
            "{triad}"
        );
    }
    assert_eq!(accounts.triad(2000), [Account::default(); 3]);
}

#[test]
fn a_snapshot_shares_all_tablets_that_have_not_changed() {
    let key = secret(0).public();
    let mut accounts: Accounts = (0..5 * 729).map(|balance| entry(key, balance)).collect();
    let snapshot = accounts.clone();
    accounts.get_mut(800).unwrap().balance = 0;
    assert_eq!(accounts.shared_tablets(&snapshot), 4);
    assert_eq!(snapshot.get(800).unwrap().balance, 800);
    assert_eq!(accounts.len(), 5 * 729);
    assert_eq!(accounts.get_mut(5 * 729), None);
}

#[test]
fn the_layout_is_that_of_the_plain_trie_of_the_same_digests() {
    let account = |key: u64| Account {
        key: key.into(),
        balance: 5,
        ordinal: 6,
    };
    let triads = [
        [account(1), account(2), account(3)],
        [account(4), Account::default(), account(5)],
    ];
    let digests = triads.each_ref().map(triad_digest);
    let empty = triad_digest(&[Account::default(); 3]);
    assert_eq!(
        node_digest(&[digests[0], digests[1], empty]),
        poseidon::hash(&[digests[0], digests[1], empty])
    );
    let mut plain = SparseTrie::new(1).unwrap();
    plain
        .set_many([(0, digests[0]), (1, digests[1]), (2, empty)])
        .unwrap();
    assert_eq!(plain.root(), node_digest(&[digests[0], digests[1], empty]));
    let moved = [account(1), account(3), account(2)];
    assert_ne!(triad_digest(&moved), digests[0]);
    let key = secret(1).public().coordinates();
    assert_eq!(key_u(key) * (Fr::ONE - key.y), Fr::ONE + key.y);
    assert_eq!(key_u(Coordinates::NEUTRAL), Fr::ZERO);
}
