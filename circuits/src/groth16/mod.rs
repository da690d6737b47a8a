//! The native side of the Groth16 verifier that runs inside a circuit over the BN254 scalar field.
//!
//! The pairing product is shown to be an r-th power up to the subfield Fq6: its class in the torus Fq12*/Fq6* equals
//! `c^lambda` for a witness `c` ([`residue`]). Every number of Fq is committed in limbs, every relation between them is
//! an identity of integer polynomials ([`scheme`]) whose random combinations are tested at one point, with static bounds
//! ([`plan`]) that make an equality modulo r an equality of integers.

pub mod advice;
pub mod comb;
pub mod constant_key;
pub mod constants;
pub mod curve;
pub mod digits;
pub mod fixed_base;
pub mod flat;
pub mod generate;
pub mod input_point;
pub mod key;
pub mod layout;
pub mod limbs;
pub mod oracle;
pub mod params;
pub mod plan;
pub mod residue;
pub mod ring;
pub mod scheme;
pub mod transcript;
pub mod wide;
pub mod window;

pub use advice::{AdviceError, Proof, Slot, advise};
pub use constant_key::ConstantKey;
pub use key::{PreparedKey, VkError, ark_key};
pub use oracle::{Claim, Refusal};
pub use params::{Mode, Params};
pub use plan::{Plan, PlanError};
