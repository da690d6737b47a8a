//! Why something was refused, as one word.
//!
//! Every error of this crate has a `code()` out of this list. The npm package and the contract refuse with the same words, and
//! `tests/vectors/light` says which word each bad input deserves, so three implementations can be held against one list.
//! Checks run in a fixed order: encoding, ranges and points first, then the network, the proof, and the paths from the
//! root down.

/// A wrong number of bytes, characters or entries.
pub const LENGTH: &str = "length";
/// Not a text or file of this kind: syntax, a missing field, a value of another kind, an unknown mark.
pub const FORMAT: &str = "format";
/// A number that is not below the modulus of its field.
pub const NOT_CANONICAL: &str = "not_canonical";
/// A point is the neutral element.
pub const INFINITY: &str = "infinity";
/// A point is not on its curve.
pub const OFF_CURVE: &str = "off_curve";
/// A point of the twist is outside the subgroup of order r.
pub const WRONG_SUBGROUP: &str = "wrong_subgroup";
/// An integer is out of its range: epoch, depth, value in flight, levels of a netted shard's accounts.
pub const RANGE: &str = "range";
/// A verifying key that is no key of this kind, that anyone could forge under, or that `keys` does not name.
pub const WRONG_KEY: &str = "wrong_key";
/// Another network than the one that is trusted.
pub const OTHER_NETWORK: &str = "other_network";
/// The proof does not hold for its statement under the network's key.
pub const PAIRING: &str = "pairing";
/// An epoch before the one that is held.
pub const STALE: &str = "stale";
/// The state that is held already.
pub const KNOWN: &str = "known";
/// Another state of an epoch that a proven state is held of: both are valid, one network has two histories.
pub const EQUIVOCATION: &str = "equivocation";
/// A past state that is not before the state whose history it is looked up in.
pub const NOT_PAST: &str = "not_past";
/// A path to another place than the one that is claimed, or to a place that the trie does not have.
pub const WRONG_INDEX: &str = "wrong_index";
/// A path of another number of levels than its trie.
pub const WRONG_DEPTH: &str = "wrong_depth";
/// A path that leads to another root.
pub const WRONG_ROOT: &str = "wrong_root";
/// A body that is not the one of the shard's leaf, or a body of a shard that is not there.
pub const WRONG_BODY: &str = "wrong_body";

/// Every code.
pub const CODES: [&str; 18] = [
    LENGTH,
    FORMAT,
    NOT_CANONICAL,
    INFINITY,
    OFF_CURVE,
    WRONG_SUBGROUP,
    RANGE,
    WRONG_KEY,
    OTHER_NETWORK,
    PAIRING,
    STALE,
    KNOWN,
    EQUIVOCATION,
    NOT_PAST,
    WRONG_INDEX,
    WRONG_DEPTH,
    WRONG_ROOT,
    WRONG_BODY,
];
