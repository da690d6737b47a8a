//! What the netted ledger does per second: `cargo run --release -p trifold-shard --example ledger -- [levels] [messages]`.
//!
//! Prints a page in Markdown. Each figure is the best of several rounds; those that are compared take turns. Next to the
//! clock's time stands that of the processor, for on a machine that others use the two are far apart.

use std::time::{Duration, Instant};

use ark_bn254::Fr;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use trifold_circuits::genesis::Genesis;
use trifold_circuits::schnorr::{SecretKey, Signature};
use trifold_shard::netted::layout::{Domain, Message, Payment, SignedMessage};
use trifold_shard::netted::{Accounts, Entry, Limits, NettedLedger, Rules, Trie};
use trifold_shard::signatures::{Claim, refused};
use trifold_shard::store::{Settings, Store};
use trifold_shard::{Ledger, Wallet};

const SHARDS: u16 = 100;
const OWN: u16 = 7;
/// Secret keys; accounts share them, which nothing here makes use of.
const KEYS: usize = 512;
const BALANCE: u64 = 1 << 40;
/// Messages handed to the ledger at once.
const GROUP: usize = 8192;
const ROUNDS: usize = 3;
const SHARES_PERCENT: [u32; 4] = [0, 5, 30, 100];
/// Signatures and transfers done one by one, for comparison.
const SINGLE: usize = 400;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse());
    let levels = numbers.next().transpose()?.unwrap_or(11);
    let messages = numbers.next().transpose()?.unwrap_or(32_768) as usize;
    let scene = Scene::new(levels as u8, messages);
    let cores = std::thread::available_parallelism()?.get();
    let settings: Vec<usize> = [1, 2, 4, 8]
        .into_iter()
        .filter(|count| *count <= cores)
        .collect();
    println!(
        "{} accounts in a trie of {levels} levels, epochs of {messages} messages of one payment; best of {ROUNDS} rounds.\n",
        scene.accounts.len()
    );
    signatures(&settings)?;
    ledger(&scene, &settings)?;
    durable(&scene)?;
    shares(&scene)?;
    sequential()
}

/// Accounts, and an epoch's messages for each share of those that leave the shard.
struct Scene {
    rules: Rules,
    accounts: Accounts,
    trie: Trie,
    epochs: Vec<Vec<SignedMessage>>,
}

impl Scene {
    fn new(depth: u8, messages: usize) -> Self {
        let rules = Rules {
            network: Fr::from(1),
            shard: OWN,
            shards: SHARDS,
            depth,
            collector: 0,
            inbox_receivers: usize::MAX,
            limits: Limits::LARGEST,
        };
        let secrets: Vec<SecretKey> = (0..KEYS).map(secret).collect();
        let capacity = rules.capacity() as usize;
        let entry = |i: usize| Entry {
            key: secrets[i % KEYS].public(),
            balance: BALANCE,
            ordinal: 0,
        };
        let accounts: Accounts = (0..capacity).map(entry).collect();
        let epochs = SHARES_PERCENT.map(|share| epoch(&rules, &secrets, messages, share));
        Self {
            trie: Trie::of(&accounts, depth),
            rules,
            accounts,
            epochs: epochs.into(),
        }
    }

    fn ledger(&self) -> NettedLedger {
        NettedLedger::new(self.rules, self.accounts.clone(), 0).expect("valid rules")
    }
}

fn secret(i: usize) -> SecretKey {
    let mut seed = [1; 32];
    seed[..8].copy_from_slice(&(i as u64).to_le_bytes());
    SecretKey::from_seed(&seed)
}

/// Messages from and to random accounts; this share of them goes to other shards.
fn epoch(rules: &Rules, secrets: &[SecretKey], count: usize, share: u32) -> Vec<SignedMessage> {
    let mut rng = StdRng::seed_from_u64(share.into());
    let capacity = rules.capacity() as u32;
    let mut ordinals = vec![0; capacity as usize];
    let mut message = || {
        let from = rng.random_range(0..capacity);
        let ordinal = ordinals[from as usize];
        ordinals[from as usize] += 1;
        let leaves = rng.random_ratio(share, 100);
        let shard = if leaves {
            (OWN + rng.random_range(1..SHARDS)) % SHARDS
        } else {
            OWN
        };
        let (account, amount) = (rng.random_range(0..capacity), rng.random_range(1..1000));
        let payments = vec![Payment {
            account,
            shard,
            amount,
            fee: 0,
        }];
        Message {
            from,
            ordinal,
            payments,
        }
    };
    let messages: Vec<Message> = (0..count).map(|_| message()).collect();
    let domain = Domain::new(rules.network, rules.shard);
    let sign = |message: Message| {
        let secret = &secrets[message.from as usize % KEYS];
        domain.sign(message, secret)
    };
    messages.into_par_iter().map(sign).collect()
}

/// Seconds by the clock and by the processor.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    processor: f64,
}

impl Cost {
    const NONE: Self = Self {
        wall: f64::MAX,
        processor: f64::MAX,
    };

    fn of<T>(work: impl FnOnce() -> T) -> (Self, T) {
        let (start, before) = (Instant::now(), processor_time());
        let result = work();
        let cost = Self {
            wall: start.elapsed().as_secs_f64(),
            processor: (processor_time() - before).as_secs_f64(),
        };
        (cost, result)
    }

    fn best(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            processor: self.processor.min(other.processor),
        }
    }

    fn per_second(&self, count: usize) -> String {
        format!(
            "{:.0} | {:.1}",
            count as f64 / self.wall,
            1e6 * self.processor / count as f64
        )
    }
}

fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the kernel counts");
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(microseconds as u64)
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Together against one by one.
fn signatures(cores: &[usize]) -> Outcome {
    let secret = secret(0);
    let (key, messages) = (secret.public(), (0..GROUP as u64).map(Fr::from));
    let signed: Vec<(Fr, Signature)> = messages
        .map(|message| (message, secret.sign(message)))
        .collect();
    let claims = || -> Vec<Claim> {
        signed
            .par_iter()
            .map(|(message, signature)| Claim::new(&key, *message, signature))
            .collect()
    };
    let mut single = Cost::NONE;
    let mut together = vec![Cost::NONE; cores.len()];
    for _ in 0..ROUNDS {
        let verify =
            |(message, signature): &(Fr, Signature)| key.verify(*message, signature).is_ok();
        let (cost, valid) = Cost::of(|| signed[..SINGLE].iter().all(verify));
        assert!(valid);
        single = single.best(cost);
        for (best, count) in together.iter_mut().zip(cores) {
            let pool = ThreadPoolBuilder::new().num_threads(*count).build()?;
            let (cost, wrong) = Cost::of(|| pool.install(|| refused(&claims())));
            assert!(wrong.is_empty());
            *best = best.best(cost);
        }
    }
    let mut damaged = claims();
    let (message, signature) = &signed[5];
    damaged[5] = Claim::new(&key, *message + Fr::from(1), signature);
    let (one_wrong, wrong) = Cost::of(|| refused(&damaged));
    assert_eq!(wrong.len(), 1);
    println!(
        "| signatures (challenge hash included) | per second | µs of processor each |\n|---|---|---|"
    );
    println!(
        "| one by one, `PublicKey::verify`, 1 core | {} |",
        single.per_second(SINGLE)
    );
    for (cost, count) in together.iter().zip(cores) {
        println!(
            "| together, {GROUP} at once, {count} core(s) | {} |",
            cost.per_second(GROUP)
        );
    }
    println!(
        "| together with one wrong among them, challenge hashes not included | {} |",
        one_wrong.per_second(GROUP)
    );
    let ratio = (single.processor / SINGLE as f64) / (together[0].processor / GROUP as f64);
    println!("\nTogether is {ratio:.1} times as fast as one by one.\n");
    Ok(())
}

/// Accepted and committed, apart and per core count.
fn ledger(scene: &Scene, cores: &[usize]) -> Outcome {
    let messages = &scene.epochs[0];
    println!("| netted ledger | per second | µs of processor each |\n|---|---|---|");
    let mut rows = vec![(Cost::NONE, Cost::NONE); cores.len()];
    for _ in 0..ROUNDS {
        for (row, count) in rows.iter_mut().zip(cores) {
            let pool = ThreadPoolBuilder::new().num_threads(*count).build()?;
            let (accept, commit) = pool.install(|| epoch_costs(scene, messages));
            *row = (row.0.best(accept), row.1.best(commit));
        }
    }
    for ((accept, commit), count) in rows.iter().zip(cores) {
        println!(
            "| accepted, {count} core(s) | {} |",
            accept.per_second(messages.len())
        );
        println!(
            "| committed (what is accepted already), {count} core(s) | {} |",
            commit.per_second(messages.len())
        );
        let both = Cost {
            wall: accept.wall + commit.wall,
            processor: accept.processor + commit.processor,
        };
        println!(
            "| accepted and committed, {count} core(s) | {} |",
            both.per_second(messages.len())
        );
    }
    if let [(first, first_commit), (second, second_commit), ..] = rows[..] {
        println!(
            "\nTwo cores against one: accepted {:.2} times, committed {:.2} times.\n",
            first.wall / second.wall,
            first_commit.wall / second_commit.wall
        );
    }
    Ok(())
}

/// Of accepting an epoch's messages, and of ending it and hashing it.
fn epoch_costs(scene: &Scene, messages: &[SignedMessage]) -> (Cost, Cost) {
    let (mut ledger, mut trie) = (scene.ledger(), scene.trie.clone());
    let groups: Vec<_> = messages.chunks(GROUP).map(<[_]>::to_vec).collect();
    let (accept, taken) = Cost::of(|| {
        let results = groups.into_iter().map(|group| ledger.accept(group));
        results.flatten().filter(Result::is_ok).count()
    });
    assert_eq!(taken, messages.len());
    let (commit, _) = Cost::of(|| {
        let closed = ledger.close(Vec::new());
        trie.update(&closed.accounts, &closed.triads)
    });
    (accept, commit)
}

/// With the journal, on the disk of the current folder.
fn durable(scene: &Scene) -> Outcome {
    let folder = tempfile::tempdir_in(".")?;
    let path = folder.path().join("store");
    let store = Store::create(
        &path,
        scene.rules,
        scene.accounts.clone(),
        Settings::default(),
    )?;
    let messages = &scene.epochs[0];
    let mut groups: Vec<_> = messages.chunks(GROUP).map(<[_]>::to_vec).collect();
    let (accept, _) = Cost::of(|| {
        groups
            .drain(..)
            .try_for_each(|group| store.submit(group).map(drop))
    });
    let (commit, committed) = Cost::of(|| store.close_epoch(1, Vec::new()));
    assert_eq!(committed?.messages.len(), messages.len());
    println!("| on disk, all cores | per second | µs of processor each |\n|---|---|---|");
    println!(
        "| accepted, fsynced in groups of {GROUP} | {} |",
        accept.per_second(messages.len())
    );
    println!("| committed | {} |\n", commit.per_second(messages.len()));
    Ok(())
}

/// What leaving the shard costs, by its share.
fn shares(scene: &Scene) -> Outcome {
    let mut costs = vec![Cost::NONE; SHARES_PERCENT.len()];
    for _ in 0..ROUNDS {
        for (best, messages) in costs.iter_mut().zip(&scene.epochs) {
            let (accept, commit) = epoch_costs(scene, messages);
            let both = Cost {
                wall: accept.wall + commit.wall,
                processor: accept.processor + commit.processor,
            };
            *best = best.best(both);
        }
    }
    println!(
        "| share to other shards, all cores | accepted and committed per second | µs of processor each | against none |\n|---|---|---|---|"
    );
    for (share, cost) in SHARES_PERCENT.iter().zip(&costs) {
        let ratio = cost.processor / costs[0].processor;
        println!(
            "| {share} % | {} | {ratio:.2} |",
            cost.per_second(scene.epochs[0].len())
        );
    }
    println!();
    Ok(())
}

/// The ledger of the `transfer` program, which hashes two paths per transfer.
fn sequential() -> Outcome {
    let (genesis, secrets) = Genesis::demo(1, 1, 64, BALANCE)?;
    let mut ledger = Ledger::genesis(genesis.shard(0)?)?;
    let owners = secrets.accounts[0].iter().zip(0..);
    let mut wallets: Vec<Wallet> = owners
        .map(|(secret, index)| Wallet::new(secret.clone(), 0, index, 0))
        .collect();
    let transfers: Vec<_> = (0..SINGLE)
        .map(|i| {
            let key = wallets[(i + 1) % 64].key();
            wallets[i % 64].transfer((i as u64 + 1) % 64, key, 1)
        })
        .collect();
    let (cost, done) = Cost::of(|| {
        transfers
            .iter()
            .all(|signed| ledger.execute(0, signed).is_ok())
    });
    assert!(done);
    println!("| ledger of `transfer`, 1 core | per second | µs of processor each |\n|---|---|---|");
    println!(
        "| executed, root after each | {} |",
        cost.per_second(SINGLE)
    );
    Ok(())
}
