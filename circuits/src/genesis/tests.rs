use super::*;
use crate::groth16::{PreparedKey, ark_key};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use trifold_verifier::groth16::VerifyingKey;

fn demo(shards: u32) -> Genesis {
    Genesis::demo(7, shards, 3, 100).unwrap().0
}

#[test]
fn the_file_round_trips_and_names_the_network() {
    let genesis = demo(4);
    let text = genesis.to_json().unwrap();
    let read = Genesis::from_json(text.as_bytes()).unwrap();
    assert_eq!(read, genesis);
    assert_eq!(read.depth(), 2);
    let program = Fr::from(5);
    let digest = |genesis: &Genesis| genesis.global_state(program).unwrap().digest();
    assert_eq!(digest(&read), digest(&genesis));
    assert_ne!(digest(&demo(3)), digest(&genesis));
    assert_eq!(read.leaves(program).unwrap()[0].supply, 300);
}

#[test]
fn bad_files_get_specific_errors() {
    let text = demo(1).to_json().unwrap();
    let read = |text: String| Genesis::from_json(text.as_bytes()).unwrap_err();
    assert!(matches!(
        read(text.replace("\"version\": 1", "\"version\": 2")),
        GenesisError::Version(2)
    ));
    assert!(matches!(read("{".into()), GenesisError::Malformed(_)));
    assert!(matches!(
        Genesis::new(vec![], vec![]).unwrap_err(),
        GenesisError::Shards { shards: 0 }
    ));
    let operator: String = demo(1).shards[0].operator.into();
    let without = text.replace(&format!("\"operator\": \"{operator}\","), "");
    assert!(
        read(without)
            .to_string()
            .contains("missing field `operator`")
    );
    let weak = "01".to_string() + &"00".repeat(31);
    assert!(
        read(text.replace(&operator, &weak))
            .to_string()
            .contains("small order")
    );
    let x = text.find("\"x\": \"").unwrap() + 6;
    let off_curve = format!(
        "{}{}{}",
        &text[..x],
        "11".repeat(31) + "00",
        &text[x + 64..]
    );
    assert!(
        read(off_curve)
            .to_string()
            .contains("not a point of the curve")
    );
    assert!(matches!(
        demo(1).shard(1).unwrap_err(),
        GenesisError::UnknownShard {
            shard: 1,
            shards: 1
        }
    ));
}

/// A key that proofs can be verified under; the larger the seed, the more it is another one.
fn key(seed: u64) -> VerifyingKey {
    let g1 = |exponent: u64| (G1Affine::generator() * Fr::from(seed + exponent)).into_affine();
    let g2 = |exponent: u64| (G2Affine::generator() * Fr::from(seed + exponent)).into_affine();
    let gamma = G2Affine::generator();
    VerifyingKey::new(g1(2), g2(3), gamma, g2(4), &[g1(5), g1(6)]).unwrap()
}

fn program(name: &str, seed: u64) -> GenesisProgram {
    GenesisProgram::new(name, key(seed)).unwrap()
}

/// A shard of another program, whose operator is one of the demo's.
fn shard_of(program: &str, supply: u128) -> GenesisShard {
    GenesisShard {
        start: Start::Program(ProgramStart {
            program: program.into(),
            body: Fr::from(11),
            supply,
        }),
        ..demo(1).shards[0].clone()
    }
}

/// Three shards of `transfer`, and then these.
fn beside(programs: Vec<GenesisProgram>, more: &[GenesisShard]) -> Result<Genesis, GenesisError> {
    Genesis::new(programs, [&demo(3).shards[..], more].concat())
}

#[test]
fn a_network_of_transfer_alone_is_what_it_was() {
    let (genesis, transfer) = (demo(3), Fr::from(5));
    assert!(!genesis.to_json().unwrap().contains("program"));
    let mut trie = SparseTrie::new(REGISTRY_DEPTH).unwrap();
    trie.set(0, transfer).unwrap();
    let (root, places) = genesis.registry(transfer).unwrap();
    assert_eq!(root, trie.root());
    assert_eq!(places.len(), 1);
}

#[test]
fn programs_take_part_under_the_digest_of_their_key() {
    let kv = program("kv", 1);
    let digest = PreparedKey::new(&ark_key(&key(1))).unwrap().digest();
    assert_eq!(kv.digest(), digest);
    let genesis = beside(vec![kv, program("other", 2)], &[shard_of("kv", 1 << 90)]).unwrap();
    let read = Genesis::from_json(genesis.to_json().unwrap().as_bytes()).unwrap();
    assert_eq!(read, genesis);
    let transfer = Fr::from(5);
    let leaves = genesis.leaves(transfer).unwrap();
    assert_eq!(leaves[2].program, transfer);
    assert_eq!(leaves[3], Leaf::genesis(digest, Fr::from(11), 1 << 90));
    let (root, places) = genesis.registry(transfer).unwrap();
    let keys: Vec<Fr> = places.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, [transfer, digest, genesis.programs[1].digest()]);
    for (place, (key, path)) in (0..).zip(places) {
        assert_eq!(path.index, place);
        assert_eq!(path.root(key, REGISTRY_DEPTH).unwrap(), root);
    }
}

#[test]
fn a_triad_of_two_programs_is_refused_with_the_reason() {
    let mixed = [shard_of("kv", 0), demo(1).shards[0].clone()];
    let error = beside(vec![program("kv", 1)], &mixed).unwrap_err();
    assert!(matches!(
        error,
        GenesisError::MixedTriad {
            first: 3,
            second: 4,
            ..
        }
    ));
    let said = error.to_string();
    assert!(
        said.contains("kv and transfer") && said.contains("one key"),
        "{said}"
    );
}

#[test]
fn programs_that_can_t_be_are_refused() {
    let refuse = |programs, more: &[GenesisShard]| beside(programs, more).unwrap_err();
    let error = refuse(vec![program("kv", 1)], &[shard_of("vk", 0)]);
    assert!(matches!(
        &error,
        GenesisError::UnknownProgram { shard: 3, .. }
    ));
    assert!(
        error.to_string().contains("it admits transfer, kv"),
        "{error}"
    );
    let error = refuse(vec![program("kv", 1), program("kv", 2)], &[]);
    assert!(matches!(error, GenesisError::ProgramTwice { .. }));
    let error = refuse(vec![program("kv", 1), program("same", 1)], &[]);
    assert!(matches!(error, GenesisError::SameKey { .. }));
    for name in [
        "transfer",
        "netted",
        "merge",
        "nest",
        "",
        "a b",
        &"k".repeat(65),
    ] {
        let error = refuse(vec![program(name, 1)], &[]);
        assert!(matches!(error, GenesisError::ProgramName { .. }), "{name}");
    }
    let kv = program("kv", 1);
    let many = vec![kv.clone(); MAX_PROGRAMS + 1];
    assert!(matches!(
        refuse(many, &[]),
        GenesisError::Programs { programs: 80 }
    ));
    let error = refuse(vec![kv.clone()], &[shard_of("kv", 1 << 96)]);
    assert!(matches!(error, GenesisError::Supply { shard: 3, .. }));
    let own = beside(vec![kv.clone()], &[]).unwrap();
    let error = own.registry(kv.digest()).unwrap_err();
    assert!(matches!(error, GenesisError::SameKey { .. }));
}

#[test]
fn a_shard_has_accounts_or_a_body() {
    let genesis = beside(vec![program("kv", 1)], &[shard_of("kv", 0)]).unwrap();
    let text = genesis.to_json().unwrap();
    let read = |text: String| {
        let error = Genesis::from_json(text.as_bytes()).unwrap_err();
        error.to_string()
    };
    let said = read(text.replace("\"supply\": 0", "\"accounts\": []"));
    assert!(said.contains("a shard of kv has body and supply"), "{said}");
    let said = read(text.replace("\"program\": \"kv\",", ""));
    assert!(said.contains("a shard of transfer has accounts"), "{said}");
    let said = read(text.replace("\"groth16\"", "\"plonk\""));
    assert!(said.contains("program kv: verification_key"), "{said}");
}
