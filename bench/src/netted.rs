//! Honest inputs of the netted circuits, each as full as it can be: an epoch's parts, and joins and closes over simulated proofs.

use anyhow::{Context as _, Result, bail};
use ark_bn254::Fr;
use std::collections::BTreeMap;
use trifold_circuits::channel::BOX_DEPTH;
use trifold_circuits::groth16::advice::Proof;
use trifold_circuits::groth16::{Mode, Params, Plan};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::montgomery::key_u;
use trifold_circuits::netted::accounts::{Account, AccountTrie};
use trifold_circuits::netted::challenge::Challenge;
use trifold_circuits::netted::channels::Channels;
use trifold_circuits::netted::circuit::{CLOSE, PartCircuit, PartKeys, PartSize};
use trifold_circuits::netted::close::{Close, ClosedPart};
use trifold_circuits::netted::crossing::Crossing;
use trifold_circuits::netted::epoch::Change;
use trifold_circuits::netted::join::{Join, Joined};
use trifold_circuits::netted::message::{Domain, Message, Payment};
use trifold_circuits::netted::messages::{Messages, MessagesSize};
use trifold_circuits::netted::rows::{Rows, RowsSize, rows};
use trifold_circuits::netted::statement::{Context, Header, Part, destination};
use trifold_circuits::netted::tablet::Tablet;
use trifold_circuits::netted::traffic::{Boxes, Ending, Sent, Traffic};
use trifold_circuits::schnorr::SecretKey;
use trifold_circuits::snapshot::Exchange;
use trifold_circuits::trie::{SparseTrie, empty};
use trifold_coordinator::standin::Simulator;
use trifold_verifier::statement::{CHANNEL_DEPTH, Channel, Message as Letter, kind};

const SHARD: u32 = 1;
/// Levels of the account trie.
const DEPTH: u8 = 8;
/// Accounts of it that are taken.
const ACCOUNTS: u32 = 3u32.pow(7);

/// The inputs of the circuit of that name.
pub fn of(name: &str) -> Result<Inputs> {
    if name == CLOSE {
        return close();
    }
    let circuit = PartCircuit::ALL.into_iter().find(|c| c.name() == name);
    match circuit.map(PartCircuit::size) {
        Some(PartSize::Messages(size)) => messages(size),
        Some(PartSize::Tablet(levels)) => tablet(levels),
        Some(PartSize::Rows(size)) => touched(size),
        Some(PartSize::Channels(_)) => channels(),
        Some(PartSize::Join) => join(),
        None => bail!("no inputs for {name}"),
    }
}

fn context() -> Context {
    Context {
        keys: Fr::from(11),
        network: Fr::from(12),
        shard: SHARD,
        challenge: Challenge {
            gamma: Fr::from(1_234_567),
            alpha: Fr::from(7_654_321),
        },
    }
}

fn secret(account: u32) -> SecretKey {
    let mut seed = [1; 32];
    seed[..4].copy_from_slice(&account.to_le_bytes());
    SecretKey::from_seed(&seed)
}

fn messages(size: MessagesSize) -> Result<Inputs> {
    let network = context().network;
    let domain = Domain {
        network,
        shard: SHARD,
        payments: size.payments,
    };
    let payment = |to| Payment {
        account: to,
        shard: SHARD as u16,
        amount: 1,
        fee: 1,
    };
    let message = |from: u32| {
        let payments = (0..size.payments as u32).map(|n| payment(from + n));
        let message = Message {
            from,
            ordinal: 0,
            payments: payments.collect(),
        };
        message.sign(&domain, &secret(from))
    };
    let messages = Messages {
        size,
        network,
        shard: SHARD,
        collector: destination(0, SHARD),
        signed: (0..size.slots as u32).map(message).collect(),
    };
    Ok(messages.inputs(&context())?.0)
}

/// Accounts before and after each is paid.
fn paid(accounts: impl Iterator<Item = u32>) -> Result<(AccountTrie, BTreeMap<u32, Change>)> {
    let mut trie = AccountTrie::new(DEPTH)?;
    let key = key_u(secret(0).public().coordinates());
    let account = |balance| Account {
        key,
        balance,
        ordinal: 0,
    };
    trie.set_many((0..ACCOUNTS).map(|index| (index, account(5))))?;
    let change = |index| {
        let change = Change {
            new: account(6),
            ..Change::none(index, account(5))
        };
        (index, change)
    };
    Ok((trie, accounts.map(change).collect()))
}

fn tablet(levels: u8) -> Result<Inputs> {
    let (trie, changes) = paid(0..3u32.pow(levels.into()))?;
    Ok(Tablet::new(levels, 0, &trie, &changes)
        .inputs(&context())?
        .0)
}

/// As many rows as there is room for; they need not hang together.
fn touched(size: RowsSize) -> Result<Inputs> {
    let (before, changes) = paid((0..ACCOUNTS).step_by(3))?;
    let mut after = before.clone();
    let new = changes.values().map(|change| (change.index, change.new));
    let touched = after.set_many(new)?;
    let (bottom, upper) = rows(&before, &after, &changes, &touched);
    let rows = Rows {
        size,
        bottom: bottom.into_iter().cycle().take(size.bottom).collect(),
        upper: upper.into_iter().cycle().take(size.upper).collect(),
    };
    Ok(rows.inputs(&context())?.0)
}

/// As many messages as one part sends, through one channel.
fn channels() -> Result<Inputs> {
    let size = PartCircuit::Channels.channels().context("no size")?;
    let sent = |n| Sent {
        destination: 2,
        message: Letter {
            kind: kind::TRANSFER,
            from: n,
            to: n,
            amount: 1,
            payload: Fr::default(),
        },
        reply: false,
    };
    let none = empty(CHANNEL_DEPTH).context("no such level")?;
    let siblings = SparseTrie::new(CHANNEL_DEPTH)?.path(0)?;
    let channel = Channel {
        count: 0,
        messages: none,
    };
    let traffic = Traffic {
        seen: None,
        received: Vec::new(),
        sent: (0..size.sends as u32).map(sent).collect(),
        channels: [(2, Ending { channel, siblings })].into(),
        outbox: SparseTrie::new(BOX_DEPTH)?,
        inbox: SparseTrie::new(BOX_DEPTH)?,
    };
    let Crossing { mail, upper, .. } = Crossing::of(&traffic, |_| None)?;
    let channels = Channels {
        size,
        header: Header {
            capacity: 3u64.pow(DEPTH.into()),
            seen_digest: Fr::default(),
            lamport: 0,
            timestamp: 0,
        },
        seen: None,
        rows: Rows {
            size: size.rows,
            bottom: Vec::new(),
            upper,
        },
        mail,
    };
    Ok(channels.inputs(&context())?.0)
}

fn keys(simulator: &Simulator) -> Result<PartKeys> {
    let digest = simulator.prepared()?.digest();
    Ok(PartKeys::new(|_| Some(digest))?)
}

fn part(number: u64) -> Part {
    Part {
        commitment: Fr::from(10 * number),
        sum: Fr::from(20 * number),
        events: 5,
        ..Part::default()
    }
}

fn join() -> Result<Inputs> {
    let below = Simulator::new(1);
    let keys = keys(&below)?;
    let join = Join {
        context: Context {
            keys: keys.root(),
            ..context()
        },
        key: keys.key(PartCircuit::Messages),
        level: 0,
        index: 0,
        parts: [1, 2, 3].map(|number| Joined::Part(part(number))),
    };
    let proofs: [Option<Proof>; 3] = join.statements().map(|x| Some(below.prove(x)));
    let plan = Plan::new(Mode::Witness, Params::DEPLOYED, 3)?;
    Ok(join.inputs(&plan, &below.prepared()?, &proofs)?)
}

fn close() -> Result<Inputs> {
    let below = Simulator::new(1);
    let keys = keys(&below)?;
    let [messages, accounts] = [part(1), part(2)];
    let closed = |part| ClosedPart {
        key: keys.key(PartCircuit::Join),
        part,
    };
    let (old, new) = (Fr::from(70), Fr::from(71));
    let close = Close {
        network: context().network,
        shard: SHARD,
        keys: keys.root(),
        depth: DEPTH,
        old,
        new,
        sparse: false,
        seen_digest: Fr::default(),
        boxes: Boxes::default(),
        exchange: Exchange::default(),
        headers: 0,
        messages: closed(messages),
        accounts: closed(Part {
            level: DEPTH,
            old,
            new,
            sum: -messages.sum,
            ..accounts
        }),
    };
    let proofs = close.statements().map(|x| below.prove(x));
    let plan = Plan::new(Mode::Witness, Params::DEPLOYED, 2)?;
    let key = below.prepared()?;
    Ok(close.inputs(&plan, [&key, &key], &proofs)?)
}
