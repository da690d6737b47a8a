//! The circuit's signals from a batch.

use super::{Batch, Holding, SignedTransfer, Size, Step, Transfer, TransferError};
use crate::inputs::Inputs;
use crate::schnorr::{Coordinates, Signature, SignedDigit};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_verifier::statement::ProgramStatement;

impl Batch {
    /// The input signals, and the statement whose digest is the circuit's public input.
    pub fn inputs(&self, size: Size) -> Result<(Inputs, ProgramStatement), TransferError> {
        let statement = self.statement(size)?;
        let idle = std::iter::repeat(Step::idle(self.shard, size.depth));
        let steps: Vec<Step> = self
            .steps
            .iter()
            .cloned()
            .chain(idle)
            .take(size.slots)
            .collect();
        let mut inputs = Inputs::new();
        inputs.insert("x", [statement.digest()]);
        inputs.insert("shard", [self.shard.into()]);
        inputs.insert("seen_digest", [self.seen_digest]);
        inputs.insert("events", [statement.events.into()]);
        inputs.insert("old_root", [self.old_root]);
        insert_transfers(&mut inputs, &steps);
        insert_senders(&mut inputs, &steps);
        insert_receivers(&mut inputs, &steps);
        insert_signatures(&mut inputs, &steps);
        Ok((inputs, statement))
    }
}

impl Step {
    /// What fills a slot that is not in use: nothing sent by nobody, under the neutral key that anyone can sign for.
    fn idle(shard: u32, depth: usize) -> Self {
        let receiver_key = Coordinates {
            x: Fr::ZERO,
            y: Fr::ZERO,
        };
        let transfer = Transfer {
            from: 0,
            ordinal: 0,
            to: 0,
            receiver_key,
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

fn insert_transfers(inputs: &mut Inputs, steps: &[Step]) {
    inputs.insert("from", steps.iter().map(|step| step.transfer().from.into()));
    inputs.insert("to", steps.iter().map(|step| step.transfer().to.into()));
    inputs.insert(
        "amount",
        steps.iter().map(|step| step.transfer().amount.into()),
    );
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

fn insert_receivers(inputs: &mut Inputs, steps: &[Step]) {
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
    inputs.insert(
        "receiver_siblings",
        steps
            .iter()
            .flat_map(|step| step.receiver_siblings.concat()),
    );
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

fn pair(key: Coordinates) -> [Fr; 2] {
    [key.x, key.y]
}
