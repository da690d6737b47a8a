//! Messages: what becomes of each kind, and each constraint with the forgery that it is there for.

use crate::support::{
    ANY, Accounts, Circuit, SHARD, SIZE, World, coordinates, lines, midway, mixed,
};
use crate::{agree, get, set};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use trifold_circuits::channel::ChannelError;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::transfer::{self, Batch, SeenState, TransferError};
use trifold_verifier::statement::{Message, answer_payload, kind};

#[test]
fn a_batch_of_messages_and_transfers_states_all_that_it_moves() {
    let statement = agree(&Circuit::small(), &mixed());
    assert_eq!(statement.events, 4);
    assert_eq!((statement.sent, statement.received), (85, 140));
    // Of shards 7 and 1, the larger each.
    assert_eq!(statement.received_lamport, 57);
    assert_eq!(statement.received_timestamp, 8999);
}

/// A message to one of three accounts, of which the last can take 10 more, and what must become of it: the account it changes and
/// its balance after, and what goes back.
struct Case {
    name: &'static str,
    message: Message,
    after: (u64, Option<u64>),
    reply: Option<Message>,
}

fn cases() -> Vec<Case> {
    let own = |owner| transfer::payload(coordinates(owner));
    let message = |kind, to, amount, payload| Message {
        kind,
        from: 4,
        to,
        amount,
        payload,
    };
    let back = |kind, from, amount, payload| {
        Some(Message {
            kind,
            from,
            to: 4,
            amount,
            payload,
        })
    };
    let account = |owner, balance| transfer::account(coordinates(owner), balance, 0);
    let answer = |account| answer_payload(0, account);
    let full = u64::MAX - 10;
    let row = |name, message, after, reply| Case {
        name,
        message,
        after,
        reply,
    };
    vec![
        row("named", message(0, 1, 9, own(1)), (1, Some(59)), None),
        row("unnamed", message(0, 1, 9, Fr::ZERO), (1, Some(59)), None),
        row("opened", message(0, 20, 9, own(7)), (20, Some(9)), None),
        row(
            "foreign key",
            message(0, 1, 9, own(2)),
            (1, Some(50)),
            back(1, 1, 9, own(2)),
        ),
        row(
            "nobody named",
            message(0, 20, 9, Fr::ZERO),
            (20, None),
            back(1, 20, 9, Fr::ZERO),
        ),
        row(
            "beyond the trie",
            message(0, 27, 9, own(0)),
            (0, Some(100)),
            back(1, 27, 9, own(0)),
        ),
        row(
            "to the last place",
            message(0, 26, 9, own(7)),
            (26, Some(9)),
            None,
        ),
        row(
            "too much",
            message(0, 2, 11, own(2)),
            (2, Some(full)),
            back(1, 2, 11, own(2)),
        ),
        row(
            "just enough",
            message(0, 2, 10, own(2)),
            (2, Some(u64::MAX)),
            None,
        ),
        row("no value", message(0, 1, 0, own(1)), (1, Some(50)), None),
        row(
            "asked",
            message(2, 1, 9, own(1)),
            (1, Some(59)),
            back(3, 1, 0, answer(account(1, 59))),
        ),
        row(
            "asked of nobody",
            message(2, 20, 9, Fr::ZERO),
            (20, None),
            back(3, 20, 9, answer(Fr::ZERO)),
        ),
        row(
            "asked to open",
            message(2, 20, 9, own(7)),
            (20, Some(9)),
            back(3, 20, 0, answer(account(7, 9))),
        ),
        row(
            "asked of another",
            message(2, 1, 9, own(2)),
            (1, Some(50)),
            back(3, 1, 9, answer(account(1, 50))),
        ),
        row(
            "asked beyond the trie",
            message(2, 27, 9, own(0)),
            (0, Some(100)),
            back(3, 27, 9, answer(Fr::ZERO)),
        ),
        row(
            "asked for nothing",
            message(2, 1, 0, Fr::ZERO),
            (1, Some(50)),
            back(3, 1, 0, answer(account(1, 50))),
        ),
        row("returned", message(1, 1, 9, own(2)), (1, Some(59)), None),
        row(
            "returned to nobody",
            message(1, 20, 9, own(7)),
            (20, None),
            None,
        ),
        row(
            "returned to who is full",
            message(1, 2, 11, own(2)),
            (2, Some(full)),
            None,
        ),
        row(
            "answered",
            message(3, 1, 9, Fr::from(8)),
            (1, Some(59)),
            None,
        ),
        row(
            "of no known kind",
            message(u32::MAX, 1, 9, Fr::from(8)),
            (1, Some(59)),
            None,
        ),
        row(
            "of no known kind to nobody",
            message(4, u32::MAX, 9, Fr::ZERO),
            (0, Some(100)),
            None,
        ),
    ]
}

#[test]
fn every_message_does_what_its_kind_says() {
    let circuit = Circuit::small();
    for case in cases() {
        let Case {
            name,
            message,
            after: (place, balance),
            reply,
        } = case;
        let mut world = World::new(1);
        world.send(2, SHARD, message);
        let mut accounts = Accounts::new(SIZE.depth, &[100, 50, u64::MAX - 10]);
        accounts.receive(world.state(), world.opening(2, SHARD, 0), 7);
        let batch = accounts.batch();
        let statement = agree(&circuit, &batch);
        assert_eq!(accounts.balance(place), balance, "{name}");
        let sent: Vec<_> = batch.sends.iter().map(|send| send.message).collect();
        assert_eq!(sent, Vec::from_iter(reply), "{name}");
        let back = reply.map_or(0, |reply| u128::from(reply.amount));
        assert_eq!(
            (statement.received, statement.sent),
            (message.amount.into(), back),
            "{name}"
        );
    }
}

#[test]
fn states_of_every_depth_are_opened() {
    let circuit = Circuit::small();
    for depth in [1, 3] {
        let mut world = World::new(depth);
        let last = 3u32.pow(depth as u32) - 1;
        world.send(last, SHARD, unnamed(9));
        let mut accounts = Accounts::new(SIZE.depth, &[100, 50]);
        accounts.receive(world.state(), world.opening(last, SHARD, 0), 7);
        agree(&circuit, &accounts.batch());
    }
}

#[test]
fn several_messages_of_one_channel_are_taken_and_sent_in_one_batch() {
    let mut world = World::new(1);
    world.send(2, SHARD, unnamed(9));
    world.send(2, SHARD, unnamed(10));
    let mut accounts = Accounts::new(SIZE.depth, &[100, 50]);
    for index in [0, 1] {
        accounts.receive(world.state(), world.opening(2, SHARD, index), 7);
    }
    for amount in [1, 2, 3] {
        accounts.leave(0, (19_682, u32::MAX.into()), ANY, amount, amount == 2);
    }
    let statement = agree(&Circuit::small(), &accounts.batch());
    assert_eq!((statement.sent, statement.received), (6, 19));
}

fn unnamed(amount: u64) -> Message {
    Message {
        kind: kind::TRANSFER,
        from: 4,
        to: 1,
        amount,
        payload: Fr::ZERO,
    }
}

/// A forgery by inputs: its name, the change to the honest inputs, and the line that must refuse it.
type Forgery = (&'static str, fn(&mut Inputs), &'static str);

const OPENED: &str = "Receive: real * (root - seen_root) === 0;";
const COUNTED: &str = "Receive: real * (before - inbox) === 0;";
const STATE: &str = "SeenState: real * (opened - digest) === 0;";
const ACCOUNT: &str = "Deliver: real * (update.oldRoot - root) === 0;";
const CHAIN: &str = "appended[S] === chain[M + N];";
const OUTBOX: &str = "Send: real * (update.oldRoot - outbox) === 0;";

fn add(inputs: &mut Inputs, name: &str, place: usize, value: Fr) {
    let changed = get(inputs, name, place) + value;
    set(inputs, name, place, changed);
}

fn two_to(exponent: u64) -> Fr {
    Fr::from(2).pow([exponent])
}

/// Puts another opening of the same world into the first slot.
fn reopen(inputs: &mut Inputs, source: u32, destination: u32, index: u64) {
    let (mut accounts, world) = midway();
    let opening = world.opening(source, SHARD, 1.min(index));
    accounts.receive(world.state(), opening, 7);
    let mut batch = accounts.batch();
    batch.receives[0].opening = world.opening(source, destination, index);
    for (name, values) in batch.opening_inputs() {
        for (place, value) in values.into_iter().enumerate() {
            set(inputs, name, place, value);
        }
    }
}

/// The signals of the first slot that say what is received.
trait OpeningInputs {
    fn opening_inputs(&self) -> Vec<(&'static str, Vec<Fr>)>;
}

impl OpeningInputs for Batch {
    fn opening_inputs(&self) -> Vec<(&'static str, Vec<Fr>)> {
        let opening = &self.receives[0].opening;
        let message = &opening.message;
        vec![
            ("source", vec![opening.source.into()]),
            ("channel_count", vec![opening.count.into()]),
            ("channel_siblings", opening.channel_siblings.concat()),
            ("index", vec![opening.index.into()]),
            ("index_siblings", opening.index_siblings.concat()),
            ("message_kind", vec![message.kind.into()]),
            ("message_to", vec![message.to.into()]),
            ("message_amount", vec![message.amount.into()]),
            ("message_payload", vec![message.payload]),
        ]
    }
}

const FORGERIES: &[Forgery] = &[
    (
        "a message skipped",
        |inputs| reopen(inputs, 7, SHARD, 2),
        COUNTED,
    ),
    (
        "a message taken again",
        |inputs| reopen(inputs, 7, SHARD, 0),
        COUNTED,
    ),
    (
        "another shard's message",
        |inputs| reopen(inputs, 7, 6, 0),
        OPENED,
    ),
    (
        "one message in both slots",
        |inputs| {
            for name in [
                "source",
                "leaf_lamport",
                "leaf_timestamp",
                "body_state_root",
                "body_inbox_root",
                "channel_count",
                "index",
                "message_kind",
                "message_to",
                "message_amount",
                "message_payload",
            ] {
                let first = get(inputs, name, 0);
                set(inputs, name, 1, first);
            }
            for name in [
                "leaf_siblings",
                "channel_siblings",
                "index_siblings",
                "inbox_siblings",
            ] {
                let values = inputs.get_mut(name).unwrap();
                let half = values.len() / 2;
                values.copy_within(..half, half);
            }
        },
        COUNTED,
    ),
    (
        "another amount",
        |inputs| add(inputs, "message_amount", 0, Fr::ONE),
        OPENED,
    ),
    (
        "another receiver",
        |inputs| add(inputs, "message_to", 0, Fr::ONE),
        OPENED,
    ),
    (
        "another sender",
        |inputs| add(inputs, "message_from", 0, Fr::ONE),
        OPENED,
    ),
    (
        "another kind",
        |inputs| set(inputs, "message_kind", 0, Fr::ZERO),
        OPENED,
    ),
    (
        "another payload",
        |inputs| add(inputs, "message_payload", 0, Fr::ONE),
        OPENED,
    ),
    (
        "another place in the channel",
        |inputs| add(inputs, "index", 0, Fr::ONE),
        OPENED,
    ),
    (
        "a place beyond the channel",
        |inputs| add(inputs, "index", 0, Fr::from(3u64.pow(20))),
        "Digits3: sum === index;",
    ),
    (
        "another length of the channel",
        |inputs| add(inputs, "channel_count", 0, Fr::ONE),
        OPENED,
    ),
    (
        "a sibling in the channel",
        |inputs| add(inputs, "index_siblings", 7, Fr::ONE),
        OPENED,
    ),
    (
        "a sibling in the outbox",
        |inputs| add(inputs, "channel_siblings", 7, Fr::ONE),
        OPENED,
    ),
    (
        "a sibling above the leaf",
        |inputs| add(inputs, "leaf_siblings", 3, Fr::ONE),
        OPENED,
    ),
    (
        "a sibling in the inbox",
        |inputs| add(inputs, "inbox_siblings", 7, Fr::ONE),
        COUNTED,
    ),
    (
        "another source",
        |inputs| set(inputs, "source", 0, Fr::from(8)),
        OPENED,
    ),
    (
        "a source above the state's depth",
        |inputs| set(inputs, "source", 0, Fr::from(7 + 9)),
        "ShardRoot: (one[i] + two[i]) * above === 0;",
    ),
    (
        "a source beyond every trie",
        |inputs| set(inputs, "source", 0, Fr::from(7 + 19_683)),
        "Digits3: sum === index;",
    ),
    (
        "a state of another root",
        |inputs| add(inputs, "state_root", 0, Fr::ONE),
        STATE,
    ),
    (
        "a state of another epoch",
        |inputs| add(inputs, "state_epoch", 0, Fr::ONE),
        STATE,
    ),
    (
        "a state of another history",
        |inputs| add(inputs, "state_history", 0, Fr::ONE),
        STATE,
    ),
    (
        "a state of another value",
        |inputs| add(inputs, "state_in_flight", 0, Fr::ONE),
        STATE,
    ),
    (
        "a state of another depth",
        |inputs| add(inputs, "state_depth", 0, Fr::ONE),
        STATE,
    ),
    (
        "a state that was not seen",
        |inputs| set(inputs, "seen_digest", 0, Fr::ONE),
        STATE,
    ),
    (
        "a source of another clock",
        |inputs| add(inputs, "leaf_lamport", 0, Fr::ONE),
        OPENED,
    ),
    (
        "a source of another timestamp",
        |inputs| add(inputs, "leaf_timestamp", 0, Fr::ONE),
        OPENED,
    ),
    (
        "a source of another program",
        |inputs| add(inputs, "leaf_program", 0, Fr::ONE),
        OPENED,
    ),
    (
        "a source of another state",
        |inputs| add(inputs, "body_state_root", 0, Fr::ONE),
        OPENED,
    ),
    (
        "a source of another inbox",
        |inputs| add(inputs, "body_inbox_root", 0, Fr::ONE),
        OPENED,
    ),
    (
        "a source of another supply",
        |inputs| add(inputs, "leaf_supply", 0, Fr::ONE),
        OPENED,
    ),
    (
        "a source that saw something else",
        |inputs| add(inputs, "leaf_seen_digest", 0, Fr::ONE),
        OPENED,
    ),
    (
        "a source that saw it earlier",
        |inputs| add(inputs, "leaf_seen_epoch", 0, -Fr::ONE),
        OPENED,
    ),
    (
        "an amount with a bit of the receiver",
        |inputs| {
            add(inputs, "message_amount", 0, two_to(64));
            add(inputs, "message_to", 0, -Fr::ONE);
        },
        "Deliver: _ <== Bits(64)(amount);",
    ),
    (
        "a receiver with a bit of the sender",
        |inputs| {
            add(inputs, "message_to", 0, two_to(32));
            add(inputs, "message_from", 0, -Fr::ONE);
        },
        "Deliver: _ <== Bits(32)(to);",
    ),
    (
        "a sender with a bit of the kind",
        |inputs| {
            add(inputs, "message_from", 0, two_to(32));
            add(inputs, "message_kind", 0, -Fr::ONE);
        },
        "Deliver: _ <== Bits(32)(from);",
    ),
    (
        "a negative sender and a kind to match",
        |inputs| {
            add(inputs, "message_kind", 0, Fr::ONE);
            add(inputs, "message_from", 0, -two_to(32));
        },
        "Deliver: _ <== Bits(32)(from);",
    ),
    (
        "a kind of 2^32",
        |inputs| {
            // amount + 2^128 kind is the same for kind + 1/2^128.
            add(inputs, "message_kind", 0, two_to(128).inverse().unwrap());
            add(inputs, "message_amount", 0, -Fr::ONE);
        },
        "Deliver: _ <== Bits(32)(kind);",
    ),
    (
        "an account richer than it is",
        |inputs| add(inputs, "account_balance", 0, Fr::ONE),
        ACCOUNT,
    ),
    (
        "an account of another key",
        |inputs| add(inputs, "account_key", 0, Fr::ONE),
        ACCOUNT,
    ),
    (
        "an account of another ordinal",
        |inputs| add(inputs, "account_ordinal", 0, Fr::ONE),
        ACCOUNT,
    ),
    (
        "a sibling of the account",
        |inputs| add(inputs, "account_siblings", 1, Fr::ONE),
        ACCOUNT,
    ),
    (
        "an account said to be missing",
        |inputs| {
            set(inputs, "account_occupied", 0, Fr::ZERO);
            set(inputs, "account_balance", 0, Fr::ZERO);
        },
        ACCOUNT,
    ),
    (
        "half an account",
        |inputs| set(inputs, "account_occupied", 0, two_to(1).inverse().unwrap()),
        "Deliver: occupied * (occupied - 1) === 0;",
    ),
    (
        "no account with a balance",
        |inputs| set(inputs, "account_occupied", 0, Fr::ZERO),
        "Deliver: (1 - occupied) * balance === 0;",
    ),
    (
        "a message not received",
        |inputs| set(inputs, "receives", 0, Fr::ONE),
        "=== ",
    ),
    (
        "more received than slots",
        |inputs| set(inputs, "receives", 0, Fr::from(3)),
        "Prefix: used === count;",
    ),
    (
        "a reply suppressed",
        |inputs| set(inputs, "sends", 0, Fr::from(2)),
        CHAIN,
    ),
    (
        "nothing sent",
        |inputs| set(inputs, "sends", 0, Fr::ZERO),
        CHAIN,
    ),
    (
        "more sent than slots",
        |inputs| set(inputs, "sends", 0, Fr::from(4)),
        "Prefix: used === count;",
    ),
    (
        "a shard that no network has",
        |inputs| add(inputs, "send_destination", 0, Fr::from(19_683)),
        "Digits3: sum === index;",
    ),
    (
        "a place in the channel left free",
        |inputs| add(inputs, "send_count", 1, Fr::ONE),
        OUTBOX,
    ),
    (
        "a channel begun again",
        |inputs| set(inputs, "send_count", 1, Fr::ZERO),
        "Send: first * (append.oldRoot - empty[channel_depth()]) === 0;",
    ),
    (
        "a sent message replaced",
        |inputs| add(inputs, "send_message_siblings", 40, Fr::ONE),
        OUTBOX,
    ),
    (
        "a channel that begins with something in it",
        |inputs| add(inputs, "send_message_siblings", 0, Fr::ONE),
        "Send: first * (append.oldRoot - empty[channel_depth()]) === 0;",
    ),
    (
        "a sibling in the own outbox",
        |inputs| add(inputs, "send_outbox_siblings", 0, Fr::ONE),
        OUTBOX,
    ),
    (
        "another outbox",
        |inputs| add(inputs, "old_outbox", 0, Fr::ONE),
        OUTBOX,
    ),
    (
        "another inbox",
        |inputs| add(inputs, "old_inbox", 0, Fr::ONE),
        COUNTED,
    ),
    (
        "no outbox yet",
        |inputs| set(inputs, "old_outbox", 0, Fr::ZERO),
        OUTBOX,
    ),
    (
        "no inbox yet",
        |inputs| set(inputs, "old_inbox", 0, Fr::ZERO),
        COUNTED,
    ),
];

#[test]
fn each_constraint_on_messages_refuses_its_forgery() {
    let circuit = Circuit::small();
    let honest = mixed().inputs(SIZE).unwrap().0;
    for (name, forge, expected) in FORGERIES {
        let mut inputs = honest.clone();
        forge(&mut inputs);
        let found = lines(&circuit.refusal(&inputs));
        println!("{name}: {found:?}");
        assert!(
            found.iter().any(|line| line.contains(expected)),
            "{name}: refused at {found:?}"
        );
    }
}

/// What is sent in place of what was made.
type Resending = (&'static str, fn(&mut Vec<(u32, Message)>));

const RESENDINGS: &[Resending] = &[
    ("one dropped", |made| made.truncate(2)),
    ("the first dropped", |made| *made = made.split_off(1)),
    ("all dropped", |made| made.clear()),
    ("two exchanged", |made| made.swap(0, 1)),
    ("one sent twice in place of another", |made| {
        made[2] = made[1]
    }),
    ("a return of less", |made| made[1].1.amount -= 1),
    ("a return to another", |made| made[1].1.to += 1),
    ("a return through another channel", |made| made[1].0 = 2),
    ("an answer of more", |made| made[0].1.amount += 1),
    ("an answer of something else", |made| {
        made[0].1.payload += Fr::ONE
    }),
    ("an answer that is none", |made| made[0].1.kind = 1),
    ("a transfer of more", |made| made[2].1.amount += 1),
];

/// The channels are rewritten to hold what is sent instead, so only the chain can tell.
#[test]
fn what_is_sent_is_what_was_made() {
    let circuit = Circuit::small();
    let batch = mixed();
    let made = batch
        .sends
        .iter()
        .map(|send| (send.destination, send.message));
    for (name, change) in RESENDINGS {
        let mut sent: Vec<_> = made.clone().collect();
        change(&mut sent);
        let mut outbox = midway().0.outbox;
        let mut forged = batch.clone();
        forged.sends = sent
            .into_iter()
            .map(|(destination, message)| outbox.append(destination, message))
            .collect();
        let error = forged.statement(SIZE).unwrap_err();
        assert!(
            matches!(
                error,
                TransferError::Emitted { .. } | TransferError::Other { .. }
            ),
            "{name}: {error}"
        );
        let mut inputs = batch.inputs(SIZE).unwrap().0;
        put_sends(&mut inputs, &forged);
        let found = lines(&circuit.refusal(&inputs));
        assert!(
            found.iter().any(|line| line.contains(CHAIN)),
            "{name}: {found:?}"
        );
    }
}

fn put_sends(inputs: &mut Inputs, batch: &Batch) {
    set(inputs, "sends", 0, Fr::from(batch.sends.len() as u64));
    for (slot, send) in batch.sends.iter().enumerate() {
        set(inputs, "send_destination", slot, send.destination.into());
        set(inputs, "send_word", slot, send.message.word());
        set(inputs, "send_payload", slot, send.message.payload);
        set(inputs, "send_count", slot, send.count.into());
        let mut siblings = |name, values: Vec<Fr>| {
            let length = values.len();
            inputs.get_mut(name).unwrap()[slot * length..][..length].copy_from_slice(&values);
        };
        siblings("send_message_siblings", send.message_siblings.concat());
        siblings("send_outbox_siblings", send.outbox_siblings.concat());
    }
}

/// Someone who opens an account for another key than the message names would have its value.
#[test]
fn an_account_is_opened_for_the_named_key_only() {
    let mut world = World::new(1);
    world.send(
        2,
        SHARD,
        Message {
            to: 20,
            payload: transfer::payload(coordinates(7)),
            ..unnamed(9)
        },
    );
    let mut accounts = Accounts::new(SIZE.depth, &[100, 50]);
    accounts.receive(world.state(), world.opening(2, SHARD, 0), 7);
    let mut batch = accounts.batch();
    let (mut inputs, _) = batch.inputs(SIZE).unwrap();
    set(&mut inputs, "account_key", 0, coordinates(8).x);
    set(&mut inputs, "account_key", 1, coordinates(8).y);
    let found = lines(&Circuit::small().refusal(&inputs));
    let line = "Deliver: opened * (digest - payload) === 0;";
    assert!(found.iter().any(|found| found == line), "{found:?}");
    batch.receives[0].key = coordinates(8);
    assert_eq!(batch.statement(SIZE), Err(TransferError::Key { slot: 0 }));
}

#[test]
fn value_and_clocks_cant_be_misstated() {
    let circuit = Circuit::small();
    let (inputs, honest) = mixed().inputs(SIZE).unwrap();
    let changes: [fn(&mut trifold_verifier::statement::ProgramStatement); 5] = [
        |statement| statement.sent -= 1,
        |statement| statement.received += 1,
        |statement| statement.received_lamport -= 1,
        |statement| statement.received_timestamp = 0,
        |statement| statement.events -= 1,
    ];
    for change in changes {
        let mut statement = honest;
        change(&mut statement);
        let mut inputs = inputs.clone();
        set(&mut inputs, "x", 0, statement.digest());
        let found = lines(&circuit.refusal(&inputs));
        assert!(found.iter().any(|line| line.contains("x === statement;")));
    }
}

#[test]
fn the_native_relation_names_what_is_wrong_with_messages() {
    let refuse = |change: fn(&mut Batch)| {
        let mut batch = mixed();
        change(&mut batch);
        batch.statement(SIZE).unwrap_err()
    };
    let opening = |source| TransferError::Opening { slot: 0, source };
    let no_message = ChannelError::Message {
        source_shard: 7,
        index: 1,
    };
    assert_eq!(refuse(|batch| batch.seen = None), TransferError::NoState);
    assert_eq!(
        refuse(|batch| batch.seen_digest = Fr::ONE),
        TransferError::State
    );
    assert_eq!(
        refuse(|batch| {
            batch.receives.clear();
            batch.sends.drain(..2);
        }),
        TransferError::State
    );
    assert_eq!(
        refuse(|batch| batch.receives[0].opening.message.amount = 61),
        opening(no_message)
    );
    assert_eq!(
        refuse(|batch| batch.receives[0].opening.leaf.lamport += 1),
        opening(ChannelError::NotUnderState(7))
    );
    assert!(matches!(
        refuse(|batch| batch.receives[0].opening.source = 7 + 9),
        TransferError::Opening {
            slot: 0,
            source: ChannelError::Path { what: "leaf", .. }
        }
    ));
    let inbox = ChannelError::Inbox {
        source_shard: 7,
        index: 1,
    };
    assert_eq!(
        refuse(|batch| batch.receives[1] = batch.receives[0].clone()),
        TransferError::Opening {
            slot: 1,
            source: inbox
        }
    );
    assert_eq!(
        refuse(|batch| batch.receives[0].held = None),
        TransferError::Account { slot: 0 }
    );
    let append = |slot, source| TransferError::Append { slot, source };
    assert_eq!(
        refuse(|batch| batch.sends[0].count = 4),
        append(0, ChannelError::Outbox(7))
    );
    let taken = ChannelError::Taken {
        destination: 1,
        count: 0,
    };
    assert_eq!(refuse(|batch| batch.sends[1].count = 0), append(1, taken));
    let too_many = |what, count, slots| TransferError::TooMany { what, count, slots };
    assert_eq!(
        refuse(|batch| batch.sends.extend(batch.sends.clone())),
        too_many("sent messages", 6, 3)
    );
    assert_eq!(
        refuse(|batch| batch.receives.push(batch.receives[0].clone())),
        too_many("received messages", 3, 2)
    );
    let resigned = |change: fn(&mut transfer::Transfer)| {
        let mut batch = mixed();
        let step = &mut batch.steps[1];
        change(&mut step.signed.transfer);
        step.signed.signature = crate::key(1).sign(step.signed.transfer.message(SHARD));
        batch.statement(SIZE).unwrap_err()
    };
    let shard = 19_683;
    assert_eq!(
        resigned(|transfer| transfer.to_shard = 19_683),
        TransferError::Shard { slot: 1, shard }
    );
    let to = 1 << 32;
    assert_eq!(
        resigned(|transfer| transfer.to = 1 << 32),
        TransferError::To { slot: 1, to }
    );
    assert_eq!(
        resigned(|transfer| (transfer.to_shard, transfer.request) = (SHARD, true)),
        TransferError::LocalRequest { slot: 1 }
    );
}

/// A batch survives storage and travel.
#[test]
fn batches_are_read_as_they_were_written() {
    let batch = mixed();
    let bytes = postcard::to_allocvec(&batch).unwrap();
    assert_eq!(postcard::from_bytes::<Batch>(&bytes).unwrap(), batch);
    let text = serde_json::to_string(&batch).unwrap();
    assert_eq!(serde_json::from_str::<Batch>(&text).unwrap(), batch);
    let Some(SeenState(state)) = batch.seen else {
        panic!("mixed receives");
    };
    assert_eq!(state.digest(), batch.seen_digest);
}
