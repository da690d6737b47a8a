//! Every byte of an update and of a receipt changed, and what each change is refused for.

use serde_json::{Value, json};
use trifold_verifier::client::Update;
use trifold_verifier::receipt::Receipt;

use crate::corpus::hex;
use crate::world::World;

/// What is changed in a byte: its lowest bit, its highest, all of it.
const MASKS: [u8; 3] = [0x01, 0x80, 0xff];

pub fn flips(world: &World) -> Vec<Value> {
    let update = world.update(3).to_bytes();
    let receipt = world.bank_receipt(5).to_bytes();
    let mut entries = Vec::new();
    for mask in MASKS {
        let verdict = |bytes: &[u8]| self::update(world, bytes);
        entries.push(entry("update", &update, mask, verdict));
    }
    let verdict = |bytes: &[u8]| self::receipt(world, bytes);
    entries.push(entry("receipt", &receipt, MASKS[0], verdict));
    entries
}

/// The code for an update under the network of `world`, `None` if it is accepted.
pub fn update(world: &World, bytes: &[u8]) -> Option<&'static str> {
    match Update::from_bytes(bytes) {
        Ok(update) => world.client.verify(&update).err().map(|error| error.code()),
        Err(error) => Some(error.code()),
    }
}

/// The code for a receipt, likewise.
pub fn receipt(world: &World, bytes: &[u8]) -> Option<&'static str> {
    match Receipt::from_bytes(bytes) {
        Ok(receipt) => world
            .client
            .verify_receipt(&receipt)
            .err()
            .map(|error| error.code()),
        Err(error) => Some(error.code()),
    }
}

/// `codes`: runs of bytes, each with its first and its last, and the code for a change of any one of them.
fn entry(
    kind: &str,
    base: &[u8],
    mask: u8,
    verdict: impl Fn(&[u8]) -> Option<&'static str>,
) -> Value {
    let mut runs: Vec<(usize, usize, &str)> = Vec::new();
    for index in 0..base.len() {
        let mut changed = base.to_vec();
        changed[index] ^= mask;
        let code = verdict(&changed).unwrap_or_else(|| panic!("{kind}: byte {index} accepted"));
        match runs.last_mut() {
            Some((_, last, of_run)) if *of_run == code => *last = index,
            _ => runs.push((index, index, code)),
        }
    }
    json!({
        "kind": kind,
        "bytes": hex(base),
        "xor": mask,
        "codes": runs,
    })
}
