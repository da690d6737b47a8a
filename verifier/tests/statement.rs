//! Digests of statements against a second implementation, and their sensitivity to every field.

use trifold_verifier::statement::*;
use trifold_verifier::{Fr, netted};

fn fr(value: u64) -> Fr {
    Fr::from(value)
}

fn check(name: &str, digest: Fr) {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("vectors/statements.json")).unwrap();
    assert_eq!(json[name].as_str().unwrap(), digest.to_string(), "{name}");
}

#[test]
fn digests_have_their_tag_and_order() {
    let account = Account {
        ax: fr(1),
        ay: fr(2),
        balance: 3,
        ordinal: 4,
    };
    check("account", account.digest());
    let body = Body {
        state_root: fr(1),
        outbox_root: fr(2),
        inbox_root: fr(3),
    };
    check("body", body.digest());
    let leaf = Leaf {
        program: fr(1),
        body: fr(2),
        lamport: 3,
        timestamp: 4,
        seen_epoch: 5,
        seen_digest: fr(6),
        supply: 7,
    };
    check("leaf", leaf.digest());
    let global = GlobalState {
        epoch: 1,
        depth: 2,
        root: fr(3),
        history: fr(4),
        in_flight: 5,
    };
    check("global", global.digest());
    let keys = Keys {
        merge: fr(1),
        nest: fr(2),
        registry: fr(3),
    };
    check("keys", keys.digest());
    let program = ProgramStatement {
        shard: 1,
        old_body: fr(2),
        new_body: fr(3),
        events: 4,
        seen_digest: fr(5),
        sent: 6,
        received: 7,
        received_lamport: 8,
        received_timestamp: 9,
    };
    check("program", program.digest());
    let merge = MergeStatement {
        keys: fr(1),
        level: 2,
        index: 3,
        old: fr(4),
        new: fr(5),
        history: fr(6),
        sent: 7,
        received: 8,
    };
    check("merge", merge.digest());
    let nest = NestStatement {
        keys: fr(1),
        genesis: fr(2),
        global: fr(3),
    };
    check("nest", nest.digest());
    let message = Message {
        kind: 1,
        from: 2,
        to: 3,
        amount: 4,
        payload: fr(5),
    };
    check("message", message.digest());
    let channel = Channel {
        count: 1,
        messages: fr(2),
    };
    check("channel", channel.digest());
    let state = netted::State {
        network: fr(1),
        keys: fr(2),
        depth: 3,
        accounts: fr(4),
    };
    check("netted/state", state.digest());
    let account = |first| netted::Account {
        key: fr(first),
        balance: first + 1,
        ordinal: first + 2,
    };
    let triad = [1, 4, 7].map(account);
    check("netted/accounts", netted::triad_digest(&triad));
    check("key", key_payload(fr(1), fr(2)));
    check("answer", answer_payload(1, fr(2)));
}

#[test]
fn a_channel_without_messages_is_the_empty_leaf() {
    let unused = Channel {
        count: 0,
        messages: fr(2),
    };
    assert_eq!(unused.digest(), fr(0));
}
