//! Multi-scalar multiplication over G1 and G2: Pippenger's method with signed digits, for several proofs at once.
//!
//! A run is `MsmScratch::sort` (scalars to digits to pairs sorted by bucket), then `SortedPairs::multiply` for each list of
//! points that has these scalars: chunks of equal length are summed into buckets, partial sums are folded, buckets are reduced
//! to a few sums per proof. All of it is enqueued on one stream; nothing is read back until `MsmSums::fold`, which does the
//! last additions on the host.

mod bases;
mod error;
mod group;
mod multiply;
mod plan;
mod scratch;
mod sort;
mod streamed;
mod sums;
mod tuning;

pub use bases::Bases;
pub use error::MsmError;
pub use group::{G1, G2, Group, Groups};
pub use plan::{MsmConfig, MsmDemand, MsmPlan};
pub use scratch::{MsmScratch, ScratchNeeds};
pub use sort::{ScalarMap, Scalars, SortedPairs};
pub use streamed::StreamedBases;
pub use sums::MsmSums;
