//! The secrets of a setup.

use ark_bn254::Fr;
use ark_ff::{Field, One, PrimeField, Zero};
use sha2::{Digest, Sha256};

use super::Entropy;

const LABEL: &[u8] = b"trifold/setup/v1";

/// Secrets of the setup; gamma is one. Whoever knows them can prove anything.
pub struct Toxic {
    pub tau: Fr,
    pub alpha: Fr,
    pub beta: Fr,
    pub delta: Fr,
}

impl Toxic {
    /// Derives the secrets; those that would make a degenerate key are passed over.
    pub fn new(entropy: &Entropy, r1cs_digest: &[u8; 32], domain_size: usize) -> Self {
        let seed = match entropy {
            Entropy::Fresh => rand::random::<[u8; 32]>().to_vec(),
            Entropy::Seed(seed) => seed.clone(),
        };
        let candidates = |name: &'static str| {
            let (seed, digest) = (seed.clone(), *r1cs_digest);
            (0_u64..).map(move |attempt| derive(&seed, &digest, name, attempt))
        };
        let pick = |name, usable: &dyn Fn(&Fr) -> bool| {
            let mut usable = candidates(name).filter(|value| usable(value));
            // Nearly every field element is usable, so the endless sequence of candidates has one.
            usable.next().unwrap_or_default()
        };
        let outside_domains =
            |tau: &Fr| !tau.is_zero() && !tau.pow([2 * domain_size as u64]).is_one();
        Self {
            tau: pick("tau", &outside_domains),
            alpha: pick("alpha", &|alpha| !alpha.is_zero()),
            beta: pick("beta", &|beta| !beta.is_zero()),
            delta: pick("delta", &|delta| !is_degenerate(delta)),
        }
    }
}

/// With delta equal to plus or minus gamma, a proof for one statement can be turned into one for any other.
fn is_degenerate(delta: &Fr) -> bool {
    let gamma = Fr::one();
    delta.is_zero() || *delta == gamma || *delta == -gamma
}

/// 512 bits of SHA-256 output, reduced.
fn derive(seed: &[u8], r1cs_digest: &[u8; 32], name: &str, attempt: u64) -> Fr {
    let half = |index: u8| {
        Sha256::new()
            .chain_update(LABEL)
            .chain_update(r1cs_digest)
            .chain_update((seed.len() as u64).to_le_bytes())
            .chain_update(seed)
            .chain_update(attempt.to_le_bytes())
            .chain_update([index])
            .chain_update(name)
            .finalize()
    };
    Fr::from_le_bytes_mod_order(&[half(0), half(1)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_secrets_of_one_circuit() {
        let toxic =
            |seed: &[u8], digest| Toxic::new(&Entropy::Seed(seed.to_vec()), &[digest; 32], 8);
        assert_eq!(toxic(b"seed", 1).tau, toxic(b"seed", 1).tau);
        assert_ne!(toxic(b"seed", 1).tau, toxic(b"seed", 2).tau);
        assert_ne!(toxic(b"seed", 1).tau, toxic(b"seeds", 1).tau);
        assert_ne!(toxic(b"seed", 1).tau, toxic(b"seed", 1).delta);
        let fresh = || Toxic::new(&Entropy::Fresh, &[0; 32], 8).delta;
        assert_ne!(fresh(), fresh());
    }

    #[test]
    fn delta_is_never_plus_or_minus_gamma() {
        let degenerate = [Fr::zero(), Fr::one(), -Fr::one()];
        assert!(degenerate.iter().all(is_degenerate));
        assert!(!is_degenerate(&Fr::from(2)));
    }
}
