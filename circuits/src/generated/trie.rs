//! Digests of empty subtrees.

use super::{GeneratedFile, HEADER};
use trifold_verifier::{statement::CHANNEL_DEPTH, trie};

/// Levels 0 to 20: those of a channel, the deepest trie that starts empty.
const COUNT: usize = CHANNEL_DEPTH + 1;

/// circuits/lib/trie_constants.circom.
pub fn file() -> GeneratedFile {
    let digests = trie::empty_digests::<COUNT>().map(|digest| digest.to_string());
    let digests = digests.join(",\n        ");
    let text = format!(
        "{HEADER}
pragma circom 2.1.6;

// Digests of the empty subtrees of 0 to {CHANNEL_DEPTH} levels.
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
