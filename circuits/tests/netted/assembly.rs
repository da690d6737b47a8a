//! An epoch dealt out to the deployed circuits: the parts say what the close asks for, and nothing else passes for them.

use crate::mail;
use crate::support::{SHARD, network};
use ark_bn254::Fr;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use trifold_circuits::montgomery::key_u;
use trifold_circuits::netted::accounts::{Account, AccountTrie};
use trifold_circuits::netted::assembly::{self, Assembly, AssemblyError};
use trifold_circuits::netted::circuit::{PartCircuit, PartKeys};
use trifold_circuits::netted::close::CloseError;
use trifold_circuits::netted::epoch::Epoch;
use trifold_circuits::netted::manifest::{Manifest, ManifestError, Source, Tree};
use trifold_circuits::netted::message::{Domain, Message, Payment, SignedMessage};
use trifold_circuits::netted::part_inputs::{Home, PartInputs, PartInputsError};
use trifold_circuits::netted::statement::destination;
use trifold_circuits::netted::traffic::{Received, Traffic};
use trifold_circuits::schnorr::SecretKey;
use trifold_verifier::statement::{Body, ProgramStatement};

const COLLECTOR: u32 = 0;

fn secret(account: u32) -> SecretKey {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&account.to_le_bytes());
    SecretKey::from_seed(&seed)
}

fn accounts(depth: u8, count: u32) -> AccountTrie {
    let mut accounts = AccountTrie::new(depth).unwrap();
    let account = |index: u32| Account {
        key: key_u(secret(index).public().coordinates()),
        balance: 1000,
        ordinal: 0,
    };
    accounts
        .set_many((0..count).map(|index| (index, account(index))))
        .unwrap();
    accounts
}

/// A message of `from` to the `receivers`, one unit each.
fn message(from: u32, ordinal: u64, receivers: &[u32]) -> (usize, SignedMessage) {
    let payment = |account: &u32| Payment {
        account: *account,
        shard: SHARD as u16,
        amount: 1,
        fee: 2,
    };
    let payments = if receivers.len() == 1 { 1 } else { 9 };
    let domain = Domain {
        network: network(),
        shard: SHARD,
        payments,
    };
    let message = Message {
        from,
        ordinal,
        payments: receivers.iter().map(payment).collect(),
    };
    (payments, message.sign(&domain, &secret(from)))
}

fn home() -> Home {
    Home {
        network: network(),
        shard: SHARD,
        collector: destination(COLLECTOR, SHARD),
    }
}

fn keys() -> PartKeys {
    PartKeys::new(|circuit| (!circuit.is_large()).then_some(Fr::from(500 + circuit as u64)))
        .unwrap()
}

/// An epoch carried out, with its parts.
struct Carried {
    assembly: Assembly,
    before: AccountTrie,
    after: AccountTrie,
    traffic: Traffic,
}

/// An epoch without messages between shards.
fn assembled(
    before: &AccountTrie,
    messages: Vec<(usize, SignedMessage)>,
) -> Result<(Assembly, AccountTrie), AssemblyError> {
    let carried = carried(before, messages, Vec::new())?;
    Ok((carried.assembly, carried.after))
}

/// An epoch with these messages of another shard.
fn carried(
    before: &AccountTrie,
    messages: Vec<(usize, SignedMessage)>,
    received: Vec<Received>,
) -> Result<Carried, AssemblyError> {
    carried_under(&keys(), before, messages, received)
}

fn carried_under(
    keys: &PartKeys,
    before: &AccountTrie,
    messages: Vec<(usize, SignedMessage)>,
    received: Vec<Received>,
) -> Result<Carried, AssemblyError> {
    let signed: Vec<SignedMessage> = messages.iter().map(|(_, signed)| signed.clone()).collect();
    let epoch = Epoch {
        network: network(),
        shard: SHARD,
        collector: home().collector,
        messages,
        openings: BTreeMap::new(),
        received,
    };
    let changes = epoch.changes(before).unwrap();
    let mut after = before.clone();
    after
        .set_many(changes.values().map(|change| (change.index, change.new)))
        .unwrap();
    let changed = changes.values().filter(|change| change.old != change.new);
    let triads: BTreeSet<u32> = changed.map(|change| change.index / 3).collect();
    let triads: Vec<u32> = triads.into_iter().collect();
    let traffic = mail::traffic(&epoch, &changes);
    let carried = assembly::Carried {
        home: home(),
        depth: before.depth(),
        messages: &signed,
        triads: &triads,
        before,
        after: &after,
        traffic: &traffic,
    };
    let assembly = carried.assemble(keys, mail::seen().digest())?;
    Ok(Carried {
        assembly,
        before: before.clone(),
        after,
        traffic,
    })
}

/// Every part is what its inputs prove, every join what its parts add up to, and the close states the step.
fn check(assembly: &Assembly, before: &AccountTrie, after: &AccountTrie) -> Tree {
    check_under(&keys(), assembly, before, after)
}

fn check_under(
    keys: &PartKeys,
    assembly: &Assembly,
    before: &AccountTrie,
    after: &AccountTrie,
) -> Tree {
    let Assembly { manifest, inputs } = assembly;
    let tree = manifest.tree(SHARD, keys, mail::seen().digest()).unwrap();
    let context = tree.context();
    for (place, node) in tree.nodes.iter().enumerate() {
        assert!(node.parent > place && node.parent <= tree.nodes.len());
        match &node.source {
            Source::Inputs(name) => {
                assert_eq!(*name, <[u8; 32]>::from(Sha256::digest(&inputs[place])));
                let inputs = PartInputs::decode(&inputs[place]).unwrap();
                let (signals, part) = inputs.inputs(node.circuit, &home(), &context).unwrap();
                assert_eq!(part, node.part, "part {place}");
                assert_eq!(
                    signals.get("x"),
                    Some(&[tree.statement(place).unwrap()][..])
                );
            }
            Source::Join(join) => {
                assert_eq!(join.part().unwrap(), node.part, "join {place}");
                let present: Vec<Fr> = tree.below(place).map(|n| n.part.digest(&context)).collect();
                let stated = join.statements();
                assert!(present.iter().all(|statement| stated.contains(statement)));
            }
        }
    }
    let roots = tree.below(tree.nodes.len());
    let statements: Vec<Fr> = roots.map(|node| node.part.digest(&context)).collect();
    let statements = tree.in_order_of_close(statements.try_into().unwrap());
    assert_eq!(statements, tree.close.statements());
    let statement = tree.close.statement().unwrap();
    assert_eq!(statement, expected(keys, manifest, before, after));
    tree
}

fn expected(
    keys: &PartKeys,
    manifest: &Manifest,
    before: &AccountTrie,
    after: &AccountTrie,
) -> ProgramStatement {
    let boxes = manifest.boxes;
    let body = |accounts: &AccountTrie, outbox_root, inbox_root| {
        let state = trifold_circuits::netted::statement::State {
            network: network(),
            keys: keys.root(),
            depth: accounts.depth(),
            accounts: accounts.root(),
        };
        let state_root = state.digest();
        Body {
            state_root,
            outbox_root,
            inbox_root,
        }
        .digest()
    };
    let exchange = manifest.exchange;
    ProgramStatement {
        shard: SHARD,
        old_body: body(before, boxes.old_outbox, boxes.old_inbox),
        new_body: body(after, boxes.new_outbox, boxes.new_inbox),
        events: manifest.events() as u32,
        seen_digest: mail::seen().digest(),
        sent: exchange.sent,
        received: exchange.received,
        received_lamport: exchange.received_lamport,
        received_timestamp: exchange.received_timestamp,
    }
}

fn circuits(tree: &Tree) -> BTreeMap<PartCircuit, usize> {
    let mut circuits = BTreeMap::new();
    for node in &tree.nodes {
        *circuits.entry(node.circuit).or_default() += 1;
    }
    circuits
}

#[test]
fn a_quiet_epoch_takes_two_small_parts() {
    let before = accounts(7, 2000);
    let (assembly, after) = assembled(&before, vec![message(5, 0, &[900])]).unwrap();
    let tree = check(&assembly, &before, &after);
    let expected = [PartCircuit::MessagesIdle, PartCircuit::RowsIdle].map(|circuit| (circuit, 1));
    assert_eq!(circuits(&tree), expected.into());
    assert!(assembly.manifest.sparse);
}

#[test]
fn messages_of_both_forms_are_joined_apart_and_then_together() {
    let before = accounts(7, 2000);
    let mut messages: Vec<_> = (0..120).map(|n| message(n, 0, &[n + 700])).collect();
    messages.extend((0..60).map(|n| message(1000 + n, 0, &[1, 2, 3])));
    let (assembly, after) = assembled(&before, messages).unwrap();
    let tree = check(&assembly, &before, &after);
    let found = circuits(&tree);
    assert_eq!(found[&PartCircuit::Messages], 2);
    assert_eq!(found[&PartCircuit::Lists], 2);
    // One join over each form, and one over both.
    assert_eq!(
        (found[&PartCircuit::Rows], found[&PartCircuit::Join]),
        (1, 3)
    );
}

/// Payments that change nearly all accounts of two subtrees of three.
fn two_tablets() -> (AccountTrie, Vec<(usize, SignedMessage)>) {
    let messages = (0..480).map(|n| message(n, 0, &[(n + 1) % 480]));
    (accounts(6, 729), messages.collect())
}

#[test]
fn where_most_accounts_change_tablets_take_them() {
    let (before, messages) = two_tablets();
    let (assembly, after) = assembled(&before, messages).unwrap();
    let tree = check(&assembly, &before, &after);
    assert!(!assembly.manifest.sparse);
    let found = circuits(&tree);
    assert_eq!(found[&PartCircuit::Tablet], 2);
    // The account trie above them: one join, with the third subtree, which does not change.
    assert_eq!(assembly.manifest.unchanged.len(), 1);
}

/// A message of `from` to an account of another shard.
fn abroad(from: u32, to: u32) -> (usize, SignedMessage) {
    let payment = Payment {
        account: to,
        shard: mail::ABROAD as u16,
        amount: 3,
        fee: 0,
    };
    let domain = Domain {
        network: network(),
        shard: SHARD,
        payments: 1,
    };
    let message = Message {
        from,
        ordinal: 0,
        payments: vec![payment],
    };
    (1, message.sign(&domain, &secret(from)))
}

#[test]
fn messages_between_shards_take_parts_beside_tablets() {
    let (before, mut messages) = two_tablets();
    messages.truncate(420);
    messages.extend((420..480).map(|n| abroad(n, n)));
    let carried = carried(&before, messages, mail::received()).unwrap();
    let tree = check(&carried.assembly, &carried.before, &carried.after);
    assert!(!carried.assembly.manifest.sparse);
    let found = circuits(&tree);
    // 60 payments and four replies; the rows that two parts leave over need no third.
    assert_eq!(carried.traffic.sent.len(), 64);
    assert_eq!(found[&PartCircuit::Channels], 2);
    assert_eq!(found.get(&PartCircuit::Rows), None);
    let statement = tree.close.statement().unwrap();
    assert_eq!(statement.events, 480 + 8);
    assert_eq!(
        statement.sent,
        carried
            .traffic
            .sent
            .iter()
            .map(|sent| u128::from(sent.message.amount))
            .sum()
    );
}

#[test]
fn rows_that_do_not_fit_beside_messages_take_parts_of_their_own() {
    let before = accounts(7, 2000);
    let mut messages: Vec<_> = (0..40).map(|n| message(n, 0, &[n * 40 + 100])).collect();
    messages.push(abroad(1999, 3));
    let carried = carried(&before, messages, Vec::new()).unwrap();
    let tree = check(&carried.assembly, &carried.before, &carried.after);
    let found = circuits(&tree);
    assert_eq!(found[&PartCircuit::Channels], 1);
    assert_eq!(found[&PartCircuit::Rows], 1);
    // One join for each of the two circuits, and one over both.
    assert_eq!(found[&PartCircuit::Join], 3);
}

#[test]
fn an_epoch_may_only_take_messages() {
    let before = accounts(7, 2000);
    let carried = carried(&before, Vec::new(), mail::received()).unwrap();
    let tree = check(&carried.assembly, &carried.before, &carried.after);
    let expected = [PartCircuit::MessagesIdle, PartCircuit::Channels].map(|circuit| (circuit, 1));
    assert_eq!(circuits(&tree), expected.into());
    // Nor need any account be there for them.
    let mut outside = mail::received();
    outside.retain(|received| received.opening.index == mail::TAKEN);
    let before = AccountTrie::new(7).unwrap();
    let carried = self::carried(&before, Vec::new(), outside).unwrap();
    check(&carried.assembly, &carried.before, &carried.after);
    assert_eq!(carried.before.root(), carried.after.root());
    assert!(carried.traffic.sent[0].reply);
}

#[test]
fn a_network_with_large_circuits_uses_them_where_they_cost_less() {
    let before = accounts(7, 2187);
    let all = PartKeys::new(|circuit| Some(Fr::from(500 + circuit as u64))).unwrap();
    let parts = |messages: Vec<(usize, SignedMessage)>| {
        let carried = carried_under(&all, &before, messages, Vec::new()).unwrap();
        let tree = check_under(&all, &carried.assembly, &carried.before, &carried.after);
        circuits(&tree)
    };
    let quiet = parts(vec![message(5, 0, &[900])]);
    assert_eq!(
        quiet,
        [(PartCircuit::MessagesIdle, 1), (PartCircuit::RowsIdle, 1)].into()
    );
    // Five parts with two joins cost more than one that is as large as eight.
    let busy = parts((0..500).map(|n| message(n, 0, &[n + 1600])).collect());
    assert_eq!(
        busy,
        [
            (PartCircuit::MessagesLarge, 1),
            (PartCircuit::TabletLarge, 1)
        ]
        .into()
    );
    let lists = parts((0..250).map(|n| message(n, 0, &[n, n + 1])).collect());
    assert_eq!(lists[&PartCircuit::ListsLarge], 1);
}

#[test]
fn a_circuit_that_the_network_does_without_proves_no_part() {
    let before = accounts(7, 2000);
    let (honest, _) = assembled(&before, vec![message(5, 0, &[900])]).unwrap();
    let mut manifest = honest.manifest;
    manifest.messages[0].circuit = PartCircuit::MessagesLarge;
    let refused = manifest.tree(SHARD, &keys(), mail::seen().digest());
    let circuit = refused.map(|_| ()).unwrap_err();
    assert!(matches!(
        circuit,
        ManifestError::NoKey(PartCircuit::MessagesLarge)
    ));
}

#[test]
fn an_epoch_without_messages_has_no_parts() {
    let before = accounts(5, 9);
    let refused = assembled(&before, Vec::new()).unwrap_err();
    assert!(matches!(refused, AssemblyError::Empty));
}

type Change = fn(&mut Manifest);

/// Whether a manifest states what the honest one does and every part is what its inputs prove: what a farm looks at.
fn passes(honest: &Assembly, manifest: &Manifest) -> bool {
    let stated = |manifest: &Manifest| {
        let tree = manifest.tree(SHARD, &keys(), mail::seen().digest()).ok()?;
        let statement = tree.close.statement().ok()?;
        Some((tree, statement))
    };
    let (Some((_, expected)), Some((tree, found))) = (stated(&honest.manifest), stated(manifest))
    else {
        return false;
    };
    let context = tree.context();
    let blob = |name: &[u8; 32]| {
        let mut blobs = honest.inputs.iter();
        blobs.find(|blob| <[u8; 32]>::from(Sha256::digest(blob)) == *name)
    };
    found == expected
        && tree.nodes.iter().all(|node| match &node.source {
            Source::Join(_) => true,
            Source::Inputs(name) => {
                let inputs = blob(name).map(|blob| PartInputs::decode(blob).unwrap());
                let part = inputs.and_then(|i| i.part(node.circuit, &home(), &context).ok());
                part == Some(node.part)
            }
        })
}

#[test]
fn whatever_a_manifest_changes_it_does_not_close() {
    let (before, messages) = two_tablets();
    let (dense, _) = assembled(&before, messages).unwrap();
    let (sparse, _) = assembled(&before, vec![message(5, 0, &[700])]).unwrap();
    let changes: &[(&str, Change)] = &[
        ("network", |m| m.network += Fr::from(1)),
        ("depth", |m| m.depth += 1),
        ("old", |m| m.old += Fr::from(1)),
        ("new", |m| m.new += Fr::from(1)),
        ("mode", |m| m.sparse = !m.sparse),
        ("a sum", |m| m.messages[0].part.sum += Fr::from(1)),
        ("a commitment", |m| {
            m.accounts[0].part.commitment += Fr::from(1)
        }),
        ("a message left out", |m| {
            m.messages.truncate(m.messages.len() - 1)
        }),
        ("an account left out", |m| {
            m.accounts.truncate(m.accounts.len() - 1)
        }),
        ("a circuit", |m| m.messages[0].circuit = PartCircuit::Tablet),
        ("a join among parts", |m| {
            m.accounts[0].circuit = PartCircuit::Join
        }),
        ("a level", |m| m.messages[0].part.level = 1),
        ("a subtree", |m| m.messages[0].part.old = Fr::from(1)),
        ("a part twice", |m| m.messages.push(m.messages[0])),
    ];
    for (name, change) in changes {
        for honest in [&dense, &sparse] {
            assert!(passes(honest, &honest.manifest), "honest");
            let mut manifest = honest.manifest.clone();
            change(&mut manifest);
            assert!(!passes(honest, &manifest), "{name}: accepted");
        }
    }
    let other_shard = sparse
        .manifest
        .tree(SHARD + 1, &keys(), mail::seen().digest());
    assert!(matches!(
        other_shard,
        Err(ManifestError::Close(CloseError::Sums))
    ));
}

#[test]
fn tablets_are_in_order_inside_the_trie_and_beside_known_subtrees() {
    let (before, messages) = two_tablets();
    let (honest, _) = assembled(&before, messages).unwrap();
    let refused = |change: Change| {
        let mut manifest = honest.manifest.clone();
        change(&mut manifest);
        manifest
            .tree(SHARD, &keys(), mail::seen().digest())
            .unwrap_err()
    };
    let order = refused(|m| m.accounts.swap(0, 1));
    assert!(matches!(order, ManifestError::Order { depth: 6 }));
    let outside = refused(|m| m.accounts[1].part.index = 3);
    assert!(matches!(outside, ManifestError::Order { depth: 6 }));
    let missing = refused(|m| m.unchanged.clear());
    assert!(matches!(
        missing,
        ManifestError::Unchanged { level: 5, index: 2 }
    ));
    let shallow = refused(|m| m.depth = 4);
    assert!(matches!(shallow, ManifestError::Order { depth: 4 }));
}

#[test]
fn inputs_have_one_encoding_and_fit_one_kind_of_circuit() {
    let before = accounts(7, 2000);
    let (assembly, _) = assembled(&before, vec![message(5, 0, &[900])]).unwrap();
    let bytes = &assembly.inputs[0];
    let longer = [&bytes[..], &[0]].concat();
    assert!(PartInputs::decode(&longer).is_err());
    assert!(PartInputs::decode(&bytes[..bytes.len() - 1]).is_err());
    let inputs = PartInputs::decode(bytes).unwrap();
    let wrong = inputs.commitment(PartCircuit::Rows, &home());
    assert!(matches!(
        wrong,
        Err(PartInputsError::Circuit(PartCircuit::Rows))
    ));
}
