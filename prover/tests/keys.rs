//! Damaged, foreign and degenerate keys.

mod support;

use std::fs;
use std::ops::Range;
use std::path::Path;

use ark_bn254::Fr;
use support::{CIRCUIT, Fixture, backends, inputs};
use trifold_prover::{Entropy, KeyCache, KeyError, KeyManifest, ProveError, ProvingKey};

/// Number and content of every section, in the order of the file.
fn sections(bytes: &[u8]) -> Vec<(u32, Range<usize>)> {
    let mut position = 12;
    let mut sections = Vec::new();
    while position < bytes.len() {
        let number = u32::from_le_bytes(bytes[position..][..4].try_into().unwrap());
        let size = u64::from_le_bytes(bytes[position + 4..][..8].try_into().unwrap()) as usize;
        sections.push((number, position + 12..position + 12 + size));
        position += 12 + size;
    }
    sections
}

fn section(bytes: &[u8], number: u32) -> Range<usize> {
    let mut sections = sections(bytes).into_iter();
    sections.find(|(other, _)| *other == number).unwrap().1
}

fn import(fixture: &Fixture, bytes: &[u8]) -> Result<KeyManifest, KeyError> {
    let path = fixture.path("foreign.zkey");
    fs::write(&path, bytes).unwrap();
    fixture.cache.import(CIRCUIT, &fixture.artifact.r1cs, &path)
}

#[test]
fn a_seed_makes_the_same_key_again_and_fresh_entropy_another() {
    let fixture = Fixture::new();
    let make = |entropy| {
        let create =
            fixture
                .cache
                .create(CIRCUIT, &fixture.artifact.r1cs, &entropy, &mut |_, _, _| {});
        create.unwrap().sha256
    };
    assert_eq!(
        make(Entropy::Seed(b"parity".to_vec())),
        fixture.manifest.sha256
    );
    assert_ne!(
        make(Entropy::Seed(b"another".to_vec())),
        fixture.manifest.sha256
    );
    assert_ne!(make(Entropy::Fresh), make(Entropy::Fresh));
}

#[test]
fn a_key_is_made_once_and_said_to_be_insecure() {
    let fixture = Fixture::new();
    assert!(fixture.manifest.insecure_development_key);
    let mut made = false;
    let found = fixture.cache.find_or_create(
        CIRCUIT,
        &fixture.artifact.r1cs,
        &Entropy::Fresh,
        &mut |_, _, _| made = true,
    );
    assert_eq!(found.unwrap(), fixture.manifest);
    assert!(!made);
    assert_eq!(
        fixture.cache.list().unwrap(),
        std::slice::from_ref(&fixture.manifest)
    );
    let verifying_key = fixture.manifest.verifying_key().unwrap();
    assert_eq!(verifying_key, fixture.key().verifying_key());
}

#[test]
fn unfinished_files_of_an_interrupted_setup_go_away() {
    let fixture = Fixture::new();
    let leftover = fixture.key_path().with_file_name(".unfinished-powers.abc");
    let unrelated = fixture.key_path().with_file_name(".unfinished-merge.abc");
    fs::write(&leftover, b"half a key").unwrap();
    fs::write(&unrelated, b"half a key").unwrap();
    let create = fixture.cache.create(
        CIRCUIT,
        &fixture.artifact.r1cs,
        &Entropy::Fresh,
        &mut |_, _, _| {},
    );
    create.unwrap();
    assert!(!leftover.exists());
    assert!(unrelated.exists());
}

#[test]
fn a_cached_key_is_refused_by_name_after_any_change() {
    let fixture = Fixture::new();
    let path = fixture.key_path();
    let bytes = fs::read(&path).unwrap();
    for (_, range) in sections(&bytes) {
        for position in [range.start, range.end - 1] {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1;
            fs::write(&path, damaged).unwrap();
            let error = fixture.cache.open(&fixture.manifest).err().unwrap();
            assert!(error.to_string().contains("powers-"), "{error}");
        }
    }
    for length in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = fixture.cache.open(&fixture.manifest).err().unwrap();
        assert!(matches!(error, KeyError::Size { .. }), "{error}");
        assert!(error.to_string().contains("powers-"), "{error}");
    }
    fs::remove_file(&path).unwrap();
    let error = fixture.cache.open(&fixture.manifest).err().unwrap();
    assert!(matches!(error, KeyError::Io { .. }), "{error}");
}

#[test]
fn a_damaged_manifest_is_refused_by_name() {
    let fixture = Fixture::new();
    let path = fixture.key_path().with_extension("json");
    let text = fs::read_to_string(&path).unwrap();
    for damaged in [
        text[..text.len() / 2].to_owned(),
        text.replace(&fixture.manifest.sha256[..1], "x"),
        text.replace("\"version\": 1", "\"version\": 2"),
    ] {
        fs::write(&path, damaged).unwrap();
        let error = fixture
            .cache
            .find(CIRCUIT, &fixture.artifact.r1cs)
            .unwrap_err();
        assert!(matches!(error, KeyError::Manifest { .. }), "{error}");
    }
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    let fixture = Fixture::new();
    for name in ["", "..", "a/b", "a b"] {
        let create = fixture.cache.create(
            name,
            &fixture.artifact.r1cs,
            &Entropy::Fresh,
            &mut |_, _, _| {},
        );
        assert!(matches!(create, Err(KeyError::Manifest { .. })), "{name:?}");
    }
}

#[test]
fn our_own_key_passes_the_full_check() {
    let fixture = Fixture::new();
    import(&fixture, &fs::read(fixture.key_path()).unwrap()).unwrap();
}

#[test]
fn a_foreign_key_with_any_flipped_point_or_coefficient_is_refused_with_file_and_section() {
    let fixture = Fixture::new();
    let bytes = fs::read(fixture.key_path()).unwrap();
    for (number, range) in sections(&bytes) {
        // The contributions are no part of a proof.
        let last = (number != 10).then_some(range.end - 1);
        for position in (range.start..range.end).step_by(37).chain(last) {
            if number == 10 {
                continue;
            }
            let mut damaged = bytes.clone();
            damaged[position] ^= 4;
            let error = import(&fixture, &damaged).unwrap_err();
            assert!(
                error.to_string().contains("foreign.zkey"),
                "{number}: {error}"
            );
        }
    }
}

#[test]
fn a_truncated_foreign_key_is_refused() {
    let fixture = Fixture::new();
    let bytes = fs::read(fixture.key_path()).unwrap();
    for length in (0..bytes.len()).step_by(101).chain([bytes.len() - 1]) {
        let error = import(&fixture, &bytes[..length]).unwrap_err();
        assert!(
            matches!(error, KeyError::Format { .. }),
            "{length}: {error}"
        );
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(
        import(&fixture, &longer),
        Err(KeyError::Format { .. })
    ));
}

#[test]
fn missing_repeated_and_missized_sections_are_refused() {
    let fixture = Fixture::new();
    let bytes = fs::read(fixture.key_path()).unwrap();
    for (_, range) in sections(&bytes) {
        let header = range.start - 12;
        let mut missing = bytes.clone();
        missing[header] = 99;
        assert!(matches!(
            import(&fixture, &missing),
            Err(KeyError::Format { .. })
        ));
        let mut repeated = bytes.clone();
        repeated[header] = if bytes[header] == 1 { 2 } else { 1 };
        assert!(matches!(
            import(&fixture, &repeated),
            Err(KeyError::Format { .. })
        ));
        for size in [u64::MAX, 0, range.len() as u64 + 1] {
            let mut missized = bytes.clone();
            missized[header + 4..][..8].copy_from_slice(&size.to_le_bytes());
            assert!(import(&fixture, &missized).is_err());
        }
    }
}

/// Exchanges two points of a section: all points stay valid, so only the self-check can tell.
fn exchanged(bytes: &[u8], number: u32, point_bytes: usize, scalars: &[Fr]) -> Vec<u8> {
    let start = section(bytes, number).start;
    let point = |index: usize| start + index * point_bytes..start + (index + 1) * point_bytes;
    let is_used = |index: &usize| bytes[point(*index)].iter().any(|&byte| byte != 0);
    let first = (0..scalars.len()).find(is_used).unwrap();
    let mut others = (first..scalars.len()).filter(is_used);
    let other = others
        .find(|&other| scalars[other] != scalars[first])
        .unwrap();
    let mut exchanged = bytes.to_vec();
    exchanged[point(first)].copy_from_slice(&bytes[point(other)]);
    exchanged[point(other)].copy_from_slice(&bytes[point(first)]);
    exchanged
}

#[test]
fn proofs_under_a_key_with_valid_but_wrong_points_fail_the_self_check() {
    let fixture = Fixture::new();
    let bytes = fs::read(fixture.key_path()).unwrap();
    let witness = fixture.witness();
    // The scalars of the H section are some polynomial's values: all different.
    let values: Vec<Fr> = (0..fixture.key().header().domain_size as u64)
        .map(Fr::from)
        .collect();
    for (number, point_bytes, scalars) in [
        (3, 64, &witness[..2]),
        (5, 64, &witness),
        (6, 64, &witness),
        (7, 128, &witness),
        (8, 64, &witness[2..]),
        (9, 64, &values),
    ] {
        let damaged = exchanged(&bytes, number, point_bytes, scalars);
        let manifest = import(&fixture, &damaged).unwrap();
        let key = fixture.cache.open(&manifest).unwrap();
        for backend in backends() {
            let proven = fixture
                .prover_of(key.clone(), backend.as_ref())
                .prove(&inputs(7));
            let error = proven.expect_err("a proof under a wrong key");
            assert!(
                matches!(error, ProveError::SelfCheck { .. }),
                "section {number}: {error}"
            );
        }
    }
}

#[test]
fn a_missing_folder_holds_no_keys() {
    let cache = KeyCache::new("does/not/exist");
    assert!(cache.list().unwrap().is_empty());
    let digest = [0; 32];
    assert!(matches!(
        ProvingKey::open(Path::new("does/not/exist"), &digest),
        Err(KeyError::Io { .. })
    ));
}
