//! The full check of a key of unknown origin, on all cores.

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;

use super::{KeyError, Point, Points, ProvingKey, Section};

/// Single points lie at the end of the header.
const HEADER_POINTS_BYTES: usize = 3 * G1Affine::BYTES + 3 * G2Affine::BYTES;

/// Checks every coefficient and point.
pub fn check(key: &ProvingKey) -> Result<(), KeyError> {
    key.matrices()?;
    header(key)?;
    for section in [Section::Ic, Section::A, Section::B1, Section::C, Section::H] {
        points::<G1Affine>(key, section, key.section(section))?;
    }
    points::<G2Affine>(key, Section::B2, key.section(Section::B2))
}

fn points<P: Point>(key: &ProvingKey, section: Section, bytes: &[u8]) -> Result<(), KeyError> {
    match Points::<P>::new(bytes).first_invalid() {
        Some(index) => Err(key.refuse(section, format!("point {index} is not in the group"))),
        None => Ok(()),
    }
}

/// A key whose gamma or delta is infinity, or whose delta is plus or minus gamma, would accept forged proofs.
fn header(key: &ProvingKey) -> Result<(), KeyError> {
    let section = key.section(Section::Header);
    let bytes = &section[section.len() - HEADER_POINTS_BYTES..];
    let (g1, rest) = bytes.split_at(2 * G1Affine::BYTES);
    let (g2, rest) = rest.split_at(2 * G2Affine::BYTES);
    let (delta_g1, delta_g2) = rest.split_at(G1Affine::BYTES);
    points::<G1Affine>(key, Section::Header, g1)?;
    points::<G2Affine>(key, Section::Header, g2)?;
    points::<G1Affine>(key, Section::Header, delta_g1)?;
    points::<G2Affine>(key, Section::Header, delta_g2)?;
    let header = key.header();
    if header.gamma_g2.is_zero() || header.delta_g2.is_zero() || header.delta_g1.is_zero() {
        return Err(key.refuse(Section::Header, "gamma or delta is infinity"));
    }
    if header.delta_g2 == header.gamma_g2 || header.delta_g2 == -header.gamma_g2 {
        return Err(key.refuse(Section::Header, "delta is plus or minus gamma"));
    }
    if !agree(header.beta_g1, header.beta_g2) || !agree(header.delta_g1, header.delta_g2) {
        return Err(key.refuse(Section::Header, "beta or delta differs between the groups"));
    }
    Ok(())
}

/// Whether two points have the same discrete logarithm.
fn agree(in_g1: G1Affine, in_g2: G2Affine) -> bool {
    let generators = (G1Affine::generator(), G2Affine::generator());
    Bn254::pairing(in_g1, generators.1) == Bn254::pairing(generators.0, in_g2)
}
