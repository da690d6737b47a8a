//! The journal: what was appended comes back once, a torn tail is cut, damage before it is refused and named.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use trifold_shard::journal::{Frame, Journal, JournalError};

const SEGMENT_BYTES: u64 = 200;

fn open(folder: &Path, from: u64) -> Result<(Journal, Vec<Frame>), JournalError> {
    let mut frames = Vec::new();
    let journal = Journal::open(folder, from, SEGMENT_BYTES, |frame| {
        frames.push(frame);
        Ok::<_, JournalError>(())
    })?;
    Ok((journal, frames))
}

fn payload(number: u64) -> Vec<u8> {
    vec![number as u8; 3 + (number as usize * 7) % 50]
}

fn filled(frames: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, found) = open(folder.path(), 0).unwrap();
    assert_eq!(found, []);
    for number in 0..frames {
        assert_eq!(journal.append(&payload(number)).unwrap(), number);
    }
    folder
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> = paths.filter(|path| path.extension().is_some()).collect();
    logs.sort();
    logs
}

fn check(frames: &[Frame], first: u64) {
    for (number, frame) in (first..).zip(frames) {
        assert_eq!((frame.number, &frame.payload), (number, &payload(number)));
    }
}

#[test]
fn what_was_appended_comes_back_in_order_and_goes_on() {
    let folder = filled(30);
    assert!(segments(folder.path()).len() > 3);
    for from in [0, 1, 17, 30] {
        let (journal, frames) = open(folder.path(), from).unwrap();
        assert_eq!((journal.next(), frames.len() as u64), (30, 30 - from));
        check(&frames, from);
    }
    let (mut journal, _) = open(folder.path(), 0).unwrap();
    assert_eq!(journal.append(&payload(30)).unwrap(), 30);
    drop(journal);
    check(&open(folder.path(), 0).unwrap().1, 0);
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_place_used_again() {
    let folder = filled(12);
    let last = segments(folder.path()).pop().unwrap();
    let whole = fs::read(&last).unwrap();
    // The last segment holds several frames; the last of them begins here.
    let start = whole.len() - 20 - payload(11).len();
    for bytes in start..whole.len() {
        fs::write(&last, &whole[..bytes]).unwrap();
        let (mut journal, frames) = open(folder.path(), 0).unwrap();
        assert_eq!(frames.len(), 11, "cut at {bytes}");
        journal.append(&payload(11)).unwrap();
        drop(journal);
        let (_, frames) = open(folder.path(), 0).unwrap();
        assert_eq!(frames.len(), 12);
        check(&frames, 0);
    }
    // The file had grown, but only some of its pages were written.
    for hole in [start, start + 4, start + 16, start + 25] {
        let mut torn = whole.clone();
        torn[hole..].fill(0);
        fs::write(&last, &torn).unwrap();
        assert_eq!(open(folder.path(), 0).unwrap().1.len(), 11);
    }
}

#[test]
fn damage_before_the_last_frame_is_refused_and_named() {
    let folder = filled(12);
    let paths = segments(folder.path());
    for path in &paths {
        let whole = fs::read(path).unwrap();
        let is_last = path == paths.last().unwrap();
        let end = match is_last {
            true => whole.len() - 20 - payload(11).len(),
            false => whole.len(),
        };
        for offset in 0..end {
            let mut bad = whole.clone();
            bad[offset] ^= 0x10;
            fs::write(path, &bad).unwrap();
            let error = open(folder.path(), 0).unwrap_err();
            let JournalError::Damaged {
                path: named,
                offset: found,
                ..
            } = &error
            else {
                panic!("byte {offset}: {error}");
            };
            assert_eq!(*named, path.display().to_string());
            assert!(*found as usize <= offset);
            assert_eq!(fs::read(path).unwrap(), bad, "nothing is cut");
        }
        fs::write(path, &whole).unwrap();
    }
    assert_eq!(open(folder.path(), 0).unwrap().1.len(), 12);
}

#[test]
fn a_missing_or_shortened_segment_is_refused_and_named() {
    let folder = filled(30);
    let paths = segments(folder.path());
    let middle = fs::read(&paths[1]).unwrap();
    fs::remove_file(&paths[1]).unwrap();
    let error = open(folder.path(), 0).unwrap_err();
    assert!(matches!(error, JournalError::Gap { .. }), "{error}");
    fs::write(&paths[1], &middle[..middle.len() - 1]).unwrap();
    let error = open(folder.path(), 0).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    fs::write(&paths[1], &middle).unwrap();
    fs::remove_file(&paths[0]).unwrap();
    let error = open(folder.path(), 0).unwrap_err();
    assert!(
        matches!(error, JournalError::Gap { expected: 0, .. }),
        "{error}"
    );
    let error = open(folder.path(), 31).unwrap_err();
    assert!(
        matches!(
            error,
            JournalError::Gap {
                expected: 31,
                found: 30,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn pruning_deletes_whole_segments_and_keeps_what_is_asked_for() {
    let folder = filled(40);
    let (mut journal, _) = open(folder.path(), 0).unwrap();
    let (count, bytes) = (segments(folder.path()).len(), journal.bytes());
    journal.prune(0).unwrap();
    assert_eq!(segments(folder.path()).len(), count);
    journal.prune(25).unwrap();
    assert!(segments(folder.path()).len() < count && journal.bytes() < bytes);
    let frames = journal.frames(25..33).unwrap();
    assert_eq!(frames.len(), 8);
    check(&frames, 25);
    journal.prune(u64::MAX).unwrap();
    assert_eq!(segments(folder.path()).len(), 1);
    journal.append(&payload(40)).unwrap();
    drop(journal);
    let (journal, frames) = open(folder.path(), 40).unwrap();
    assert_eq!(frames.len(), 1);
    check(&frames, 40);
    drop(journal);
    assert!(matches!(
        open(folder.path(), 25),
        Err(JournalError::Gap { expected: 25, .. })
    ));
}

#[test]
fn one_process_at_a_time_and_no_payload_beyond_the_limit() {
    let folder = filled(1);
    let (mut journal, _) = open(folder.path(), 0).unwrap();
    assert!(matches!(
        open(folder.path(), 0),
        Err(JournalError::Locked { .. })
    ));
    let long = vec![0; trifold_shard::journal::MAX_PAYLOAD_BYTES + 1];
    assert!(matches!(
        journal.append(&long),
        Err(JournalError::TooLong { .. })
    ));
    assert_eq!(journal.append(&payload(1)).unwrap(), 1);
}

#[test]
fn frames_read_again_are_checked_again() {
    let folder = filled(12);
    let (journal, _) = open(folder.path(), 0).unwrap();
    let path = segments(folder.path()).remove(0);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_at(&[0xff], 30).unwrap();
    assert!(matches!(
        journal.frames(0..3),
        Err(JournalError::Damaged { .. })
    ));
}
