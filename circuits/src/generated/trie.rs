//! Digests of empty subtrees.

use super::{GeneratedFile, HEADER};
use trifold_verifier::{statement::MAX_DEPTH, trie};

/// Levels 0 to 9, since only the global trie changes its depth.
const COUNT: usize = MAX_DEPTH as usize + 1;

/// circuits/lib/trie_constants.circom.
pub fn file() -> GeneratedFile {
    let digests = trie::empty_digests::<COUNT>().map(|digest| digest.to_string());
    let digests = digests.join(",\n        ");
    let text = format!(
        "{HEADER}
pragma circom 2.1.6;

// Digests of the empty subtrees of 0 to {MAX_DEPTH} levels.
function trie_empty() {{
    return [
        {digests}];
}}
"
    );
    GeneratedFile {
        path: "circuits/lib/trie_constants.circom".into(),
        text,
    }
}
