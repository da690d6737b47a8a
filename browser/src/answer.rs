//! What was verified, as JSON for JavaScript. Epochs, depths and indices of shards are numbers; what may exceed 2^53 is a
//! decimal string. Nothing in here needs an escape, but the reasons of refusals.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use trifold_verifier::Fr;
use trifold_verifier::claim::Presence;
use trifold_verifier::codec::fr_to_bytes;
use trifold_verifier::receipt::VerifiedReceipt;
use trifold_verifier::statement::GlobalState;
use trifold_verifier::verified::{VerifiedAccount, VerifiedNettedAccount, VerifiedShard};

pub const NULL: &str = "null";
const ABSENT: &str = r#"{"present":false}"#;

pub fn state(state: &GlobalState) -> String {
    let (root, history) = (decimal(state.root), decimal(state.history));
    format!(
        r#"{{"epoch":{},"depth":{},"root":"{root}","history":"{history}","inFlight":"{}"}}"#,
        state.epoch, state.depth, state.in_flight
    )
}

pub fn shard(found: Presence<&VerifiedShard>) -> String {
    let Presence::Present(shard) = found else {
        return ABSENT.into();
    };
    let (epoch, index, leaf) = (shard.state().epoch(), shard.index(), shard.leaf());
    let (program, body) = (decimal(leaf.program), decimal(leaf.body));
    let (supply, clock) = (leaf.supply, clock(shard));
    format!(
        r#"{{"present":true,"epoch":{epoch},"index":{index},"program":"{program}","body":"{body}","supply":"{supply}","clock":{clock}}}"#
    )
}

fn clock(shard: &VerifiedShard) -> String {
    let clock = shard.clock();
    let (lamport, timestamp, seen) = (clock.lamport, clock.timestamp, clock.seen_epoch);
    let (milliseconds, digest) = (clock.unix_milliseconds(), decimal(clock.seen_digest));
    format!(
        r#"{{"lamport":"{lamport}","timestamp":"{timestamp}","unixMilliseconds":{milliseconds},"seenEpoch":"{seen}","seenDigest":"{digest}"}}"#
    )
}

pub fn account(found: Presence<&VerifiedAccount>) -> String {
    let Presence::Present(found) = found else {
        return ABSENT.into();
    };
    let (epoch, shard) = (found.shard().state().epoch(), found.shard().index());
    let (index, account) = (found.index(), found.account());
    let (ax, ay) = (decimal(account.ax), decimal(account.ay));
    let (balance, ordinal) = (account.balance, account.ordinal);
    format!(
        r#"{{"present":true,"epoch":{epoch},"shard":{shard},"index":"{index}","ax":"{ax}","ay":"{ay}","balance":"{balance}","ordinal":"{ordinal}"}}"#
    )
}

pub fn netted_account(found: Presence<&VerifiedNettedAccount>) -> String {
    let Presence::Present(found) = found else {
        return ABSENT.into();
    };
    let (epoch, shard) = (found.shard().state().epoch(), found.shard().index());
    let (index, account) = (found.index(), found.account());
    let (key, balance, ordinal) = (decimal(account.key), account.balance, account.ordinal);
    format!(
        r#"{{"present":true,"epoch":{epoch},"shard":{shard},"index":"{index}","key":"{key}","balance":"{balance}","ordinal":"{ordinal}"}}"#
    )
}

pub fn receipt(receipt: &VerifiedReceipt) -> String {
    let [proven, about] = [receipt.proven(), receipt.state()].map(|found| state(found.state()));
    let shard = shard(receipt.shard());
    let account = receipt.account().map_or_else(|| NULL.into(), account);
    let netted = receipt.netted_account();
    let netted = netted.map_or_else(|| NULL.into(), netted_account);
    format!(
        r#"{{"proven":{proven},"state":{about},"shard":{shard},"account":{account},"nettedAccount":{netted}}}"#
    )
}

pub fn refusal(code: &str, message: &str) -> String {
    let mut escaped = String::new();
    for letter in message.chars() {
        match letter {
            '"' | '\\' => escaped.extend(['\\', letter]),
            '\0'..='\x1f' => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    format!(r#"{{"code":"{code}","message":"{escaped}"}}"#)
}

/// A field element in decimal digits. Its own `Display` would bring the arithmetic of integers of any length with it.
fn decimal(value: Fr) -> String {
    let mut limbs = fr_to_bytes(value);
    let mut digits = Vec::new();
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0;
        for limb in limbs.iter_mut().rev() {
            let wide = rest << 8 | u32::from(*limb);
            *limb = (wide / 10) as u8;
            rest = wide % 10;
        }
        digits.push(char::from(b'0' + rest as u8));
    }
    match digits.is_empty() {
        true => "0".into(),
        false => digits.iter().rev().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_those_of_the_field() {
        let mut value = Fr::from(1);
        for i in 0..300u64 {
            assert_eq!(decimal(value), format!("{value}"));
            value = value * Fr::from(10 + i % 7) - Fr::from(i);
        }
        assert_eq!(decimal(Fr::from(0)), "0");
        assert_eq!(decimal(-Fr::from(1)), format!("{}", -Fr::from(1)));
    }

    #[test]
    fn reasons_are_escaped() {
        let text = refusal("format", "not \"a\\b\"\n");
        assert_eq!(text, r#"{"code":"format","message":"not \"a\\b\" "}"#);
    }
}
