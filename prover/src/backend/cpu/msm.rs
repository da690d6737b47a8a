//! Multi-scalar multiplication over points of a mapped key.
//!
//! Pippenger's buckets with signed digits, the buckets in affine coordinates: additions to different buckets share one
//! field inversion (Montgomery's trick), so that an addition takes five multiplications and a squaring instead of
//! eight and two. Two things are common in the witnesses of circuits and are told apart first: ones, which are summed
//! in pairs, and small scalars, of either sign, whose upper digits are zero and cost nothing.

use ark_bn254::Fr;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ec::{AffineRepr, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField, Zero};
use rayon::prelude::*;

use crate::key::{Point, Points};

/// Additions that share an inversion: many, to spread its cost of about 100 multiplications, yet few against the
/// number of buckets, because the second addition to a bucket within a batch has to wait.
const BATCH: usize = 1024;
/// Digits are 16-bit integers.
const MAX_WINDOW_BITS: usize = 15;
/// Multiplications for the two additions per bucket when buckets are summed up, against those of one point.
const REDUCTION_COST: usize = 4;
const SCALAR_BITS: usize = 254;
/// Scalars prepared by one task.
const CHUNK: usize = 1 << 12;

type Accumulator<C> = <Projective<C> as VariableBaseMSM>::Bucket;

/// Sum of `scalar * point`.
pub fn msm<C>(points: Points<Affine<C>>, scalars: &[BigInt<4>]) -> Projective<C>
where
    C: SWCurveConfig<ScalarField = Fr>,
    Affine<C>: Point<ScalarField = Fr, BaseField = C::BaseField>,
{
    let (ones, terms) = classify(points, scalars);
    let (ones, rest) = rayon::join(|| sum(ones), || windows(points, &terms));
    ones + rest
}

/// A point with the scalar that it is multiplied with, which is below half the group's order.
struct Term {
    index: u32,
    negative: bool,
    scalar: BigInt<4>,
}

/// Separates what is multiplied with one from the rest, and leaves out what adds nothing.
fn classify<C>(points: Points<Affine<C>>, scalars: &[BigInt<4>]) -> (Vec<Affine<C>>, Vec<Term>)
where
    C: SWCurveConfig<ScalarField = Fr>,
    Affine<C>: Point<ScalarField = Fr, BaseField = C::BaseField>,
{
    let one = BigInt::from(1_u64);
    let chunks = scalars.par_chunks(CHUNK).enumerate();
    let parts: Vec<_> = chunks
        .map(|(chunk, scalars)| {
            let (mut ones, mut terms) = (Vec::new(), Vec::new());
            for (index, scalar) in (chunk * CHUNK..).zip(scalars) {
                if scalar.is_zero() || points.is_infinity(index) {
                    continue;
                }
                let (negative, scalar) = absolute(scalar);
                match scalar == one {
                    true if negative => ones.push(-points.get(index)),
                    true => ones.push(points.get(index)),
                    false => terms.push(Term {
                        index: index as u32,
                        negative,
                        scalar,
                    }),
                }
            }
            (ones, terms)
        })
        .collect();
    let (ones, terms): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    (ones.concat(), terms.into_iter().flatten().collect())
}

/// Sign and absolute value of a scalar, taken as the representative nearest to zero.
fn absolute(scalar: &BigInt<4>) -> (bool, BigInt<4>) {
    let mut negated = Fr::MODULUS;
    negated.sub_with_borrow(scalar);
    match negated < *scalar {
        true => (true, negated),
        false => (false, *scalar),
    }
}

/// Sums points in pairs, the pairs in pairs, and so on.
fn sum<C: SWCurveConfig>(points: Vec<Affine<C>>) -> Projective<C> {
    let chunks = points.par_chunks(CHUNK);
    chunks
        .map(|chunk| sum_serial(chunk.to_vec()))
        .reduce(Projective::zero, |a, b| a + b)
}

fn sum_serial<C: SWCurveConfig>(mut points: Vec<Affine<C>>) -> Projective<C> {
    let mut batch = Batch::new();
    while points.len() > 2 * 8 {
        let half = points.len() / 2;
        let (left, right) = points.split_at_mut(half);
        for (index, point) in right[..half].iter().enumerate() {
            batch.push(left, index, *point);
        }
        batch.flush(left);
        let odd = points.len() % 2 == 1;
        if odd {
            points[half] = points[2 * half];
        }
        points.truncate(half + usize::from(odd));
    }
    points
        .into_iter()
        .fold(Projective::zero(), |sum, point| sum + point)
}

/// One sum per window of the scalars' digits, combined from the top.
fn windows<C>(points: Points<Affine<C>>, terms: &[Term]) -> Projective<C>
where
    C: SWCurveConfig<ScalarField = Fr>,
    Affine<C>: Point<ScalarField = Fr, BaseField = C::BaseField>,
{
    if terms.is_empty() {
        return Projective::zero();
    }
    let bits = window_bits(terms);
    let digits: Vec<Vec<i16>> = digits(terms, bits);
    let sums: Vec<Projective<C>> = digits
        .par_iter()
        .with_max_len(1)
        .map(|digits| window(points, terms, digits, bits))
        .collect();
    sums.into_iter()
        .rev()
        .fold(Projective::zero(), |mut total, sum| {
            (0..bits).for_each(|_| {
                total.double_in_place();
            });
            total + sum
        })
}

/// The window that takes the fewest additions: one per digit that is not zero, and the reduction of every window.
fn window_bits(terms: &[Term]) -> usize {
    let total_bits: usize = terms
        .iter()
        .map(|term| term.scalar.num_bits() as usize)
        .sum();
    let additions = |bits: &usize| {
        let reductions = (SCALAR_BITS / bits + 1) << (bits - 1);
        total_bits / bits + REDUCTION_COST * reductions
    };
    (2..=MAX_WINDOW_BITS)
        .min_by_key(additions)
        .unwrap_or(MAX_WINDOW_BITS)
}

/// Signed digits, one list for each window, least significant first. The top digit takes the last carry.
fn digits(terms: &[Term], bits: usize) -> Vec<Vec<i16>> {
    let count = SCALAR_BITS / bits + 1;
    let mut digits = vec![vec![0_i16; terms.len()]; count];
    let mut columns: Vec<_> = digits
        .iter_mut()
        .map(|digits| digits.chunks_mut(CHUNK))
        .collect();
    let tasks: Vec<(&[Term], Vec<&mut [i16]>)> = terms
        .chunks(CHUNK)
        .map(|terms| {
            (
                terms,
                columns.iter_mut().filter_map(Iterator::next).collect(),
            )
        })
        .collect();
    tasks.into_par_iter().for_each(|(terms, mut columns)| {
        for (position, term) in terms.iter().enumerate() {
            let mut carry = 0;
            for (window, column) in columns.iter_mut().enumerate() {
                let digit = carry + extract(&term.scalar, window * bits, bits);
                carry = i32::from(digit > 1 << (bits - 1));
                let digit = digit - (carry << bits);
                column[position] = if term.negative {
                    -digit as i16
                } else {
                    digit as i16
                };
            }
        }
    });
    digits
}

/// Bits `start..start + count` of a scalar.
fn extract(scalar: &BigInt<4>, start: usize, count: usize) -> i32 {
    let (limb, shift) = (start / 64, start % 64);
    let low = scalar.0.get(limb).map_or(0, |limb| limb >> shift);
    let high = match shift {
        0 => 0,
        _ => scalar
            .0
            .get(limb + 1)
            .map_or(0, |limb| limb << (64 - shift)),
    };
    ((low | high) & ((1 << count) - 1)) as i32
}

/// Sum over the points of one digit times the point.
fn window<C>(
    points: Points<Affine<C>>,
    terms: &[Term],
    digits: &[i16],
    bits: usize,
) -> Projective<C>
where
    C: SWCurveConfig<ScalarField = Fr>,
    Affine<C>: Point<ScalarField = Fr, BaseField = C::BaseField>,
{
    let mut buckets = Buckets::new(1 << (bits - 1));
    for (term, &digit) in terms.iter().zip(digits) {
        if digit != 0 {
            let point = points.get(term.index as usize);
            let point = if digit < 0 { -point } else { point };
            buckets.add(usize::from(digit.unsigned_abs()) - 1, point);
        }
    }
    buckets.reduce()
}

/// Buckets of one window. A second addition to a bucket waits for the next batch; if the bucket is taken there too, it
/// is one of the few that many points go to, and the point goes to an accumulator beside it.
struct Buckets<C: SWCurveConfig> {
    affine: Vec<Affine<C>>,
    taken: Vec<bool>,
    batch: Batch<C>,
    waiting: Vec<(usize, Affine<C>)>,
    overflow: Vec<Accumulator<C>>,
}

impl<C: SWCurveConfig> Buckets<C> {
    fn new(count: usize) -> Self {
        Self {
            affine: vec![Affine::zero(); count],
            taken: vec![false; count],
            batch: Batch::new(),
            waiting: Vec::new(),
            overflow: Vec::new(),
        }
    }

    fn add(&mut self, bucket: usize, point: Affine<C>) {
        match self.taken[bucket] {
            true => self.waiting.push((bucket, point)),
            false => self.taken[bucket] = self.batch.push(&mut self.affine, bucket, point),
        }
        if self.batch.additions.len() + self.waiting.len() >= BATCH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        for addition in &self.batch.additions {
            self.taken[addition.target] = false;
        }
        self.batch.flush(&mut self.affine);
        for (bucket, point) in std::mem::take(&mut self.waiting) {
            match self.taken[bucket] {
                true => self.overflow(bucket, point),
                false => self.taken[bucket] = self.batch.push(&mut self.affine, bucket, point),
            }
        }
    }

    fn overflow(&mut self, bucket: usize, point: Affine<C>) {
        self.overflow
            .resize(self.affine.len(), Projective::<C>::ZERO_BUCKET);
        self.overflow[bucket] += &point;
    }

    fn reduce(mut self) -> Projective<C> {
        self.flush();
        self.flush();
        let (mut running, mut sum) = (Projective::<C>::ZERO_BUCKET, Projective::<C>::ZERO_BUCKET);
        for bucket in (0..self.affine.len()).rev() {
            running += &self.affine[bucket];
            if let Some(overflow) = self.overflow.get(bucket) {
                running += overflow;
            }
            sum += &running;
        }
        sum.into()
    }
}

/// Additions in affine coordinates that wait for one inversion.
struct Batch<C: SWCurveConfig> {
    additions: Vec<Addition<C>>,
    product: C::BaseField,
}

/// `targets[target] += point`, where the target is no other addition's.
struct Addition<C: SWCurveConfig> {
    target: usize,
    point: Affine<C>,
    denominator: C::BaseField,
    /// Product of the denominators before this one.
    prefix: C::BaseField,
}

impl<C: SWCurveConfig> Batch<C> {
    fn new() -> Self {
        Self {
            additions: Vec::with_capacity(BATCH),
            product: C::BaseField::ONE,
        }
    }

    /// Adds a point to a target, at the next flush unless it is trivial; says whether the target has to wait.
    fn push(&mut self, targets: &mut [Affine<C>], target: usize, point: Affine<C>) -> bool {
        let sum = &mut targets[target];
        if sum.is_zero() || point.is_zero() {
            *sum = if point.is_zero() { *sum } else { point };
            return false;
        }
        let mut denominator = point.x - sum.x;
        if denominator.is_zero() {
            if point.y != sum.y {
                *sum = Affine::zero();
                return false;
            }
            denominator = point.y.double();
        }
        self.additions.push(Addition {
            target,
            point,
            denominator,
            prefix: self.product,
        });
        self.product *= denominator;
        true
    }

    fn flush(&mut self, targets: &mut [Affine<C>]) {
        // No denominator is zero: the groups have odd order, so no point has a vanishing y.
        let mut inverse = self.product.inverse().unwrap_or(C::BaseField::ZERO);
        for addition in self.additions.drain(..).rev() {
            let (sum, point) = (&mut targets[addition.target], addition.point);
            let numerator = match sum.x == point.x {
                true => point.x.square() * C::BaseField::from(3_u64),
                false => point.y - sum.y,
            };
            let slope = numerator * inverse * addition.prefix;
            inverse *= addition.denominator;
            let x = slope.square() - sum.x - point.x;
            let y = slope * (sum.x - x) - sum.y;
            *sum = Affine::new_unchecked(x, y);
        }
        self.product = C::BaseField::ONE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine, g1, g2};
    use ark_ec::CurveGroup;

    /// Multiples 1, 2, ... of the generator, with repeated, opposite and infinite points among them.
    fn points<C: SWCurveConfig>(count: usize) -> Vec<Affine<C>> {
        let generator = Projective::<C>::from(Affine::<C>::generator());
        let multiples = std::iter::successors(Some(generator), |point| Some(*point + generator));
        let mut points: Vec<_> = multiples
            .take(count)
            .map(|point| point.into_affine())
            .collect();
        for index in (3..count).step_by(7) {
            points[index] = points[index - 1];
            points[index - 2] = -points[index - 3];
        }
        points
            .iter_mut()
            .step_by(11)
            .for_each(|point| *point = Affine::zero());
        points
    }

    /// Every kind of scalar that is treated in its own way, most of them repeated.
    fn scalars(count: usize) -> Vec<Fr> {
        let pattern = [
            0,
            1,
            1,
            2,
            3,
            3,
            3,
            1 << 14,
            (1 << 14) + 1,
            (1 << 15) - 1,
            u64::MAX,
        ];
        let dense = Fr::from(3).pow([1 << 20]);
        let half = Fr::from_bigint(Fr::MODULUS_MINUS_ONE_DIV_TWO).unwrap_or_default();
        let scalar = |index: usize| match index % 17 {
            11 => -Fr::ONE,
            12 => -Fr::from(2),
            13 => half,
            14 => half + Fr::ONE,
            15 => dense,
            16 => dense.pow([index as u64]),
            small => Fr::from(pattern[small]),
        };
        (0..count).map(scalar).collect()
    }

    fn agrees<C>(points: &[Affine<C>], scalars: &[Fr])
    where
        C: SWCurveConfig<ScalarField = Fr>,
        Affine<C>: Point<ScalarField = Fr, BaseField = C::BaseField>,
    {
        let mut bytes = vec![0; points.len() * Affine::<C>::BYTES];
        for (point, bytes) in points
            .iter()
            .zip(bytes.chunks_exact_mut(Affine::<C>::BYTES))
        {
            point.encode(bytes);
        }
        let integers: Vec<_> = scalars.iter().map(|scalar| scalar.into_bigint()).collect();
        let pairs = points.iter().zip(scalars);
        let expected = pairs.fold(Projective::<C>::zero(), |sum, (point, scalar)| {
            sum + Projective::<C>::from(*point) * *scalar
        });
        assert_eq!(msm(Points::new(&bytes), &integers), expected);
    }

    #[test]
    fn agrees_with_plain_sums() {
        for count in [0, 1, 2, 3, 16, 17, 1000, 6000] {
            agrees::<g1::Config>(&points(count), &scalars(count));
        }
        agrees::<g2::Config>(&points(1000), &scalars(1000));
    }

    #[test]
    fn agrees_where_additions_are_exceptional() {
        let count = 3000;
        let same = vec![G1Affine::generator(); count];
        let opposite: Vec<_> = (0..count)
            .map(|index| {
                if index % 2 == 0 {
                    same[index]
                } else {
                    -same[index]
                }
            })
            .collect();
        for points in [same, opposite] {
            agrees(&points, &scalars(count));
            for scalar in [1, 2, 5, u64::MAX] {
                agrees(&points, &vec![Fr::from(scalar); count]);
                agrees(&points, &vec![-Fr::from(scalar); count]);
            }
        }
        agrees(&vec![G2Affine::zero(); count], &scalars(count));
    }
}
