//! Points with known logarithms and the scalars they are multiplied with: any sum is known without computing it.

use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{Field, PrimeField, Zero};
use rayon::prelude::*;

const CHUNK: usize = 1 << 12;

/// Points of one group and scalars.
pub struct Terms<P> {
    pub points: Vec<P>,
    pub scalars: Vec<Fr>,
    /// `points[i] = logs[i] * generator`.
    logs: Vec<Fr>,
}

impl<P: AffineRepr<ScalarField = Fr>> Terms<P> {
    /// Distinct points and scalars of full size.
    pub fn dense(count: usize) -> Self {
        let starts: Vec<_> = (0..count.div_ceil(CHUNK))
            .map(|chunk| value(chunk, 5))
            .collect();
        let logs = starts.into_par_iter().flat_map_iter(|start| {
            std::iter::successors(Some(start), |log| Some(*log + Fr::ONE)).take(CHUNK)
        });
        Self::of(logs.collect::<Vec<_>>(), scalars(count))
    }

    /// With given logarithms, of which consecutive ones may follow each other by one, which is fast.
    fn of(mut logs: Vec<Fr>, scalars: Vec<Fr>) -> Self {
        logs.truncate(scalars.len());
        let generator = P::generator();
        let points = logs.par_chunks(CHUNK).flat_map_iter(|logs| {
            let mut previous: Option<(Fr, P::Group)> = None;
            let points = logs.iter().map(|log| {
                let next = previous.filter(|(before, _)| *before + Fr::ONE == *log);
                let point = next.map_or_else(|| generator * *log, |(_, point)| point + generator);
                previous = Some((*log, point));
                point
            });
            let points: Vec<_> = points.collect();
            P::Group::normalize_batch(&points)
        });
        Self {
            points: points.collect(),
            scalars,
            logs,
        }
    }

    /// The sum of the first terms.
    pub fn sum(&self, count: usize) -> P::Group {
        let pairs = self.logs[..count].par_iter().zip(&self.scalars[..count]);
        let log = pairs
            .map(|(log, scalar)| *log * scalar)
            .reduce(Fr::zero, |a, b| a + b);
        P::Group::generator() * log
    }
}

/// Inputs that break an implementation which is right on random ones, by name.
pub fn adversarial<P: AffineRepr<ScalarField = Fr>>(count: usize) -> Vec<(&'static str, Terms<P>)> {
    let half = Fr::from_bigint(Fr::MODULUS_MINUS_ONE_DIV_TWO).unwrap_or_default();
    let distinct: Vec<Fr> = (1..=count as u64).map(Fr::from).collect();
    let edges = [
        Fr::zero(),
        Fr::ONE,
        -Fr::ONE,
        half,
        half + Fr::ONE,
        Fr::from(u64::MAX),
        -Fr::from(1_u64 << 32),
        Fr::from(1_u64 << 15),
    ];
    let constant = |scalar: Fr| vec![scalar; count];
    let edge = |i: usize| {
        if i % 11 < 8 {
            edges[i % 11]
        } else {
            value(i, 3)
        }
    };
    let case = |name, logs: &Vec<Fr>, scalars| (name, Terms::of(logs.clone(), scalars));
    let mixed = (0..count).map(edge).collect::<Vec<_>>();
    let same = constant(Fr::from(9));
    let opposite: Vec<Fr> = (0..count)
        .map(|i| if i % 2 == 0 { Fr::ONE } else { -Fr::ONE })
        .collect();
    vec![
        case("all scalars 0", &distinct, constant(Fr::zero())),
        case("all scalars 1", &distinct, constant(Fr::ONE)),
        case("all scalars r - 1", &distinct, constant(-Fr::ONE)),
        case("one bucket", &distinct, constant(Fr::from(5))),
        case(
            "all scalars equal and full",
            &distinct,
            constant(value(1, 7)),
        ),
        case("scalars at edges", &distinct, mixed.clone()),
        case("equal points", &same, mixed.clone()),
        case("equal points, one bucket", &same, constant(Fr::from(5))),
        case("opposite points", &opposite, mixed),
        case(
            "opposite points that cancel",
            &opposite,
            constant(value(2, 7)),
        ),
    ]
}

/// Scalars of full size without a pattern.
pub fn scalars(count: usize) -> Vec<Fr> {
    let chunks = (0..count.div_ceil(CHUNK))
        .into_par_iter()
        .flat_map_iter(|chunk| {
            let factor = value(chunk, 11);
            std::iter::successors(Some(factor), move |value| Some(*value * factor)).take(CHUNK)
        });
    let mut scalars: Vec<_> = chunks.collect();
    scalars.truncate(count);
    scalars
}

/// A vector whose entries' indices have their bits reversed, in natural order.
pub fn unreversed(mut values: Vec<Fr>) -> Vec<Fr> {
    let bits = values.len().trailing_zeros();
    for i in 0..values.len() {
        let j = i.reverse_bits() >> (usize::BITS - bits).min(usize::BITS - 1);
        if bits > 0 && i < j {
            values.swap(i, j);
        }
    }
    values
}

fn value(index: usize, base: u64) -> Fr {
    Fr::from(base).pow([(1 << 20) + index as u64])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine};

    fn plain<P: AffineRepr<ScalarField = Fr>>(terms: &Terms<P>) -> P::Group {
        let pairs = terms.points.iter().zip(&terms.scalars);
        pairs.map(|(point, scalar)| *point * scalar).sum()
    }

    #[test]
    fn known_sums_are_the_sums() {
        let terms = Terms::<G1Affine>::dense(CHUNK + 3);
        assert_eq!(terms.sum(terms.points.len()), plain(&terms));
        let distinct: std::collections::HashSet<_> = terms.points.iter().collect();
        assert_eq!(distinct.len(), CHUNK + 3);
        for (name, terms) in adversarial::<G2Affine>(37) {
            assert_eq!(terms.points.len(), 37);
            assert_eq!(terms.sum(37), plain(&terms), "{name}");
        }
    }

    #[test]
    fn reversing_bits_twice_changes_nothing() {
        for log in [0, 1, 3, 6] {
            let values = scalars(1 << log);
            assert_eq!(unreversed(unreversed(values.clone())), values);
        }
        let [a, b, c, d] = scalars(4).try_into().unwrap();
        assert_eq!(unreversed(vec![a, b, c, d]), [a, c, b, d]);
    }
}
