//! Entries of `claims.json`: netted accounts and messages, what is true of them and what has to be refused. The codes are
//! written down here, not computed.

use ark_bn254::Fr;
use ark_ff::Field;
use serde_json::{Value, json};
use trifold_verifier::claim::{AccountClaim, MessageClaim, NettedAccountClaim, ShardClaim};
use trifold_verifier::netted;
use trifold_verifier::receipt::Receipt;
use trifold_verifier::refusal::*;
use trifold_verifier::statement::{Channel, Message};
use trifold_verifier::trie::MAX_LEVELS;

use crate::corpus::{bundle, hex, value};
use crate::further::{
    Further, MESSAGES, NETTED, NETTED_DEPTH, SENDER, SILENT, SMALL, message, netted_account,
    no_message,
};
use crate::refusals::{changed_bodies, changed_paths};
use crate::world::{BANK, EPOCHS};

/// The state that all claims are about, then the claims. `code` is null where `found` says what is there.
pub fn claims() -> Vec<Value> {
    let further = Further::new();
    let state = json!({
        "kind": "state",
        "bytes": hex(&further.update.to_bytes()),
        "json": bundle(&further.world, further.update),
    });
    let mut list = Claims {
        further,
        entries: vec![state],
    };
    list.netted_accounts();
    list.refused_netted_accounts();
    list.confused_kinds();
    list.receipts();
    list.messages();
    list.refused_messages();
    list.entries
}

struct Claims {
    further: Further,
    entries: Vec<Value>,
}

impl Claims {
    fn push(&mut self, kind: &str, name: &str, verdict: Result<&str, &str>, parts: Value) {
        let mut entry = json!({
            "kind": kind,
            "name": name,
            "found": verdict.ok(),
            "code": verdict.err(),
        });
        let fields = entry.as_object_mut().unwrap();
        fields.extend(parts.as_object().unwrap().clone());
        self.entries.push(entry);
    }

    fn claim(&mut self, kind: &str, name: &str, verdict: Result<&str, &str>, claim: (u32, String)) {
        let shard = self.shard(claim.0);
        let parts = json!({"shard": shard, "claim": value(&claim.1)});
        self.push(kind, name, verdict, parts);
    }

    /// The part `shard` of a receipt.
    fn shard(&self, index: u32) -> Value {
        let shard: ShardClaim = self.further.shard(index);
        let receipt = Receipt {
            shard,
            ..self.further.world.receipt(EPOCHS, index)
        };
        value(&receipt.to_json())["shard"].take()
    }

    fn netted(&mut self, name: &str, verdict: Result<&str, &str>, claim: &NettedAccountClaim) {
        let claim = (NETTED, claim.to_json());
        self.claim("netted_account", name, verdict, claim);
    }

    fn netted_accounts(&mut self) {
        for (name, found, index) in [
            ("the first of a bottom node", "present", 0),
            ("the second of a bottom node", "present", 4),
            ("the third of a bottom node", "present", 5),
            ("the last place", "present", 26),
            ("nobody beside somebody", "absent", 3),
            ("nobody in an empty bottom node", "absent", 10),
            ("nobody where value waits", "absent", 25),
        ] {
            self.netted(name, Ok(found), &netted_account(NETTED_DEPTH, index));
        }
        let name = "a trie of one level";
        let claim = (SMALL, netted_account(1, 2).to_json());
        self.claim("netted_account", name, Ok("present"), claim);
    }

    fn refused_netted_accounts(&mut self) {
        let valid = netted_account(NETTED_DEPTH, 4);
        for (name, body) in changed_bodies(valid.body) {
            let claim = NettedAccountClaim {
                body,
                ..valid.clone()
            };
            self.netted(name, Err(WRONG_BODY), &claim);
        }
        for (code, name, path) in changed_paths(&valid.path, 2) {
            let claim = NettedAccountClaim {
                path,
                ..valid.clone()
            };
            self.netted(name, Err(code), &claim);
        }
        for (name, triad) in changed_triads(valid.triad) {
            let claim = NettedAccountClaim {
                triad,
                ..valid.clone()
            };
            self.netted(name, Err(WRONG_ROOT), &claim);
        }
        self.refused_places(&valid);
        self.refused_texts(&valid);
    }

    fn refused_places(&mut self, valid: &NettedAccountClaim) {
        let mut change = |code, name, change: &dyn Fn(&mut NettedAccountClaim)| {
            let mut claim = valid.clone();
            change(&mut claim);
            self.netted(name, Err(code), &claim);
        };
        change(WRONG_ROOT, "another network", &|claim| {
            claim.network += Fr::ONE;
        });
        change(WRONG_ROOT, "other keys", &|claim| claim.keys += Fr::ONE);
        change(WRONG_ROOT, "swapped: network and keys", &|claim| {
            (claim.network, claim.keys) = (claim.keys, claim.network);
        });
        change(WRONG_INDEX, "an account of another bottom node", &|claim| {
            claim.index = 7;
        });
        change(
            WRONG_ROOT,
            "another bottom node with its path's index",
            &|claim| {
                (claim.index, claim.path.index) = (7, 2);
            },
        );
        change(WRONG_INDEX, "beyond the trie", &|claim| {
            (claim.index, claim.path.index) = (27, 9);
        });
        change(WRONG_DEPTH, "a lower trie", &|claim| claim.depth = 2);
        change(WRONG_DEPTH, "a higher trie", &|claim| claim.depth = 4);
        change(WRONG_ROOT, "a lower trie with its path", &|claim| {
            claim.depth = 2;
            claim.path.siblings.pop();
        });
        change(WRONG_ROOT, "a higher trie with its path", &|claim| {
            claim.depth = 4;
            claim.path.siblings.push([claim.keys; 2]);
        });
        change(RANGE, "no levels", &|claim| claim.depth = 0);
        change(RANGE, "more levels than any netted trie", &|claim| {
            claim.depth = 21;
            claim.path.siblings.resize(20, [claim.keys; 2]);
        });
        change(WRONG_DEPTH, "a path of 41 levels", &|claim| {
            claim.path.siblings.resize(MAX_LEVELS + 1, [claim.keys; 2]);
        });
    }

    fn refused_texts(&mut self, valid: &NettedAccountClaim) {
        let whole = value(&valid.to_json());
        let mut change = |code, name: &str, change: &dyn Fn(&mut Value)| {
            let mut claim = whole.clone();
            change(&mut claim);
            let claim = (NETTED, claim.to_string());
            self.claim("netted_account", name, Err(code), claim);
        };
        change(LENGTH, "two accounts", &|claim| {
            claim["triad"].as_array_mut().unwrap().pop();
        });
        change(RANGE, "a depth beyond a byte", &|claim| {
            claim["depth"] = json!("256");
        });
        change(RANGE, "an index beyond 32 bits", &|claim| {
            claim["index"] = json!("4294967296");
        });
        change(FORMAT, "an account that is null", &|claim| {
            claim["triad"][1] = Value::Null;
        });
        for field in ["body", "network", "keys", "depth", "index", "triad", "path"] {
            change(FORMAT, &format!("missing: {field}"), &|claim| {
                claim.as_object_mut().unwrap().remove(field);
            });
        }
    }

    /// A body of one kind passed for one of the other.
    fn confused_kinds(&mut self) {
        let (bank, netted) = (
            self.further.world.account(4),
            netted_account(NETTED_DEPTH, 4),
        );
        let claim = NettedAccountClaim {
            body: bank.body,
            ..netted.clone()
        };
        let name = "the body of a shard of the reference program";
        let claim = (BANK, claim.to_json());
        self.claim("netted_account", name, Err(WRONG_ROOT), claim);
        let claim = AccountClaim {
            body: netted.body,
            ..bank
        };
        let claim = (NETTED, claim.to_json());
        let name = "the body of a netted shard";
        self.claim("account", name, Err(WRONG_ROOT), claim);
        for (name, shard) in [("of another shard", SMALL), ("of an absent shard", 2)] {
            let claim = (shard, netted.to_json());
            self.claim("netted_account", name, Err(WRONG_BODY), claim);
        }
    }

    fn receipts(&mut self) {
        let present = self.further.receipt(4);
        let mut forged = present.clone();
        forged.netted_account.as_mut().unwrap().triad[1].balance += 1;
        let mut orphan = present.clone();
        orphan.shard = self.further.shard(2);
        for (name, verdict, receipt) in [
            ("a netted account", Ok("present"), &present),
            ("no netted account", Ok("absent"), &self.further.receipt(25)),
            ("another balance", Err(WRONG_ROOT), &forged),
            ("an account of an absent shard", Err(WRONG_BODY), &orphan),
        ] {
            let parts = json!({
                "bytes": hex(&receipt.to_bytes()),
                "json": value(&receipt.to_json()),
            });
            self.push("receipt", name, verdict, parts);
        }
    }

    fn sent(&mut self, name: &str, verdict: Result<&str, &str>, claim: &MessageClaim) {
        let claim = (SENDER, claim.to_json());
        self.claim("message", name, verdict, claim);
    }

    fn messages(&mut self) {
        self.sent("the first message", Ok("present"), &message(BANK, 0));
        let last = message(BANK, MESSAGES - 1);
        self.sent("the last message", Ok("present"), &last);
        self.sent("no message yet", Ok("absent"), &message(BANK, MESSAGES));
        self.sent("no message to this shard", Ok("absent"), &message(2, 0));
        let claim = (SILENT, no_message().to_json());
        self.claim("message", "no message ever", Ok("absent"), claim);
    }

    fn refused_messages(&mut self) {
        let valid = message(BANK, 1);
        for (name, body) in changed_bodies(valid.body) {
            let claim = MessageClaim {
                body,
                ..valid.clone()
            };
            self.sent(name, Err(WRONG_BODY), &claim);
        }
        for (code, name, path) in changed_paths(&valid.path, 2) {
            let claim = MessageClaim {
                path,
                ..valid.clone()
            };
            self.sent(name, Err(code), &claim);
        }
        for (code, name, channel_path) in changed_paths(&valid.channel_path, 2) {
            let claim = MessageClaim {
                channel_path,
                ..valid.clone()
            };
            self.sent(&format!("the channel's: {name}"), Err(code), &claim);
        }
        for (name, changed) in changed_messages(valid.message.unwrap()) {
            let claim = MessageClaim {
                message: Some(changed),
                ..valid.clone()
            };
            self.sent(name, Err(WRONG_ROOT), &claim);
        }
        self.refused_channels(&valid);
        for (name, shard) in [
            ("a message of another shard", BANK),
            ("a message of an absent shard", 2),
        ] {
            let claim = (shard, valid.to_json());
            self.claim("message", name, Err(WRONG_BODY), claim);
        }
    }

    fn refused_channels(&mut self, valid: &MessageClaim) {
        let mut change = |code, name, change: &dyn Fn(&mut MessageClaim)| {
            let mut claim = valid.clone();
            change(&mut claim);
            self.sent(name, Err(code), &claim);
        };
        change(WRONG_INDEX, "another destination", &|claim| {
            claim.destination = 2;
        });
        change(
            WRONG_ROOT,
            "another destination with its path's index",
            &|claim| {
                (claim.destination, claim.channel_path.index) = (2, 2);
            },
        );
        change(WRONG_ROOT, "another count", &|claim| {
            claim.channel.count += 1
        });
        change(WRONG_ROOT, "other messages", &|claim| {
            claim.channel.messages += Fr::ONE;
        });
        change(WRONG_ROOT, "a channel said to be empty", &|claim| {
            claim.channel = Channel {
                count: 0,
                ..claim.channel
            };
        });
        change(WRONG_INDEX, "another number", &|claim| claim.index = 2);
        change(
            WRONG_ROOT,
            "another number with its path's index",
            &|claim| {
                (claim.index, claim.path.index) = (2, 2);
            },
        );
        change(WRONG_ROOT, "not sent, though it was", &|claim| {
            claim.message = None
        });
        let unsent = message(BANK, MESSAGES);
        let claim = MessageClaim {
            message: valid.message,
            ..unsent
        };
        self.sent("sent, though it was not", Err(WRONG_ROOT), &claim);
    }
}

fn changed_triads(triad: [netted::Account; 3]) -> Vec<(&'static str, [netted::Account; 3])> {
    let with = |change: &dyn Fn(&mut [netted::Account; 3])| {
        let mut triad = triad;
        change(&mut triad);
        triad
    };
    vec![
        ("another key", with(&|triad| triad[1].key += Fr::ONE)),
        ("another balance", with(&|triad| triad[1].balance += 1)),
        ("another ordinal", with(&|triad| triad[1].ordinal += 1)),
        (
            "an owner for an empty place",
            with(&|triad| triad[0].key = Fr::ONE),
        ),
        (
            "a balance for an empty place",
            with(&|triad| triad[0].balance = 1),
        ),
        (
            "an ordinal for an empty place",
            with(&|triad| triad[0].ordinal = 1),
        ),
        (
            "the third account's key",
            with(&|triad| triad[2].key += Fr::ONE),
        ),
        (
            "the third account's balance",
            with(&|triad| triad[2].balance += 1),
        ),
        (
            "the third account's ordinal",
            with(&|triad| triad[2].ordinal += 1),
        ),
        (
            "no account, though it is there",
            with(&|triad| triad[1] = netted::Account::default()),
        ),
        ("swapped: accounts", with(&|triad| triad.swap(1, 2))),
        (
            "swapped: balance and ordinal",
            with(&|triad| {
                let account = &mut triad[1];
                (account.balance, account.ordinal) = (account.ordinal, account.balance);
            }),
        ),
    ]
}

fn changed_messages(message: Message) -> Vec<(&'static str, Message)> {
    let with = |change: &dyn Fn(&mut Message)| {
        let mut message = message;
        change(&mut message);
        message
    };
    vec![
        ("another kind", with(&|message| message.kind += 1)),
        ("another sender", with(&|message| message.from += 1)),
        ("another receiver", with(&|message| message.to += 1)),
        ("another amount", with(&|message| message.amount += 1)),
        (
            "another payload",
            with(&|message| message.payload += Fr::ONE),
        ),
        (
            "swapped: sender and receiver",
            with(&|message| (message.from, message.to) = (message.to, message.from)),
        ),
    ]
}
