//! The circuit's signals from a batch.

use super::{
    Batch, Holding, Receive, SeenState, SignedTransfer, Size, Step, Transfer, TransferError,
};
use crate::channel::{BOX_DEPTH, Opening, Send, insert_state};
use crate::inputs::Inputs;
use crate::schnorr::{Coordinates, Signature, SignedDigit};
use crate::trie;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_verifier::statement::{CHANNEL_DEPTH, Leaf, Message, ProgramStatement, kind};

impl Batch {
    /// The input signals, and the statement whose digest is the circuit's public input.
    pub fn inputs(&self, size: Size) -> Result<(Inputs, ProgramStatement), TransferError> {
        let statement = self.statement(size)?;
        let mut inputs = Inputs::new();
        let mut set = |name: &str, value: Fr| inputs.insert(name, [value]);
        set("x", statement.digest());
        set("shard", self.shard.into());
        set("seen_digest", self.seen_digest);
        set("transfers", Fr::from(self.steps.len() as u64));
        set("receives", Fr::from(self.receives.len() as u64));
        set("sends", Fr::from(self.sends.len() as u64));
        set("old_root", self.old_root);
        set("old_outbox", self.old_outbox);
        set("old_inbox", self.old_inbox);
        let seen = self.seen.as_ref().map(|SeenState(state)| state);
        insert_state(&mut inputs, seen);
        let receives = filled(&self.receives, Receive::idle(size.depth), size.receives);
        insert_openings(&mut inputs, &receives);
        insert_channels(&mut inputs, &receives);
        insert_messages(&mut inputs, &receives);
        insert_accounts(&mut inputs, &receives);
        let steps = filled(
            &self.steps,
            Step::idle(self.shard, size.depth),
            size.transfers,
        );
        insert_transfers(&mut inputs, &steps);
        insert_senders(&mut inputs, &steps);
        insert_receivers(&mut inputs, &steps, size.depth);
        insert_signatures(&mut inputs, &steps);
        let sends = filled(&self.sends, idle_send(), size.sends);
        insert_sends(&mut inputs, &sends);
        Ok((inputs, statement))
    }
}

/// As many as there are slots, those not in use filled with `idle`.
fn filled<T: Clone>(used: &[T], idle: T, slots: usize) -> Vec<T> {
    let idle = std::iter::repeat(idle);
    used.iter().cloned().chain(idle).take(slots).collect()
}

impl Receive {
    /// What fills a slot that is not in use: a message of no value from nowhere to nobody.
    fn idle(depth: usize) -> Self {
        let zeros = |levels| vec![[Fr::ZERO; 2]; levels];
        let opening = Opening {
            source: 0,
            leaf: Leaf::genesis(Fr::ZERO, Fr::ZERO, 0),
            leaf_siblings: zeros(BOX_DEPTH),
            state_root: Fr::ZERO,
            inbox_root: Fr::ZERO,
            count: 0,
            channel_siblings: zeros(BOX_DEPTH),
            index: 0,
            message: nothing(),
            index_siblings: zeros(CHANNEL_DEPTH),
        };
        Self {
            opening,
            inbox_siblings: zeros(BOX_DEPTH),
            key: Coordinates::NONE,
            held: None,
            siblings: zeros(depth),
        }
    }

    fn message(&self) -> &Message {
        &self.opening.message
    }
}

impl Step {
    /// What fills a slot that is not in use: nothing sent by nobody, under the neutral key that anyone can sign for.
    fn idle(shard: u32, depth: usize) -> Self {
        let transfer = Transfer {
            from: 0,
            ordinal: 0,
            to: 0,
            to_shard: shard,
            request: false,
            receiver_key: Coordinates::NONE,
            amount: 0,
        };
        let signature = Signature::neutral(transfer.message(shard));
        Self {
            signed: SignedTransfer {
                transfer,
                signature,
            },
            sender_key: Coordinates::NEUTRAL,
            sender_balance: 0,
            sender_siblings: vec![[Fr::ZERO; 2]; depth],
            receiver: None,
            receiver_siblings: vec![[Fr::ZERO; 2]; depth],
        }
    }

    fn transfer(&self) -> &Transfer {
        &self.signed.transfer
    }
}

fn nothing() -> Message {
    Message {
        kind: kind::TRANSFER,
        from: 0,
        to: 0,
        amount: 0,
        payload: Fr::ZERO,
    }
}

/// What fills a sending slot that is not in use: the first message of a channel.
fn idle_send() -> Send {
    let empty = |level| [trie::empty(level).unwrap_or_default(); 2];
    Send {
        destination: 0,
        message: nothing(),
        count: 0,
        message_siblings: (0..CHANNEL_DEPTH).map(empty).collect(),
        outbox_siblings: (0..BOX_DEPTH).map(empty).collect(),
    }
}

fn insert_openings(inputs: &mut Inputs, receives: &[Receive]) {
    type Field = (&'static str, fn(&Opening) -> Fr);
    let fields: [Field; 11] = [
        ("source", |opening| opening.source.into()),
        ("leaf_program", |opening| opening.leaf.program),
        ("leaf_lamport", |opening| opening.leaf.lamport.into()),
        ("leaf_timestamp", |opening| opening.leaf.timestamp.into()),
        ("leaf_seen_epoch", |opening| opening.leaf.seen_epoch.into()),
        ("leaf_seen_digest", |opening| opening.leaf.seen_digest),
        ("leaf_supply", |opening| opening.leaf.supply.into()),
        ("body_state_root", |opening| opening.state_root),
        ("body_inbox_root", |opening| opening.inbox_root),
        ("channel_count", |opening| opening.count.into()),
        ("index", |opening| opening.index.into()),
    ];
    for (name, field) in fields {
        inputs.insert(name, receives.iter().map(|receive| field(&receive.opening)));
    }
}

fn insert_channels(inputs: &mut Inputs, receives: &[Receive]) {
    type Field = (&'static str, fn(&Receive) -> Vec<[Fr; 2]>);
    let fields: [Field; 4] = [
        ("leaf_siblings", |receive| {
            let mut siblings = receive.opening.leaf_siblings.clone();
            siblings.resize(BOX_DEPTH, [Fr::ZERO; 2]);
            siblings
        }),
        ("channel_siblings", |receive| {
            receive.opening.channel_siblings.clone()
        }),
        ("index_siblings", |receive| {
            receive.opening.index_siblings.clone()
        }),
        ("inbox_siblings", |receive| receive.inbox_siblings.clone()),
    ];
    for (name, field) in fields {
        inputs.insert(
            name,
            receives.iter().flat_map(|receive| field(receive).concat()),
        );
    }
}

fn insert_messages(inputs: &mut Inputs, receives: &[Receive]) {
    type Field = (&'static str, fn(&Message) -> Fr);
    let fields: [Field; 5] = [
        ("message_kind", |message| message.kind.into()),
        ("message_from", |message| message.from.into()),
        ("message_to", |message| message.to.into()),
        ("message_amount", |message| message.amount.into()),
        ("message_payload", |message| message.payload),
    ];
    for (name, field) in fields {
        inputs.insert(
            name,
            receives.iter().map(|receive| field(receive.message())),
        );
    }
}

fn insert_accounts(inputs: &mut Inputs, receives: &[Receive]) {
    let held = |receive: &Receive| -> Holding { receive.held.unwrap_or_default() };
    let keys = receives.iter().flat_map(|receive| pair(receive.key));
    inputs.insert("account_key", keys);
    let occupied = receives.iter().map(|receive| receive.held.is_some().into());
    inputs.insert("account_occupied", occupied);
    let balances = receives.iter().map(|receive| held(receive).balance.into());
    inputs.insert("account_balance", balances);
    let ordinals = receives.iter().map(|receive| held(receive).ordinal.into());
    inputs.insert("account_ordinal", ordinals);
    let siblings = receives
        .iter()
        .flat_map(|receive| receive.siblings.concat());
    inputs.insert("account_siblings", siblings);
}

fn insert_transfers(inputs: &mut Inputs, steps: &[Step]) {
    type Field = (&'static str, fn(&Transfer) -> Fr);
    let fields: [Field; 5] = [
        ("from", |transfer| transfer.from.into()),
        ("to", |transfer| transfer.to.into()),
        ("to_shard", |transfer| transfer.to_shard.into()),
        ("request", |transfer| transfer.request.into()),
        ("amount", |transfer| transfer.amount.into()),
    ];
    for (name, field) in fields {
        inputs.insert(name, steps.iter().map(|step| field(step.transfer())));
    }
}

fn insert_senders(inputs: &mut Inputs, steps: &[Step]) {
    inputs.insert(
        "sender_key",
        steps.iter().flat_map(|step| pair(step.sender_key)),
    );
    inputs.insert(
        "sender_balance",
        steps.iter().map(|step| step.sender_balance.into()),
    );
    inputs.insert(
        "sender_ordinal",
        steps.iter().map(|step| step.transfer().ordinal.into()),
    );
    inputs.insert(
        "sender_siblings",
        steps.iter().flat_map(|step| step.sender_siblings.concat()),
    );
}

fn insert_receivers(inputs: &mut Inputs, steps: &[Step], depth: usize) {
    let held = |step: &Step| -> Holding { step.receiver.unwrap_or_default() };
    inputs.insert(
        "receiver_key",
        steps
            .iter()
            .flat_map(|step| pair(step.transfer().receiver_key)),
    );
    inputs.insert(
        "receiver_fresh",
        steps.iter().map(|step| step.receiver.is_none().into()),
    );
    inputs.insert(
        "receiver_balance",
        steps.iter().map(|step| held(step).balance.into()),
    );
    inputs.insert(
        "receiver_ordinal",
        steps.iter().map(|step| held(step).ordinal.into()),
    );
    // A receiver on another shard has no path here.
    let siblings = |step: &Step| {
        let mut siblings = step.receiver_siblings.clone();
        siblings.resize(depth, [Fr::ZERO; 2]);
        siblings.concat()
    };
    inputs.insert("receiver_siblings", steps.iter().flat_map(siblings));
}

fn insert_signatures(inputs: &mut Inputs, steps: &[Step]) {
    let digits: Vec<SignedDigit> = steps
        .iter()
        .flat_map(|step| step.signed.signature.response_digits())
        .collect();
    let bits = |digit: &SignedDigit| [digit.magnitude & 1, digit.magnitude >> 1].map(Fr::from);
    inputs.insert(
        "commitment",
        steps
            .iter()
            .flat_map(|step| pair(step.signed.signature.commitment)),
    );
    inputs.insert("response_magnitude", digits.iter().flat_map(bits));
    inputs.insert(
        "response_positive",
        digits.iter().map(|digit| digit.positive.into()),
    );
}

fn insert_sends(inputs: &mut Inputs, sends: &[Send]) {
    type Field = (&'static str, fn(&Send) -> Fr);
    let fields: [Field; 4] = [
        ("send_destination", |send| send.destination.into()),
        ("send_word", |send| send.message.word()),
        ("send_payload", |send| send.message.payload),
        ("send_count", |send| send.count.into()),
    ];
    for (name, field) in fields {
        inputs.insert(name, sends.iter().map(field));
    }
    let siblings = sends.iter().flat_map(|send| send.message_siblings.concat());
    inputs.insert("send_message_siblings", siblings);
    let siblings = sends.iter().flat_map(|send| send.outbox_siblings.concat());
    inputs.insert("send_outbox_siblings", siblings);
}

fn pair(key: Coordinates) -> [Fr; 2] {
    [key.x, key.y]
}
