//! What has to be refused, and why. The codes are written down here, not computed.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use serde_json::{Value, json};
use trifold_verifier::claim::{AccountClaim, ShardClaim};
use trifold_verifier::client::{Network, Update};
use trifold_verifier::groth16::Proof;
use trifold_verifier::receipt::{PastState, Receipt};
use trifold_verifier::refusal::*;
use trifold_verifier::statement::{Account, Body, EPOCH_LIMIT, GlobalState, Keys, Leaf};
use trifold_verifier::trie::Path;

use crate::common::{Trapdoor, g1, outside_subgroup, scalar};
use crate::corpus::{bundle, hex, value};
use crate::world::{BANK, World};

/// Where the parts of an update's bytes start: the state's fields, then A, B, C.
mod at {
    pub const EPOCH: usize = 0;
    pub const DEPTH: usize = 8;
    pub const ROOT: usize = 9;
    pub const HISTORY: usize = 41;
    pub const IN_FLIGHT: usize = 73;
    pub const A: usize = 89;
    pub const B: usize = 121;
    pub const C: usize = 185;
}

pub fn refusals(world: &World) -> Vec<Value> {
    let mut list = Refusals {
        world,
        entries: Vec::new(),
    };
    list.encodings();
    list.points_as_bytes();
    list.points_as_numbers();
    list.proofs();
    list.statements();
    list.networks();
    list.texts();
    list.advances();
    list.receipts_under_a_wrong_proof();
    list.past_states();
    list.shards();
    list.accounts();
    list.receipt_encodings();
    list.entries
}

struct Refusals<'a> {
    world: &'a World,
    entries: Vec<Value>,
}

impl Refusals<'_> {
    fn push(&mut self, kind: &str, code: &str, name: impl Into<String>, parts: Value) {
        let mut entry = json!({"kind": kind, "code": code, "name": name.into()});
        let fields = entry.as_object_mut().unwrap();
        fields.extend(parts.as_object().unwrap().clone());
        self.entries.push(entry);
    }

    /// An update's bytes.
    fn bytes(&mut self, code: &str, name: impl Into<String>, bytes: &[u8]) {
        self.push("update", code, name, json!({"bytes": hex(bytes)}));
    }

    /// An update's bytes with a part overwritten.
    fn patched(&mut self, code: &str, name: impl Into<String>, start: usize, part: &[u8]) {
        let mut bytes = self.world.update(3).to_bytes();
        bytes[start..start + part.len()].copy_from_slice(part);
        self.bytes(code, name, &bytes);
    }

    /// A bundle with a value put in place of another.
    fn replaced(&mut self, code: &str, name: impl Into<String>, pointer: &str, with: Value) {
        let mut json = bundle(self.world, self.world.update(3));
        *json.pointer_mut(pointer).unwrap() = with;
        self.push("bundle", code, name, json!({"json": json}));
    }

    /// An update whose points are points, as bytes and as a bundle.
    fn update(&mut self, code: &str, name: impl Into<String>, update: Update) {
        let (bytes, json) = (hex(&update.to_bytes()), bundle(self.world, update));
        self.push("update", code, name, json!({"bytes": bytes, "json": json}));
    }

    /// A receipt, as bytes and as JSON.
    fn receipt(&mut self, code: &str, name: impl Into<String>, receipt: &Receipt) {
        let (bytes, json) = (hex(&receipt.to_bytes()), value(&receipt.to_json()));
        let parts = json!({"bytes": bytes, "json": json});
        self.push("receipt", code, name, parts);
    }

    fn encodings(&mut self) {
        let bytes = self.world.update(3).to_bytes();
        self.bytes(LENGTH, "nothing", &[]);
        self.bytes(LENGTH, "truncated by a byte", &bytes[..bytes.len() - 1]);
        self.bytes(LENGTH, "truncated at the proof", &bytes[..at::A]);
        self.bytes(LENGTH, "extended by a byte", &[&bytes[..], &[0]].concat());
        self.bytes(LENGTH, "twice", &bytes.repeat(2));
        for (name, start) in [("root", at::ROOT), ("history", at::HISTORY)] {
            for added in [0, 1] {
                let text = format!("{name} is r + {added}");
                self.patched(NOT_CANONICAL, text, start, &from_modulus::<Fr>(added));
            }
            self.patched(
                NOT_CANONICAL,
                format!("{name} is all ones"),
                start,
                &[0xff; 32],
            );
        }
        let limit = EPOCH_LIMIT.to_le_bytes();
        self.patched(RANGE, "epoch is 3^20", at::EPOCH, &limit);
        self.patched(RANGE, "epoch is all ones", at::EPOCH, &[0xff; 8]);
        self.patched(RANGE, "depth is 0", at::DEPTH, &[0]);
        self.patched(RANGE, "depth is 10", at::DEPTH, &[10]);
        let limit = (1u128 << 112).to_le_bytes();
        self.patched(RANGE, "in_flight is 2^112", at::IN_FLIGHT, &limit);
    }

    fn points_as_bytes(&mut self) {
        for (name, start, length) in [("A", at::A, 32), ("B", at::B, 64), ("C", at::C, 32)] {
            let last = start + length - 1;
            let mut infinity = vec![0; length];
            infinity[length - 1] = 0x40;
            self.patched(INFINITY, format!("{name} is infinity"), start, &infinity);
            infinity[length - 1] = 0xc0;
            let text = format!("{name} is infinity with a sign");
            self.patched(INFINITY, text, start, &infinity);
            let byte = self.world.update(3).to_bytes()[last] | 0x40;
            let text = format!("{name} is a point marked as infinity");
            self.patched(INFINITY, text, last, &[byte]);
            for half in (0..length).step_by(32) {
                // x = 1 is on the curve: 1 + q is another name of the same point
                let (text, alias) = (
                    format!("{name}'s x is q + 1, byte {half}"),
                    from_modulus::<Fq>(1),
                );
                self.patched(NOT_CANONICAL, text, start + half, &alias);
            }
            let mut off = vec![0; length];
            off[0] = if name == "B" {
                off_twist()
            } else {
                off_curve()
            };
            self.patched(OFF_CURVE, format!("{name} is off its curve"), start, &off);
        }
        let mut outside = Vec::new();
        use ark_serialize::CanonicalSerialize;
        outside_subgroup()
            .serialize_compressed(&mut outside)
            .unwrap();
        self.patched(WRONG_SUBGROUP, "B is outside its subgroup", at::B, &outside);
    }

    fn points_as_numbers(&mut self) {
        let q = "21888242871839275222246405745257275088696311157297823662689037894645226208583";
        let wide = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        for (name, point) in [("A", "/proof/pi_a"), ("C", "/proof/pi_c")] {
            let text = format!("{name} is infinity");
            self.replaced(INFINITY, text, point, json!(["0", "1", "0"]));
            let text = format!("{name} is off its curve");
            self.replaced(OFF_CURVE, text, point, json!(["1", "1", "1"]));
            let text = format!("{name}'s y is the other point's");
            let y = self.world.update(2).proof.a().y.to_string();
            self.replaced(OFF_CURVE, text, &format!("{point}/1"), json!(y));
            for (coordinate, number) in [(0, q), (1, q), (0, wide)] {
                let text = format!("{name}'s coordinate {coordinate} is {number}");
                let place = format!("{point}/{coordinate}");
                self.replaced(NOT_CANONICAL, text, &place, json!(number));
            }
        }
        let (point, outside) = ("/proof/pi_b", outside_subgroup());
        let text = "B is infinity";
        self.replaced(
            INFINITY,
            text,
            point,
            json!([["0", "0"], ["1", "0"], ["0", "0"]]),
        );
        let b = self.world.update(3).proof.b();
        let swapped = G2Affine::new_unchecked(b.y, b.x);
        self.replaced(OFF_CURVE, "B has x and y swapped", point, twisted(&swapped));
        let turned = |value: Fq2| Fq2::new(value.c1, value.c0);
        let turned = G2Affine::new_unchecked(turned(b.x), turned(b.y));
        let text = "B has its coefficients in Ethereum's order";
        self.replaced(OFF_CURVE, text, point, twisted(&turned));
        let text = "B is outside its subgroup";
        self.replaced(WRONG_SUBGROUP, text, point, twisted(&outside));
        for place in ["0/0", "0/1", "1/0", "1/1"] {
            let text = format!("B's coefficient {place} is q");
            let place = format!("{point}/{place}");
            self.replaced(NOT_CANONICAL, text, &place, json!(q));
        }
    }

    /// Proofs made of a valid one by anyone. Those that hold all the same are in `updates.json`.
    fn proofs(&mut self) {
        let Update { state, proof } = self.world.update(3);
        let other = self.world.update(2).proof;
        let (a, b, c) = (proof.a(), proof.b(), proof.c());
        let half = self.world.other_proofs(&self.world.update(3))[1].1;
        let changed = [
            ("malleated: -A, B, C", -a, b, c),
            ("malleated: A, -B, C", a, -b, c),
            ("malleated: A, B, -C", a, b, -c),
            ("malleated: -A, -B, -C", -a, -b, -c),
            ("malleated: 2A, B, C", (a + a).into_affine(), b, c),
            (
                "malleated: A and B rerandomised, C not",
                half.a(),
                half.b(),
                c,
            ),
            ("swapped: C, B, A", c, b, a),
            ("A twice", a, b, a),
            ("C twice", c, b, c),
            ("A of another proof", other.a(), b, c),
            ("B of another proof", a, other.b(), c),
            ("C of another proof", a, b, other.c()),
            (
                "generators",
                G1Affine::generator(),
                G2Affine::generator(),
                g1(scalar(3)),
            ),
            ("all of another proof", other.a(), other.b(), other.c()),
        ];
        for (name, a, b, c) in changed {
            let proof = Proof::new(a, b, c).unwrap();
            self.update(PAIRING, name, Update { state, proof });
        }
    }

    fn statements(&mut self) {
        let update = self.world.update(3);
        let state = update.state;
        let (root, history) = (state.history, state.root);
        let next = self.world.states[4];
        let changed = [
            ("another epoch", GlobalState { epoch: 4, ..state }),
            ("another depth", GlobalState { depth: 1, ..state }),
            (
                "another root",
                GlobalState {
                    root: next.root,
                    ..state
                },
            ),
            (
                "another history",
                GlobalState {
                    history: next.history,
                    ..state
                },
            ),
            (
                "another value in flight",
                GlobalState {
                    in_flight: 0,
                    ..state
                },
            ),
            (
                "swapped: root and history",
                GlobalState {
                    root,
                    history,
                    ..state
                },
            ),
            ("the next state", next),
            ("genesis", self.world.states[0]),
            ("a fork", self.world.fork(3)),
        ];
        for (name, state) in changed {
            self.update(PAIRING, name, Update { state, ..update });
        }
        let forged = Trapdoor::new(6).prove(self.world.network.statement(&state).digest());
        let name = "a proof under another key";
        self.update(
            PAIRING,
            name,
            Update {
                proof: forged,
                ..update
            },
        );
    }

    /// Bundles of other networks, and keys that are none.
    fn networks(&mut self) {
        let keys = ["/keys/merge", "/keys/nest", "/keys/registry", "/genesis"];
        for place in keys {
            let text = format!("another network: {place}");
            self.replaced(OTHER_NETWORK, text, place, json!("1"));
        }
        let (key, own) = (
            "/verification_key",
            bundle(self.world, self.world.update(3)),
        );
        let other = value(&trifold_verifier::json::verifying_key_to_json(
            &Trapdoor::new(6).key(),
        ));
        self.replaced(OTHER_NETWORK, "another network's key", key, other);
        let place = format!("{key}/vk_gamma_2");
        let (gamma, delta) = (&own[&key[1..]]["vk_gamma_2"], &own[&key[1..]]["vk_delta_2"]);
        self.replaced(WRONG_KEY, "gamma is no generator", &place, delta.clone());
        let place = format!("{key}/vk_delta_2");
        self.replaced(WRONG_KEY, "delta is gamma", &place, gamma.clone());
        let negated = twisted(&-G2Affine::generator());
        self.replaced(WRONG_KEY, "delta is -gamma", &place, negated);
        let text = "delta is outside its subgroup";
        self.replaced(WRONG_SUBGROUP, text, &place, twisted(&outside_subgroup()));
        let text = "alpha is off its curve";
        self.replaced(
            OFF_CURVE,
            text,
            "/verification_key/vk_alpha_1",
            json!(["1", "1", "1"]),
        );
        let text = "IC[1] is infinity";
        self.replaced(
            INFINITY,
            text,
            "/verification_key/IC/1",
            json!(["0", "1", "0"]),
        );
        let (ic, point) = ("/verification_key/IC", json!(["1", "2", "1"]));
        let text = "a key of two public inputs";
        self.replaced(LENGTH, text, ic, json!([point, point, point]));
        self.replaced(
            FORMAT,
            "nPublic is 2",
            "/verification_key/nPublic",
            json!(2),
        );
    }

    fn texts(&mut self) {
        let texts = [
            (FORMAT, "no JSON", "{".to_string()),
            (FORMAT, "no object", "[]".into()),
            (FORMAT, "an empty object", "{}".into()),
            (
                LENGTH,
                "a text of 64 KiB and a byte",
                " ".repeat((1 << 16) + 1),
            ),
        ];
        for (code, name, text) in texts {
            self.push("bundle", code, name, json!({"text": text}));
        }
        self.replaced(
            FORMAT,
            "another format",
            "/format",
            json!("trifold/receipt/v1"),
        );
        self.replaced(
            FORMAT,
            "another protocol",
            "/proof/protocol",
            json!("plonk"),
        );
        self.replaced(FORMAT, "another curve", "/proof/curve", json!("bls12381"));
        for (name, number) in [
            ("a leading zero", json!("03")),
            ("a sign", json!("+3")),
            ("hexadecimal", json!("0x3")),
            ("a number and no string", json!(3)),
            ("nothing", json!(null)),
        ] {
            self.replaced(FORMAT, format!("epoch is {name}"), "/state/epoch", number);
        }
        let too_large = [("epoch", 64), ("depth", 8), ("in_flight", 128)];
        for (field, bits) in too_large {
            let number = match bits {
                128 => "340282366920938463463374607431768211456".to_string(),
                bits => (1u128 << bits).to_string(),
            };
            let (name, place) = (format!("{field} is 2^{bits}"), format!("/state/{field}"));
            self.replaced(RANGE, name, &place, json!(number));
        }
        self.replaced(RANGE, "depth is 10", "/state/depth", json!("10"));
        let modulus = Fr::MODULUS.to_string();
        self.replaced(NOT_CANONICAL, "root is r", "/state/root", json!(modulus));
        self.replaced(NOT_CANONICAL, "genesis is r", "/genesis", json!(modulus));
    }

    /// What a client that holds one state refuses to move on to.
    fn advances(&mut self) {
        let world = self.world;
        let (held, fork) = (world.update(3), world.prove(world.fork(3)));
        let other_proof = Update {
            proof: world.other_proofs(&held)[0].1,
            ..held
        };
        let cases = [
            (STALE, "an epoch before", world.update(2)),
            (
                STALE,
                "a fork of an epoch before",
                world.prove(world.fork(2)),
            ),
            (KNOWN, "the same state", held),
            (KNOWN, "the same state with another proof", other_proof),
            (EQUIVOCATION, "another state of the same epoch", fork),
        ];
        for (code, name, next) in cases {
            self.advance("advance", code, name, next, None);
        }
        let (next, path) = (world.update(5), world.history(5).path(3));
        let forked = world.prove(world.fork(5));
        let late = world.prove(GlobalState {
            history: world.history(3).root(),
            ..world.states[5]
        });
        let cut = Path {
            siblings: path.siblings[1..].to_vec(),
            ..path.clone()
        };
        let cases = [
            (
                WRONG_ROOT,
                "a state that descends from a fork",
                late,
                path.clone(),
            ),
            (
                WRONG_INDEX,
                "the path of another epoch",
                next,
                world.history(5).path(2),
            ),
            (WRONG_DEPTH, "a path of too few levels", next, cut),
            (
                WRONG_ROOT,
                "the path in another history",
                next,
                world.history(4).path(3),
            ),
            (NOT_PAST, "no later epoch", world.update(3), path.clone()),
        ];
        for (code, name, next, path) in cases {
            self.advance("descent", code, name, next, Some(path));
        }
        // Only its value in flight differs, so it does descend: what two forks have in common is no fault of either.
        assert_eq!(
            world
                .client_at(3)
                .check_descent(&world.network.verify(&forked).unwrap(), &path),
            Ok(())
        );
    }

    fn advance(&mut self, kind: &str, code: &str, name: &str, next: Update, path: Option<Path>) {
        let held = hex(&self.world.update(3).to_bytes());
        let mut parts = json!({"held": held, "bytes": hex(&next.to_bytes())});
        if let Some(path) = path {
            let pairs = path
                .siblings
                .iter()
                .map(|pair| pair.map(|sibling| sibling.to_string()));
            parts["path"] =
                json!({"index": path.index.to_string(), "siblings": pairs.collect::<Vec<_>>()});
        }
        self.push(kind, code, name, parts);
    }

    fn receipts_under_a_wrong_proof(&mut self) {
        let valid = self.world.whole_receipt();
        let network = valid.network;
        let keys = |change: fn(&mut Keys)| {
            let mut keys = network.keys;
            change(&mut keys);
            Network { keys, ..network }
        };
        let networks = [
            ("merge key", keys(|keys| keys.merge = Fr::ONE)),
            ("nest key digest", keys(|keys| keys.nest = Fr::ONE)),
            ("registry", keys(|keys| keys.registry = Fr::ONE)),
            (
                "genesis",
                Network {
                    genesis: Fr::ONE,
                    ..network
                },
            ),
            (
                "nest key",
                Network {
                    nest_key: Trapdoor::new(6).key(),
                    ..network
                },
            ),
        ];
        for (name, network) in networks {
            let name = format!("another network: {name}");
            self.receipt(
                OTHER_NETWORK,
                name,
                &Receipt {
                    network,
                    ..valid.clone()
                },
            );
        }
        let Update { state, proof } = valid.update;
        let negated = Proof::new(-proof.a(), proof.b(), proof.c()).unwrap();
        let updates = [
            (
                "-A",
                Update {
                    state,
                    proof: negated,
                },
            ),
            (
                "another state's proof",
                Update {
                    state,
                    proof: self.world.update(4).proof,
                },
            ),
            (
                "another root",
                Update {
                    state: GlobalState {
                        root: Fr::ONE,
                        ..state
                    },
                    proof,
                },
            ),
            (
                "another history",
                Update {
                    state: GlobalState {
                        history: Fr::ONE,
                        ..state
                    },
                    proof,
                },
            ),
        ];
        for (name, update) in updates {
            self.receipt(
                PAIRING,
                name,
                &Receipt {
                    update,
                    ..valid.clone()
                },
            );
        }
        let held = self.world.prove(self.world.fork(5));
        let forked = Receipt {
            update: held,
            ..valid
        };
        let name = "a fork of the epoch held";
        self.receipt(EQUIVOCATION, name, &forked);
    }

    fn past_states(&mut self) {
        let valid = self.world.whole_receipt();
        let PastState { state, path } = valid.past.clone().unwrap();
        let with = |state, path| Receipt {
            past: Some(PastState { state, path }),
            ..valid.clone()
        };
        let states = [
            (
                "another root",
                GlobalState {
                    root: Fr::ONE,
                    ..state
                },
            ),
            ("another depth", GlobalState { depth: 3, ..state }),
            (
                "another history",
                GlobalState {
                    history: Fr::ONE,
                    ..state
                },
            ),
            (
                "another value in flight",
                GlobalState {
                    in_flight: 0,
                    ..state
                },
            ),
        ];
        for (name, state) in states {
            let receipt = with(state, path.clone());
            self.receipt(WRONG_ROOT, format!("past: {name}"), &receipt);
        }
        let epoch = |epoch| with(GlobalState { epoch, ..state }, path.clone());
        self.receipt(WRONG_INDEX, "past: another epoch", &epoch(2));
        self.receipt(NOT_PAST, "past: the proven epoch", &epoch(5));
        self.receipt(NOT_PAST, "past: a later epoch", &epoch(6));
        let paths = changed_paths(&path, state.epoch + 1);
        for (code, name, path) in paths {
            self.receipt(code, format!("past: {name}"), &with(state, path));
        }
        let mut later = with(state, path);
        let past = later.past.as_mut().unwrap();
        (past.state.epoch, past.path.index) = (4, 4);
        self.receipt(WRONG_ROOT, "past: moved to another epoch", &later);
        let missing = Receipt {
            past: None,
            ..valid
        };
        self.receipt(WRONG_ROOT, "past: left out", &missing);
    }

    fn shards(&mut self) {
        let valid = self.world.receipt(3, BANK);
        let ShardClaim { index, leaf, path } = valid.shard.clone();
        let with = |index, leaf, path: &Path| Receipt {
            shard: ShardClaim {
                index,
                leaf,
                path: path.clone(),
            },
            ..valid.clone()
        };
        for (name, leaf) in changed_leaves(leaf.unwrap()) {
            let receipt = with(index, Some(leaf), &path);
            self.receipt(WRONG_ROOT, format!("shard: {name}"), &receipt);
        }
        let name = "shard: absent, though it is there";
        self.receipt(WRONG_ROOT, name, &with(index, None, &path));
        for (code, name, path) in changed_paths(&path, 4) {
            self.receipt(code, format!("shard: {name}"), &with(index, leaf, &path));
        }
        let name = "shard: another index";
        self.receipt(WRONG_INDEX, name, &with(index + 1, leaf, &path));
        let moved = Path {
            index: 2,
            ..path.clone()
        };
        self.receipt(WRONG_ROOT, "shard: moved", &with(2, leaf, &moved));
        let inner = Path {
            index: 2,
            siblings: path.siblings[1..].to_vec(),
        };
        let name = "shard: a triple passed off as absent";
        self.receipt(WRONG_DEPTH, name, &with(2, None, &inner));
        let none = self.world.shard(3, 2);
        let name = "shard: there, though it is absent";
        self.receipt(WRONG_ROOT, name, &with(2, leaf, &none.path));
        let beyond = Path {
            index: 9,
            siblings: vec![],
        };
        let name = "shard: there, beyond the trie";
        self.receipt(WRONG_INDEX, name, &with(9, leaf, &beyond));
        let beyond = Path {
            index: 9,
            ..path.clone()
        };
        let name = "shard: absent beyond the trie, with a path";
        self.receipt(WRONG_DEPTH, name, &with(9, None, &beyond));
        let bare = Path {
            index: index.into(),
            siblings: vec![],
        };
        let name = "shard: absent within the trie, without a path";
        self.receipt(WRONG_DEPTH, name, &with(index, None, &bare));
    }

    fn accounts(&mut self) {
        let valid = self.world.bank_receipt(5);
        let claim = valid.account.clone().unwrap();
        let with = |claim: AccountClaim| Receipt {
            account: Some(claim),
            ..valid.clone()
        };
        for (name, body) in changed_bodies(claim.body) {
            let receipt = with(AccountClaim {
                body,
                ..claim.clone()
            });
            self.receipt(WRONG_BODY, format!("account: {name}"), &receipt);
        }
        for (name, account) in changed_accounts(claim.account.unwrap()) {
            let account = Some(account);
            let receipt = with(AccountClaim {
                account,
                ..claim.clone()
            });
            self.receipt(WRONG_ROOT, format!("account: {name}"), &receipt);
        }
        for (code, name, path) in changed_paths(&claim.path, 6) {
            // how deep the trie of accounts is, only its root knows
            let code = if code == WRONG_DEPTH {
                WRONG_ROOT
            } else {
                code
            };
            let receipt = with(AccountClaim {
                path,
                ..claim.clone()
            });
            self.receipt(code, format!("account: {name}"), &receipt);
        }
        self.account_places(&valid);
    }

    fn account_places(&mut self, valid: &Receipt) {
        let claim = valid.account.clone().unwrap();
        let mut change = |code, name, change: &dyn Fn(&mut AccountClaim)| {
            let mut claim = claim.clone();
            change(&mut claim);
            let receipt = Receipt {
                account: Some(claim),
                ..valid.clone()
            };
            self.receipt(code, format!("account: {name}"), &receipt);
        };
        change(WRONG_ROOT, "absent, though it is there", &|claim| {
            claim.account = None
        });
        change(WRONG_INDEX, "another index", &|claim| claim.index = 4);
        change(WRONG_INDEX, "beyond the trie", &|claim| {
            (claim.index, claim.path.index) = (32, 32)
        });
        change(WRONG_ROOT, "a node passed off as absent", &|claim| {
            (claim.index, claim.path.index, claim.account) = (1, 1, None);
            claim.path.siblings.remove(0);
        });
        change(WRONG_ROOT, "absent below a leaf", &|claim| {
            (claim.index, claim.path.index, claim.account) = (15, 15, None);
            claim.path.siblings.insert(0, [Fr::ZERO; 2]);
        });
        change(WRONG_DEPTH, "a path of no levels", &|claim| {
            (claim.index, claim.path.index) = (0, 0);
            claim.path.siblings.clear();
        });
        change(WRONG_DEPTH, "a path of 41 levels", &|claim| {
            claim.path.siblings.resize(41, [Fr::ZERO; 2]);
        });
        let orphan = Receipt {
            shard: self.world.shard(5, 2),
            ..valid.clone()
        };
        self.receipt(WRONG_BODY, "account: of an absent shard", &orphan);
        let other = Receipt {
            shard: self.world.shard(5, 0),
            ..valid.clone()
        };
        self.receipt(WRONG_BODY, "account: of another shard", &other);
    }

    fn receipt_encodings(&mut self) {
        let bytes = self.world.whole_receipt().to_bytes();
        let marks = trifold_verifier::codec::RECEIPT_FORMAT.len();
        let mut push = |code, name: &str, bytes: &[u8]| {
            self.push("receipt", code, name, json!({"bytes": hex(bytes)}));
        };
        push(FORMAT, "nothing", &[]);
        push(
            FORMAT,
            "a bundle",
            b"{\"format\": \"trifold/global-proof/v1\"}",
        );
        push(LENGTH, "its name only", &bytes[..marks]);
        push(LENGTH, "truncated by a byte", &bytes[..bytes.len() - 1]);
        push(LENGTH, "truncated in the proof", &bytes[..marks + 400]);
        push(LENGTH, "extended by a byte", &[&bytes[..], &[0]].concat());
        for (name, mark) in [("unknown", 0x20), ("an account without its claim", 0x0b)] {
            let mut changed = bytes.clone();
            changed[marks] = mark;
            push(FORMAT, &format!("a mark that is {name}"), &changed);
        }
        let mut json = value(&self.world.whole_receipt().to_json());
        json["past"] = Value::Null;
        self.push("receipt", FORMAT, "past is null", json!({"json": json}));
        let mut json = value(&self.world.whole_receipt().to_json());
        json["shard"].as_object_mut().unwrap().remove("leaf");
        self.push(
            "receipt",
            FORMAT,
            "no word of a leaf",
            json!({"json": json}),
        );
        let mut json = value(&self.world.whole_receipt().to_json());
        json["shard"]["path"]["siblings"][0] = json!(["1"]);
        self.push("receipt", LENGTH, "one sibling", json!({"json": json}));
    }
}

/// Paths that differ from a valid one, to `elsewhere` the second.
pub fn changed_paths(path: &Path, elsewhere: u64) -> Vec<(&'static str, &'static str, Path)> {
    let with = |change: &dyn Fn(&mut Path)| {
        let mut path = path.clone();
        change(&mut path);
        path
    };
    let first = path.siblings[0];
    let zero = [Fr::ZERO; 2];
    vec![
        (
            WRONG_INDEX,
            "the path's index",
            with(&|path| path.index = elsewhere),
        ),
        (
            WRONG_DEPTH,
            "too few levels",
            with(&|path| path.siblings.truncate(path.siblings.len() - 1)),
        ),
        (
            WRONG_DEPTH,
            "too many levels",
            with(&|path| path.siblings.push(zero)),
        ),
        (
            WRONG_ROOT,
            "another sibling",
            with(&|path| path.siblings[0][1] += Fr::ONE),
        ),
        (
            WRONG_ROOT,
            "another sibling at the top",
            with(&|path| *path.siblings.last_mut().unwrap() = zero),
        ),
        (
            WRONG_ROOT,
            "swapped: siblings",
            with(&|path| path.siblings[0] = [first[1], first[0]]),
        ),
        (
            WRONG_ROOT,
            "swapped: levels",
            with(&|path| path.siblings.reverse()),
        ),
    ]
}

fn changed_leaves(leaf: Leaf) -> Vec<(&'static str, Leaf)> {
    let (program, body) = (leaf.body, leaf.program);
    vec![
        (
            "another program",
            Leaf {
                program: Fr::ONE,
                ..leaf
            },
        ),
        (
            "another body",
            Leaf {
                body: Fr::ONE,
                ..leaf
            },
        ),
        (
            "another lamport",
            Leaf {
                lamport: leaf.lamport + 1,
                ..leaf
            },
        ),
        (
            "another timestamp",
            Leaf {
                timestamp: leaf.timestamp + 1,
                ..leaf
            },
        ),
        (
            "another seen epoch",
            Leaf {
                seen_epoch: leaf.seen_epoch + 1,
                ..leaf
            },
        ),
        (
            "another seen digest",
            Leaf {
                seen_digest: Fr::ONE,
                ..leaf
            },
        ),
        (
            "another supply",
            Leaf {
                supply: leaf.supply + 1,
                ..leaf
            },
        ),
        (
            "swapped: program and body",
            Leaf {
                program,
                body,
                ..leaf
            },
        ),
    ]
}

pub fn changed_bodies(body: Body) -> Vec<(&'static str, Body)> {
    let (outbox_root, inbox_root) = (body.inbox_root, body.outbox_root);
    vec![
        (
            "another state root",
            Body {
                state_root: Fr::ONE,
                ..body
            },
        ),
        (
            "another outbox root",
            Body {
                outbox_root: Fr::ONE,
                ..body
            },
        ),
        (
            "another inbox root",
            Body {
                inbox_root: Fr::ONE,
                ..body
            },
        ),
        (
            "swapped: outbox and inbox",
            Body {
                outbox_root,
                inbox_root,
                ..body
            },
        ),
    ]
}

fn changed_accounts(account: Account) -> Vec<(&'static str, Account)> {
    let (ax, ay) = (account.ay, account.ax);
    let (balance, ordinal) = (account.ordinal, account.balance);
    vec![
        (
            "another key",
            Account {
                ax: Fr::ONE,
                ..account
            },
        ),
        (
            "another balance",
            Account {
                balance: balance + 1_000,
                ..account
            },
        ),
        (
            "another ordinal",
            Account {
                ordinal: ordinal + 1,
                ..account
            },
        ),
        ("swapped: ax and ay", Account { ax, ay, ..account }),
        (
            "swapped: balance and ordinal",
            Account {
                balance,
                ordinal,
                ..account
            },
        ),
    ]
}

/// A modulus plus a little, as 32 bytes.
fn from_modulus<F: PrimeField>(added: u64) -> [u8; 32] {
    let mut integer = F::MODULUS;
    integer.add_with_carry(&F::BigInt::from(added));
    integer.to_bytes_le().try_into().unwrap()
}

/// A small x that no point of the curve has.
fn off_curve() -> u8 {
    let none = |x: &u8| G1Affine::get_ys_from_x_unchecked(Fq::from(*x)).is_none();
    (1..).find(none).unwrap()
}

/// Likewise on the twist.
fn off_twist() -> u8 {
    let x = |x: u8| Fq2::new(Fq::from(x), Fq::ZERO);
    let none = |small: &u8| G2Affine::get_ys_from_x_unchecked(x(*small)).is_none();
    (1..).find(none).unwrap()
}

fn twisted(point: &G2Affine) -> Value {
    let pair = |value: Fq2| json!([value.c0.to_string(), value.c1.to_string()]);
    json!([pair(point.x), pair(point.y), ["1", "0"]])
}
