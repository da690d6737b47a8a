use crate::calculator::Circuit;
use crate::mail::{self, ABROAD, ORIGIN, post};
use crate::support::{
    Forgery, all_refused, all_restated, compile, context, free_wires, power, set, u,
};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::sync::LazyLock;
use trifold_circuits::channel::ChannelError;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::netted::channels::{COMMITMENT, Channels, ChannelsError, ChannelsSize, Mail};
use trifold_circuits::netted::rows::{Rows, RowsSize};
use trifold_circuits::netted::statement::{Part, commitment};
use trifold_circuits::netted::tablet::ChangesError;

const SIZE: ChannelsSize = ChannelsSize {
    rows: RowsSize {
        bottom: 2,
        upper: 6,
    },
    sends: 6,
    channels: 3,
    receives: 9,
    sources: 2,
};

static SMALL: LazyLock<Circuit> = LazyLock::new(|| circuit(SIZE));

fn circuit(size: ChannelsSize) -> Circuit {
    let parameters = [
        ("B", size.rows.bottom),
        ("U", size.rows.upper),
        ("S", size.sends),
        ("C", size.channels),
        ("R", size.receives),
        ("F", size.sources),
    ];
    compile("channels", "Channels", &parameters)
}

/// All messages of the epoch, and a few of its rows; the others are for another part.
pub fn all() -> Channels {
    let post = post();
    let few = |upper: &[_]| upper.iter().step_by(19).take(5).copied().collect();
    Channels {
        size: SIZE,
        header: post.header,
        seen: Some(mail::seen()),
        rows: Rows {
            size: SIZE.rows,
            bottom: post.bottom[..1].to_vec(),
            upper: few(&post.upper),
        },
        mail: post.crossing.mail.clone(),
    }
}

fn honest() -> Inputs {
    all().inputs(&context()).unwrap().0
}

#[test]
fn circuit_and_native_relation_agree() {
    let none = Channels {
        mail: Mail::default(),
        seen: None,
        ..all()
    };
    let sends = Channels {
        mail: Mail {
            receives: Vec::new(),
            sources: Vec::new(),
            ..all().mail
        },
        seen: None,
        ..all()
    };
    for channels in [all(), sends, none] {
        let (inputs, part) = channels.inputs(&context()).unwrap();
        let witness = SMALL.honest_witness(&inputs);
        assert_eq!(SMALL.check(&witness), Ok(()));
        assert_eq!(SMALL.r1cs.num_public(), 1);
        assert_eq!(witness[1], part.digest(&context()));
    }
    let mail = all().mail;
    let shape = [
        mail.sends.len(),
        mail.channels.len(),
        mail.receives.len(),
        mail.sources.len(),
    ];
    assert_eq!(shape, [5, 2, 8, 1]);
    assert_eq!(all().part(&context()).unwrap().events, 8);
}

#[test]
fn no_wire_of_a_slot_in_use_is_free() {
    // A slot not in use may hold anything, so all are in use here.
    let mut full = all();
    full.size.sends = full.mail.sends.len();
    full.size.channels = full.mail.channels.len();
    full.size.receives = full.mail.receives.len();
    full.size.sources = full.mail.sources.len();
    full.size.rows = RowsSize {
        bottom: full.rows.bottom.len(),
        upper: full.rows.upper.len(),
    };
    full.rows.size = full.size.rows;
    let circuit = circuit(full.size);
    let inputs = full.inputs(&context()).unwrap().0;
    let witness = circuit.witness(&inputs);
    assert_eq!(circuit.check(&witness), Ok(()));
    assert_eq!(free_wires(&circuit, &witness), Vec::<usize>::new());
}

/// Place of a message among those taken, by what becomes of it.
const CREDITED: usize = 0;
const NAMED: usize = 1;
const RETURNED: usize = 2;
const OUTSIDE: usize = 4;
const REQUEST: usize = 5;
const FULL: usize = 6;

const FORGERIES: &[Forgery] = &[
    // Sending.
    ("a message half sent", |inputs| {
        set(inputs, "send_real", 0, Fr::from(2))
    }),
    ("half a reply", |inputs| {
        set(inputs, "send_reply", 0, Fr::from(2))
    }),
    ("a destination of 2^15", |inputs| {
        set(inputs, "send_destination", 0, power(15))
    }),
    ("a place of 2^32", |inputs| {
        set(inputs, "send_index", 0, power(32))
    }),
    ("a kind of 4", |inputs| {
        set(inputs, "send_kind", 4, Fr::from(4))
    }),
    ("a payment of another kind", |inputs| {
        set(inputs, "send_kind", 0, Fr::from(1))
    }),
    ("a payment that nobody made", |inputs| {
        set(inputs, "send_amount", 0, Fr::ZERO)
    }),
    ("a payment with a payload", |inputs| {
        set(inputs, "send_payload", 0, Fr::from(1))
    }),
    ("a sender of 2^32", |inputs| {
        set(inputs, "send_from", 0, power(32))
    }),
    ("a receiver of 2^32", |inputs| {
        set(inputs, "send_to", 0, power(32))
    }),
    ("an amount of 2^64", |inputs| {
        set(inputs, "send_amount", 0, power(64))
    }),
    ("a negative amount", |inputs| {
        set(inputs, "send_amount", 0, -Fr::from(1))
    }),
    // Channels.
    ("half a channel", |inputs| {
        set(inputs, "channel_real", 0, Fr::from(2))
    }),
    ("a channel to 2^15", |inputs| {
        set(inputs, "channel_destination", 0, power(15))
    }),
    ("2^32 messages before", |inputs| {
        set(inputs, "channel_old_count", 0, power(32))
    }),
    ("2^32 messages after", |inputs| {
        set(inputs, "channel_new_count", 0, power(32))
    }),
    ("a new channel that is not empty", |inputs| {
        set(inputs, "channel_old_messages", 1, Fr::from(1))
    }),
    ("a channel emptied", |inputs| {
        set(inputs, "channel_new_count", 0, Fr::ZERO)
    }),
    // Sources.
    ("half a source", |inputs| {
        set(inputs, "source_real", 0, Fr::from(2))
    }),
    ("a source without a global state", |inputs| {
        set(inputs, "seen", 0, Fr::ZERO)
    }),
    ("half a global state", |inputs| {
        set(inputs, "seen", 0, Fr::from(2))
    }),
    ("another global state", |inputs| {
        set(inputs, "state_root", 0, Fr::from(1))
    }),
    ("a global state of another epoch", |inputs| {
        set(inputs, "state_epoch", 0, Fr::from(1))
    }),
    ("a deeper global state", |inputs| {
        set(inputs, "state_depth", 0, Fr::from(3))
    }),
    ("another shard's leaf", |inputs| {
        set(inputs, "source_source", 0, Fr::from(1))
    }),
    ("another program", |inputs| {
        set(inputs, "source_leaf_program", 0, Fr::from(1))
    }),
    ("an earlier clock", |inputs| {
        set(inputs, "source_leaf_lamport", 0, Fr::from(1))
    }),
    ("a clock later than stated", |inputs| {
        set(inputs, "lamport", 0, Fr::from(mail::LAMPORT - 1))
    }),
    ("a time later than stated", |inputs| {
        set(inputs, "timestamp", 0, Fr::from(mail::TIMESTAMP - 1))
    }),
    ("another body", |inputs| {
        set(inputs, "source_state_root", 0, Fr::from(1))
    }),
    ("another number of messages", |inputs| {
        set(inputs, "source_count", 0, Fr::from(100))
    }),
    ("other messages", |inputs| {
        set(inputs, "source_messages", 0, Fr::from(1))
    }),
    ("a channel to another shard", |inputs| {
        set(inputs, "shard", 0, Fr::from(6))
    }),
    ("2^32 taken before", |inputs| {
        set(inputs, "source_old_taken", 0, power(32))
    }),
    ("2^32 taken now", |inputs| {
        set(inputs, "source_new_taken", 0, power(32))
    }),
    // Receiving.
    ("a message half taken", |inputs| {
        set(inputs, "receive_real", 0, Fr::from(2))
    }),
    ("a source of 2^15", |inputs| {
        set(inputs, "receive_source", 0, power(15))
    }),
    ("a place of 2^32 taken", |inputs| {
        set(inputs, "receive_index", 0, power(32))
    }),
    ("a kind of 2^32", |inputs| {
        set(inputs, "receive_kind", 0, power(32))
    }),
    ("a sender of 2^32 taken", |inputs| {
        set(inputs, "receive_from", 0, power(32))
    }),
    ("a receiver of 2^32 taken", |inputs| {
        set(inputs, "receive_to", 0, power(32))
    }),
    ("an amount of 2^64 taken", |inputs| {
        set(inputs, "receive_amount", 0, power(64))
    }),
    ("half outside", |inputs| {
        set(inputs, "receive_outside", OUTSIDE, Fr::from(2))
    }),
    ("an account denied", |inputs| {
        set(inputs, "receive_outside", CREDITED, Fr::from(1))
    }),
    ("half full", |inputs| {
        set(inputs, "receive_full", FULL, Fr::from(2))
    }),
    ("an account with room called full", |inputs| {
        set(inputs, "receive_full", CREDITED, Fr::from(1))
    }),
];

#[test]
fn each_constraint_refuses_its_forgery() {
    all_refused(&SMALL, &honest(), FORGERIES);
}

const LEFT_TO_THE_SUMS: &[Forgery] = &[
    ("a message not paid for", |inputs| {
        set(inputs, "send_amount", 0, Fr::from(1000))
    }),
    ("another sender", |inputs| {
        set(inputs, "send_from", 0, Fr::from(1))
    }),
    ("a reply made up", |inputs| {
        set(inputs, "send_amount", 2, Fr::from(1000))
    }),
    ("a reply taken for a payment", |inputs| {
        set(inputs, "send_reply", 1, Fr::ZERO);
        set(inputs, "send_kind", 1, Fr::ZERO);
        set(inputs, "send_payload", 1, Fr::ZERO);
    }),
    ("a message left out", |inputs| {
        set(inputs, "send_real", 0, Fr::ZERO)
    }),
    ("a message moved", |inputs| {
        set(inputs, "send_index", 0, Fr::from(9))
    }),
    ("to another shard", |inputs| {
        set(inputs, "send_destination", 0, Fr::from(3))
    }),
    ("a channel that skips", |inputs| {
        set(inputs, "channel_new_count", 0, Fr::from(9))
    }),
    ("a channel not written", |inputs| {
        set(inputs, "channel_real", 0, Fr::ZERO)
    }),
    ("other messages before", |inputs| {
        set(inputs, "channel_old_messages", 0, Fr::from(9))
    }),
    ("other messages after", |inputs| {
        set(inputs, "channel_new_messages", 0, Fr::from(9))
    }),
    ("an inbox that skips", |inputs| {
        set(inputs, "source_new_taken", 0, Fr::from(12))
    }),
    ("an inbox set back", |inputs| {
        set(inputs, "source_old_taken", 0, Fr::from(1))
    }),
    ("a message that was not sent", |inputs| {
        set(inputs, "receive_amount", CREDITED, Fr::from(1000))
    }),
    ("a message credited elsewhere", |inputs| {
        set(inputs, "receive_to", CREDITED, Fr::from(2))
    }),
    ("a message of another shard", |inputs| {
        set(inputs, "receive_source", CREDITED, Fr::from(1))
    }),
    ("a message left in its channel", |inputs| {
        set(inputs, "receive_real", CREDITED, Fr::ZERO)
    }),
    ("another account", |inputs| {
        set(inputs, "receive_key", RETURNED, u(9))
    }),
    ("no account", |inputs| {
        set(inputs, "receive_key", NAMED, Fr::ZERO)
    }),
    ("another balance answered", |inputs| {
        set(inputs, "receive_balance", REQUEST, Fr::from(12345))
    }),
    ("another ordinal answered", |inputs| {
        set(inputs, "receive_ordinal", REQUEST, Fr::from(12345))
    }),
    ("debits made up", |inputs| {
        set(inputs, "receive_debits", CREDITED, Fr::from(12345))
    }),
    ("a full account credited", |inputs| {
        set(inputs, "receive_full", FULL, Fr::ZERO)
    }),
    ("another header", |inputs| {
        set(inputs, "lamport", 0, Fr::from(mail::LAMPORT + 1))
    }),
    ("a smaller trie", |inputs| {
        set(inputs, "capacity", 0, Fr::from(26))
    }),
];

#[test]
fn what_the_sums_decide_is_stated() {
    all_restated(&SMALL, &honest(), LEFT_TO_THE_SUMS);
}

#[test]
fn the_native_relation_names_what_is_wrong() {
    let refuse = |change: fn(&mut Channels)| {
        let mut channels = all();
        change(&mut channels);
        channels.part(&context()).unwrap_err()
    };
    let room = refuse(|channels| channels.size.receives = 7);
    let (kind, found, limit) = ("receive", 8, 7);
    let expected = ChangesError::Rows {
        kind,
        found,
        room: limit,
    };
    assert_eq!(room, ChannelsError::Rows(expected));
    let kind = refuse(|channels| channels.mail.sends[0].message.kind = 1);
    assert!(matches!(
        kind,
        ChannelsError::Send {
            destination: ABROAD,
            index: 2,
            ..
        }
    ));
    let counts = refuse(|channels| channels.mail.channels[0].new.count = 0);
    assert_eq!(counts, ChannelsError::Counts(ABROAD));
    let denied = refuse(|channels| channels.mail.receives[CREDITED].look = None);
    assert!(matches!(
        denied,
        ChannelsError::Receive {
            source_shard: ORIGIN,
            index: 3,
            ..
        }
    ));
    let full = refuse(|channels| channels.mail.receives[CREDITED].full = true);
    assert!(full.to_string().ends_with("its account has room for it"));
    assert_eq!(refuse(|channels| channels.seen = None), ChannelsError::Seen);
    assert_eq!(
        refuse(|channels| channels.header.seen_digest += Fr::from(1)),
        ChannelsError::Seen
    );
    assert_eq!(
        refuse(|channels| channels.header.lamport -= 1),
        ChannelsError::Clocks(ORIGIN)
    );
    assert_eq!(
        refuse(|channels| channels.mail.sources[0].channel.count += 1),
        ChannelsError::Channel(ChannelError::Body(ORIGIN))
    );
    let back = refuse(|channels| channels.mail.sources[0].taken.swap(0, 1));
    assert!(matches!(back, ChannelsError::Receive { index: 11, .. }));
}

#[test]
fn a_slot_not_in_use_has_no_effect_whatever_it_holds() {
    let mut fuller = all();
    let mail = &mut fuller.mail;
    mail.sends.push(mail.sends[0]);
    mail.channels.push(mail.channels[0]);
    mail.receives.push(mail.receives[0]);
    mail.sources.push(mail.sources[0].clone());
    let (mut inputs, _) = fuller.inputs(&context()).unwrap();
    let mut words = fuller.words();
    let last = words.len();
    let at = last - 2 * SIZE.sources;
    let sends = at - 4 * SIZE.receives - 3 * SIZE.channels;
    for (signal, slots, word, flag) in [
        ("send_real", SIZE.sends, sends - 2, 130 + 47),
        (
            "channel_real",
            SIZE.channels,
            at - 4 * SIZE.receives - 3,
            79,
        ),
        ("receive_real", SIZE.receives, at - 4, 160 + 47),
        ("source_real", SIZE.sources, last - 2, 79),
    ] {
        set(&mut inputs, signal, slots - 1, Fr::ZERO);
        words[word] -= power(flag);
    }
    let part = Part {
        commitment: commitment(COMMITMENT, &words),
        ..all().part(&context()).unwrap()
    };
    set(&mut inputs, "x", 0, part.digest(&context()));
    assert_eq!(SMALL.check(&SMALL.witness(&inputs)), Ok(()));
}
