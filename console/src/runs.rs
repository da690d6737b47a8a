//! Run-length encoded letters, as [`trifold_coordinator::view::Cells`] has them: `3p24w`.

use std::fmt::Write;

/// Cells of a level that are read at most: the shards' programs at depth 12.
pub const MAX_LEVEL_CELLS: usize = 531_441;

/// Letter of a cell that did not change, in a difference.
pub const SAME: u8 = b'.';

/// Writes runs: a number and its letter each.
pub fn encode(letters: &[u8]) -> String {
    let mut text = String::new();
    for run in letters.chunk_by(|a, b| a == b) {
        // Writing to a string can't fail.
        let _ = write!(text, "{}{}", run.len(), char::from(run[0]));
    }
    text
}

/// Reads runs; `None` if it isn't such a text or has more than [`MAX_LEVEL_CELLS`] cells.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut letters = Vec::new();
    let mut count = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => count = count.checked_mul(10)?.checked_add((byte - b'0').into())?,
            _ if count == 0 || count > MAX_LEVEL_CELLS - letters.len() => return None,
            _ => {
                letters.resize(letters.len() + count, byte);
                count = 0;
            }
        }
    }
    (count == 0).then_some(letters)
}

/// What turns `old` into `new`: the letters of `new` where they differ, [`SAME`] elsewhere, none for what is the same up to
/// the end. Both have the same length.
pub fn difference(old: &[u8], new: &[u8]) -> String {
    let letter = |(old, new): (&u8, &u8)| if old == new { SAME } else { *new };
    let mut letters: Vec<u8> = old.iter().zip(new).map(letter).collect();
    let used = letters.iter().rposition(|letter| *letter != SAME);
    letters.truncate(used.map_or(0, |last| last + 1));
    encode(&letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_read_back() {
        for letters in ["", "p", "pppw", "www    ppq"] {
            assert_eq!(
                decode(&encode(letters.as_bytes())).unwrap(),
                letters.as_bytes()
            );
        }
        assert_eq!(encode(b"pppww"), "3p2w");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "p",
            "3",
            "0p",
            "3p4",
            "999999999p",
            "99999999999999999999999p",
            "531441p1w",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_difference_names_what_changed() {
        assert_eq!(difference(b"wwwww", b"wpprw"), "1.2p1r");
        assert_eq!(difference(b"wwwww", b"wwwww"), "");
    }
}
