use crate::calculator::Circuit;
use crate::join::{NOTHING, flat, tablets};
use crate::mail::{self, Post};
use crate::rows::all as all_rows;
use crate::support::{
    Forgery, LIST, SHARD, SINGLE, all_violated, carried, epoch, every_input_counts, free_wires,
    get, message, messages, network, part_key, part_keys, pay, power, set,
};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::sync::LazyLock;
use trifold_circuits::netted::assembly::{Assembly, Carried as Epochal};
use trifold_circuits::netted::circuit::{PartCircuit, PartKeys};
use trifold_circuits::netted::close::{Close, CloseError, ClosedPart};
use trifold_circuits::netted::join::{Join, Joined};
use trifold_circuits::netted::manifest::Tree;
use trifold_circuits::netted::part_inputs::Home;
use trifold_circuits::netted::rows::Rows;
use trifold_circuits::netted::statement::{Context, Part, State, joined};
use trifold_circuits::netted::tablet::Tablet;
use trifold_circuits::netted::traffic::Boxes;
use trifold_circuits::snapshot::Exchange;
use trifold_circuits::transfer::body;
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::statement::Channel;

static CLAIMS: LazyLock<Circuit> = LazyLock::new(|| Circuit::file("tests/netted/close.circom"));

/// The epoch closed over these parts, each made once the challenges are known.
fn close(
    sparse: bool,
    commitments: [Fr; 2],
    messages: impl Fn(Context) -> Part,
    accounts: impl Fn(Context) -> Part,
) -> Close {
    let carried = carried();
    let commitment = |commitment| Part {
        commitment,
        ..Part::default()
    };
    let [first, second] = commitments.map(commitment);
    let closed = |part| ClosedPart {
        key: part_key(4),
        part,
    };
    let mut close = Close {
        network: network(),
        shard: SHARD,
        keys: part_keys().root(),
        depth: carried.before.depth(),
        old: carried.before.root(),
        new: carried.after.root(),
        sparse,
        seen_digest: Fr::from(3),
        boxes: Boxes::default(),
        exchange: Exchange::default(),
        headers: 0,
        messages: closed(first),
        accounts: closed(second),
    };
    let context = close.context();
    close.messages.part = messages(context);
    close.accounts.part = accounts(context);
    close
}

fn message_commitment() -> Fr {
    joined([
        messages(SINGLE).commitment(),
        Fr::ZERO,
        messages(LIST).commitment(),
    ])
}

/// Accounts as two tablets, the one between them absent.
fn dense() -> Close {
    let carried = carried();
    let tablet = |index| Tablet::new(2, index, &carried.before, &carried.changes).commitment();
    let accounts = joined([tablet(0), Fr::ZERO, tablet(2)]);
    let flat = |context| flat(context).part().unwrap();
    let tablets = |context| tablets(context).part().unwrap();
    close(false, [message_commitment(), accounts], flat, tablets)
}

/// Accounts as rows in two proofs, which share neither bottom nor upper ones evenly.
fn sparse() -> Close {
    let [first, second] = halves();
    let accounts = joined([first.commitment(), second.commitment(), Fr::ZERO]);
    let flat = |context| flat(context).part().unwrap();
    close(true, [message_commitment(), accounts], flat, |context| {
        rows_joined(context, [&first, &second])
    })
}

fn halves() -> [Rows; 2] {
    let (mut first, mut second) = (all_rows(), all_rows());
    first.upper.truncate(1);
    first.bottom.truncate(2);
    second.upper.remove(0);
    second.bottom.drain(..2);
    [first, second]
}

fn rows_joined(context: Context, rows: [&Rows; 2]) -> Part {
    let [first, second] = rows.map(|rows| Joined::Part(rows.part(&context).unwrap()));
    let join = Join {
        context,
        key: part_key(3),
        level: 0,
        index: 0,
        parts: [first, second, NOTHING],
    };
    join.part().unwrap()
}

#[test]
fn an_epoch_closes_over_tablets_and_over_rows_with_the_same_statement() {
    let (dense, sparse) = (dense(), sparse());
    let statement = dense.statement().unwrap();
    assert_eq!(sparse.statement().unwrap(), statement);
    let carried = carried();
    let state = |accounts| State {
        network: network(),
        keys: part_keys().root(),
        depth: 3,
        accounts,
    };
    assert_eq!(
        statement.old_body,
        body(state(carried.before.root()).digest()).digest()
    );
    assert_eq!(
        statement.new_body,
        body(state(carried.after.root()).digest()).digest()
    );
    assert_eq!((statement.shard, statement.events), (SHARD, 3));
    for close in [dense, sparse] {
        let witness = CLAIMS.honest_witness(&close.claims());
        assert_eq!(CLAIMS.check(&witness), Ok(()));
        assert_eq!(witness[1..3], close.statements());
        assert_eq!(witness[3], statement.digest());
    }
}

#[test]
fn no_wire_is_free() {
    for close in [dense(), sparse()] {
        let witness = CLAIMS.witness(&close.claims());
        assert_eq!(free_wires(&CLAIMS, &witness), Vec::<usize>::new());
    }
}

const FORGERIES: &[Forgery] = &[
    ("a sum of messages", |inputs| {
        set(inputs, "sum", 0, Fr::from(1))
    }),
    ("a sum of accounts", |inputs| {
        set(inputs, "sum", 1, Fr::from(1))
    }),
    ("neither rows nor tablets", |inputs| {
        set(inputs, "sparse", 0, Fr::from(2))
    }),
    ("an unknown key of messages", |inputs| {
        set(inputs, "key", 0, Fr::from(9))
    }),
    ("an unknown key of accounts", |inputs| {
        set(inputs, "key", 1, Fr::from(9))
    }),
    ("a key from another place", |inputs| {
        set(inputs, "key_index", 1, Fr::from(3))
    }),
    ("other keys", |inputs| set(inputs, "keys", 0, Fr::from(9))),
    ("no levels", |inputs| set(inputs, "depth", 0, Fr::ZERO)),
    ("33 levels", |inputs| set(inputs, "depth", 0, Fr::from(33))),
];

#[test]
fn each_constraint_refuses_its_forgery() {
    for close in [dense(), sparse()] {
        all_violated(&CLAIMS, &close.claims(), FORGERIES);
    }
}

#[test]
fn rows_do_not_close_without_their_root() {
    // Rows taken for tablets, and the other way round.
    for close in [dense(), sparse()] {
        let mut inputs = close.claims();
        set(&mut inputs, "sparse", 0, Fr::from(!close.sparse));
        let mut other = close.clone();
        other.sparse = !close.sparse;
        assert!(other.statement().is_err());
        let witness = CLAIMS.witness(&inputs);
        assert_ne!(witness[1..3], close.statements());
    }
    let sparse = sparse();
    let mut inputs = sparse.claims();
    let root = get(&inputs, "sum", 0) + get(&inputs, "sum", 1);
    assert_ne!(root, Fr::ZERO);
    let balanced = get(&inputs, "sum", 1) - root;
    set(&mut inputs, "sum", 1, balanced);
    assert!(!CLAIMS.accepts(&inputs));
}

#[test]
fn whatever_changes_is_stated_or_refused() {
    for close in [dense(), sparse()] {
        every_input_counts(&CLAIMS, &close.claims(), 3);
    }
}

/// Whether the epoch closes when its accounts come as one tablet that was changed.
fn closes_with(change: impl Fn(&mut Tablet)) -> bool {
    let carried = carried();
    let mut tablet = Tablet::new(3, 0, &carried.before, &carried.changes);
    change(&mut tablet);
    let accounts = |context| tablet.part(&context).unwrap();
    let mut close = close(
        false,
        [message_commitment(), tablet.commitment()],
        |context| flat(context).part().unwrap(),
        accounts,
    );
    close.old = close.accounts.part.old;
    close.new = close.accounts.part.new;
    let context = close.context();
    close.messages.part = flat(context).part().unwrap();
    close.accounts.part = accounts(context);
    close.statement().is_ok()
}

#[test]
fn accounts_that_do_not_follow_from_the_messages_do_not_close() {
    assert!(closes_with(|_| ()));
    assert!(!closes_with(|tablet| tablet.changes[4].new.balance += 1));
    assert!(!closes_with(|tablet| {
        tablet.changes[1].new.balance -= 1;
        tablet.changes[4].new.balance += 1;
    }));
    assert!(!closes_with(|tablet| tablet.changes[0].rest += 1));
    assert!(!closes_with(|tablet| tablet.changes[0].new.ordinal = 3));
    assert!(!closes_with(|tablet| tablet.changes[0].new.ordinal = 1));
    assert!(!closes_with(|tablet| {
        tablet.changes[0].old.ordinal += 1;
        tablet.changes[0].new.ordinal += 1;
    }));
    assert!(!closes_with(|tablet| {
        let key = tablet.changes[1].old.key;
        tablet.changes[0].old.key = key;
        tablet.changes[0].new.key = key;
    }));
    // A debit and a credit of the same account left out together: the opening balance has to cover the debit.
    assert!(!closes_with(|tablet| tablet.changes[2].rest = 7));
    // What may change freely: the key of an account that has none.
    assert!(closes_with(|tablet| tablet.changes[5].new.key = Fr::from(9)));
}

#[test]
fn a_message_counts_once_and_only_where_it_was_signed_for() {
    let with = |change: fn(&mut trifold_circuits::netted::messages::Messages)| {
        let carried = carried();
        let mut single = messages(SINGLE);
        change(&mut single);
        let tablet = Tablet::new(3, 0, &carried.before, &carried.changes);
        let list = messages(LIST);
        let commitment = joined([single.commitment(), Fr::ZERO, list.commitment()]);
        let join = |context| {
            let mut join = flat(context);
            join.parts[0] = Joined::Part(single.part(&context).unwrap());
            join.part().unwrap()
        };
        let tablet_part = |context| tablet.part(&context).unwrap();
        close(false, [commitment, tablet.commitment()], join, tablet_part).statement()
    };
    assert!(with(|_| ()).is_ok());
    let sums = |result| matches!(result, Err(CloseError::Sums));
    assert!(sums(with(|messages| messages
        .signed
        .push(messages.signed[0].clone()))));
    assert!(sums(with(|messages| drop(messages.signed.pop()))));
    assert!(sums(with(|messages| messages.collector += 1)));
    assert!(sums(with(
        |messages| messages.signed[0] = message(0, 0, 1, &[pay(1, 30, 3)])
    )));
    assert!(sums(with(|messages| {
        let mut away = pay(1, 30, 2);
        away.shard += 1;
        messages.signed[0] = message(0, 0, 1, &[away]);
    })));
    assert_eq!(epoch().messages.len(), 3);
}

#[test]
fn the_native_relation_names_what_is_wrong() {
    let refuse = |change: fn(&mut Close)| {
        let mut close = dense();
        change(&mut close);
        close.statement().unwrap_err()
    };
    assert!(matches!(
        refuse(|close| close.depth = 0),
        CloseError::Depth(0)
    ));
    assert!(matches!(
        refuse(|close| close.messages.part.events = 0),
        CloseError::NoEvent
    ));
    let key = refuse(|close| close.accounts.key.digest = Fr::ZERO);
    assert!(matches!(
        key,
        CloseError::Key {
            which: "accounts",
            ..
        }
    ));
    let part = refuse(|close| close.accounts.part.level = 1);
    assert!(matches!(part, CloseError::Part { which: "accounts" }));
    assert!(matches!(
        refuse(|close| close.messages.part.sum += Fr::from(1)),
        CloseError::Sums
    ));
}

/// The epoch with messages between shards, dealt out to the deployed circuits.
fn mailed(change: impl FnOnce(&mut Post)) -> Result<(Assembly, Tree), String> {
    let mut post = mail::post();
    change(&mut post);
    let epoch = mail::epoch();
    let signed = epoch.messages.iter().map(|(_, signed)| signed.clone());
    let carried = Epochal {
        home: Home {
            network: network(),
            shard: SHARD,
            collector: epoch.collector,
        },
        depth: post.before.depth(),
        messages: &signed.collect::<Vec<_>>(),
        triads: &[0, 2],
        before: &post.before,
        after: &post.after,
        traffic: &post.traffic,
    };
    let keys = mail_keys();
    let seen = mail::seen().digest();
    let assembly = carried.assemble(&keys, seen).map_err(|e| e.to_string())?;
    let tree = assembly.manifest.tree(SHARD, &keys, seen);
    let tree = tree.map_err(|e| e.to_string())?;
    Ok((assembly, tree))
}

fn mail_keys() -> PartKeys {
    PartKeys::new(|circuit| (!circuit.is_large()).then_some(Fr::from(500 + circuit as u64)))
        .unwrap()
}

#[test]
fn messages_between_shards_close_with_what_they_exchange() {
    let (assembly, tree) = mailed(|_| ()).unwrap();
    let statement = tree.close.statement().unwrap();
    let amounts = mail::messages().into_iter().map(|m| u128::from(m.amount));
    let received: u128 = amounts.sum();
    assert_eq!(statement.received, received);
    // Paid: 5 + 6. Returned: 13, 15 and what is too much. Answered: nothing left over.
    assert_eq!(statement.sent, 11 + 13 + 15 + u128::from(u64::MAX));
    let clocks = (statement.received_lamport, statement.received_timestamp);
    assert_eq!(clocks, (mail::LAMPORT, mail::TIMESTAMP));
    assert_eq!(statement.events, 3 + 8);
    let [old, new] = tree.close.bodies();
    let post = mail::post();
    let [mut outbox, mut inbox] = [post.traffic.outbox.clone(), post.traffic.inbox.clone()];
    assert_eq!(
        [old.outbox_root, old.inbox_root],
        [outbox.root(), inbox.root()]
    );
    let ending = |destination| &post.traffic.channels[&destination];
    for destination in [mail::ABROAD, mail::ORIGIN] {
        let mut messages = SparseTrie::new(20).unwrap();
        let count = ending(destination).channel.count;
        messages
            .set_many((0..count).map(|n| (n, Fr::from(900 + n))))
            .unwrap();
        let sent = post.traffic.sent.iter();
        let sent = sent.filter(|sent| sent.destination == destination);
        let digests: Vec<Fr> = sent.map(|sent| sent.message.digest()).collect();
        let channel = Channel {
            count: count + digests.len() as u64,
            messages: {
                messages.set_many((count..).zip(digests)).unwrap();
                messages.root()
            },
        };
        outbox.set(destination.into(), channel.digest()).unwrap();
    }
    inbox.set(mail::ORIGIN.into(), Fr::from(11)).unwrap();
    assert_eq!(
        [new.outbox_root, new.inbox_root],
        [outbox.root(), inbox.root()]
    );
    let circuits: Vec<PartCircuit> = tree.nodes.iter().map(|node| node.circuit).collect();
    let joins = [PartCircuit::Join; 3];
    let parts = [
        PartCircuit::MessagesIdle,
        PartCircuit::Lists,
        PartCircuit::Channels,
    ];
    assert_eq!(circuits, [&parts[..], &joins].concat());
    assert_eq!(assembly.manifest.exchange.sent, statement.sent);

    let witness = CLAIMS.honest_witness(&tree.close.claims());
    assert_eq!(CLAIMS.check(&witness), Ok(()));
    assert_eq!(witness[1..3], tree.close.statements());
    assert_eq!(witness[3], statement.digest());
    assert_eq!(free_wires(&CLAIMS, &witness), Vec::<usize>::new());
    every_input_counts(&CLAIMS, &tree.close.claims(), 3);
}

const MAIL_FORGERIES: &[Forgery] = &[
    ("more sent than paid", |inputs| {
        let sent = get(inputs, "sent", 0);
        set(inputs, "sent", 0, sent + Fr::from(1))
    }),
    ("less received", |inputs| {
        set(inputs, "received", 0, Fr::ZERO)
    }),
    ("half an outbox", |inputs| {
        set(inputs, "sends", 0, Fr::from(2))
    }),
    ("an outbox left alone", |inputs| {
        set(inputs, "sends", 0, Fr::ZERO)
    }),
    ("half an inbox", |inputs| {
        set(inputs, "takes", 0, Fr::from(2))
    }),
    ("an inbox left alone", |inputs| {
        set(inputs, "takes", 0, Fr::ZERO)
    }),
    ("another outbox before", |inputs| {
        set(inputs, "old_outbox", 0, Fr::from(1))
    }),
    ("another outbox after", |inputs| {
        set(inputs, "outbox", 0, Fr::from(1))
    }),
    ("another inbox before", |inputs| {
        set(inputs, "old_inbox", 0, Fr::from(1))
    }),
    ("another inbox after", |inputs| {
        set(inputs, "inbox", 0, Fr::from(1))
    }),
    ("an unused inbox", |inputs| {
        set(inputs, "old_inbox", 0, Fr::ZERO)
    }),
    ("no part with messages", |inputs| {
        set(inputs, "headers", 0, Fr::ZERO)
    }),
    ("2^16 parts with messages", |inputs| {
        set(inputs, "headers", 0, power(16))
    }),
    ("earlier clocks", |inputs| {
        set(inputs, "lamport", 0, Fr::from(1))
    }),
    ("a clock of 2^64", |inputs| {
        set(inputs, "lamport", 0, power(64))
    }),
    ("a time of 2^64", |inputs| {
        set(inputs, "timestamp", 0, power(64))
    }),
    ("another global state", |inputs| {
        set(inputs, "seen_digest", 0, Fr::from(1))
    }),
    ("a larger trie", |inputs| {
        set(inputs, "depth", 0, Fr::from(4))
    }),
];

#[test]
fn each_constraint_on_messages_refuses_its_forgery() {
    let (_, tree) = mailed(|_| ()).unwrap();
    all_violated(&CLAIMS, &tree.close.claims(), MAIL_FORGERIES);
}

type Tampering = (&'static str, fn(&mut Post));

/// Each is an epoch that its messages do not add up to.
const TAMPERINGS: &[Tampering] = &[
    ("a payment not sent", |post| {
        post.traffic.sent.remove(0);
    }),
    ("a payment sent twice", |post| {
        let sent = post.traffic.sent[0].clone();
        post.traffic.sent.push(sent);
    }),
    ("a payment of more", |post| {
        post.traffic.sent[0].message.amount += 1
    }),
    ("a payment of another", |post| {
        post.traffic.sent[0].message.from = 1
    }),
    ("a payment elsewhere", |post| {
        post.traffic.sent[0].message.to = 1
    }),
    ("a reply not sent", |post| {
        post.traffic.sent.pop();
    }),
    ("a reply sent twice", |post| {
        let sent = post.traffic.sent[1].clone();
        post.traffic.sent.push(sent);
    }),
    ("a return of more", |post| {
        post.traffic.sent[1].message.amount += 1
    }),
    ("a return to another", |post| {
        post.traffic.sent[1].message.to += 1
    }),
    ("an answer about nothing", |post| {
        post.traffic.sent[3].message.payload = Fr::from(1)
    }),
    ("a reply to another shard", |post| {
        post.traffic.sent[1].destination = mail::ABROAD
    }),
    ("a reply made up", |post| {
        let mut sent = post.traffic.sent[1].clone();
        sent.message.amount = 77;
        post.traffic.sent.push(sent);
    }),
    ("a message skipped", |post| {
        post.traffic.received.remove(0);
    }),
    ("a message taken before", |post| {
        let inbox = &mut post.traffic.inbox;
        inbox.set(mail::ORIGIN.into(), Fr::from(4)).unwrap();
    }),
    ("a credit left out", |post| credit(post, 1, -11)),
    ("a credit too many", |post| credit(post, 5, 14)),
    ("a return credited", |post| credit(post, 2, 13)),
];

fn credit(post: &mut Post, index: u32, amount: i64) {
    let mut account = post.after.get(index);
    account.balance = account.balance.checked_add_signed(amount).unwrap();
    post.after.set_many([(index, account)]).unwrap();
}

#[test]
fn an_epoch_that_its_messages_do_not_add_up_to_does_not_close() {
    for (name, tamper) in TAMPERINGS {
        let refused = mailed(tamper).map(|_| ()).unwrap_err();
        assert_eq!(
            refused, "messages and accounts do not match: their sums differ",
            "{name}"
        );
    }
}

#[test]
fn traffic_that_does_not_fit_together_is_named() {
    let refused = |change: fn(&mut Post)| mailed(change).map(|_| ()).unwrap_err();
    assert_eq!(
        refused(|post| drop(post.traffic.channels.remove(&mail::ABROAD))),
        "the channel to shard 1 is not given, though something is sent through it"
    );
    assert_eq!(
        refused(|post| post.traffic.seen = None),
        "messages are taken, and no global state is given that they are opened under"
    );
    assert_eq!(
        refused(|post| post.traffic.received.swap(1, 2)),
        "message 5 of shard 2 comes where message 4 is due"
    );
    assert_eq!(
        refused(|post| post.traffic.received[1].opening.count += 1),
        "messages of shard 2 are opened by different leaves"
    );
    let forged = refused(|post| post.traffic.received[0].opening.message.amount += 1);
    assert_eq!(forged, "the leaf of shard 2 records another body");
    let full = refused(|post| post.traffic.received[0].full = true);
    assert_eq!(
        full,
        "message 3 of shard 2 can't be taken so: its account has room for it"
    );
}
