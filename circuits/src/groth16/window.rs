//! Window functions of a fixed point of G2: the lines of one window of the loop over its verticals.
//!
//! The function is `a(x) + y b(x)` on the twist; at the image of a point of E(Fq) it is a combination of seven monomials,
//! each with a fixed power of `w`. It is scaled so that its leading coefficient is 1.

use super::curve::{Point, WINDOWS, XI, minus_psi2, psi, scale, twist_b};
use super::flat::{self, Flat};
use ark_bn254::{Fq, Fq2, G2Affine};
use ark_ff::{Field, One, Zero};

/// A monomial in the coordinates of the evaluation point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monomial {
    /// Exponent of x.
    pub x: usize,
    /// Exponent of y, 0 or 1.
    pub y: usize,
    /// Exponent of `w` that goes with it.
    pub w: usize,
    /// Powers of `1 / xi` folded into its coefficient.
    folds: usize,
}

impl Monomial {
    const fn new(x: usize, y: usize, w: usize, folds: usize) -> Self {
        Self { x, y, w, folds }
    }

    fn pole(&self) -> usize {
        2 * self.x + 3 * self.y
    }
}

/// The seven monomials in the order `1, x, y, xx, xy, xxx, xxy`, which is also that of their poles.
pub const MONOMIALS: [Monomial; 7] = [
    Monomial::new(0, 0, 0, 0),
    Monomial::new(1, 0, 4, 1),
    Monomial::new(0, 1, 3, 1),
    Monomial::new(2, 0, 2, 1),
    Monomial::new(1, 1, 1, 1),
    Monomial::new(3, 0, 0, 1),
    Monomial::new(2, 1, 5, 2),
];

/// A window function: coefficient 1 at the leading monomial and a coefficient for each one before it that can occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowFunction {
    /// Index of the leading monomial in [`MONOMIALS`].
    pub leading: usize,
    /// Coefficients of the monomials before it, in their order, zeros included.
    pub coefficients: Vec<Fq2>,
}

impl WindowFunction {
    /// Value at a finite point of E(Fq), in Fq12.
    pub fn evaluate(&self, point: Point<Fq>) -> Flat {
        let mut sum = [Fq::zero(); 12];
        let coefficients = self.coefficients.iter().copied().chain([Fq2::one()]);
        for (monomial, coefficient) in MONOMIALS.iter().zip(coefficients) {
            let power = point.x.pow([monomial.x as u64]) * point.y.pow([monomial.y as u64]);
            let term = flat::embed(scale(coefficient, power), monomial.w);
            for (target, part) in sum.iter_mut().zip(term) {
                *target += part;
            }
        }
        sum
    }
}

/// Stored coefficients of all windows.
pub const WINDOW_COEFFICIENTS: usize = 156;

/// The window functions of `point`; the last one takes in the two closing lines.
///
/// `None` when the loop degenerates or does not close, which happens exactly outside the subgroup and at infinity.
pub fn window_functions(point: G2Affine) -> Option<Vec<WindowFunction>> {
    let base = Point::from(point);
    let mut current = base;
    let mut functions = Vec::with_capacity(WINDOWS.len());
    for (index, digits) in WINDOWS.iter().enumerate() {
        let mut product = Product::new();
        for &digit in digits {
            product.square();
            product.line(&mut current, None)?;
            if digit != 0 {
                product.line(&mut current, Some(base.signed(digit > 0)))?;
            }
        }
        if index + 1 == WINDOWS.len() {
            product.line(&mut current, Some(psi(point).into()))?;
            product.line(&mut current, Some(minus_psi2(point).into()))?;
            let end: Point<Fq2> = psi(minus_psi2(point)).into();
            (current == end).then_some(())?;
        }
        functions.push(product.finish()?);
    }
    Some(functions)
}

/// `a(x) + y b(x)` while the lines of a window are multiplied in.
struct Product {
    rational: Vec<Fq2>,
    odd: Vec<Fq2>,
    verticals: Vec<Fq2>,
}

impl Product {
    fn new() -> Self {
        Self {
            rational: vec![Fq2::one()],
            odd: Vec::new(),
            verticals: Vec::new(),
        }
    }

    fn square(&mut self) {
        let (rational, odd) = (self.rational.clone(), self.odd.clone());
        self.times(&rational, &odd);
        self.verticals.extend_from_within(..);
    }

    /// Multiplies the tangent at `current`, or its chord to `other`, in and moves `current` to the sum.
    fn line(&mut self, current: &mut Point<Fq2>, other: Option<Point<Fq2>>) -> Option<()> {
        let slope = match other {
            None => current.tangent()?,
            Some(other) => current.chord(other)?,
        };
        self.times(&[slope * current.x - current.y, -slope], &[Fq2::one()]);
        *current = current.along(other.unwrap_or(*current), slope);
        self.verticals.push(current.x);
        Some(())
    }

    fn times(&mut self, rational: &[Fq2], odd: &[Fq2]) {
        let curve = [twist_b(), Fq2::zero(), Fq2::zero(), Fq2::one()];
        let squares = multiply(&curve, &multiply(&self.odd, odd));
        let cross = sum(
            &multiply(&self.rational, odd),
            &multiply(&self.odd, rational),
        );
        self.rational = sum(&multiply(&self.rational, rational), &squares);
        self.odd = cross;
    }

    /// Divides by all verticals but the last, which is no zero of the product, and normalises.
    fn finish(mut self) -> Option<WindowFunction> {
        self.verticals.pop();
        for &root in &self.verticals {
            self.rational = divide_by_root(&self.rational, root)?;
            self.odd = divide_by_root(&self.odd, root)?;
        }
        let unfold = XI.inverse()?;
        let raw: Vec<Fq2> = MONOMIALS
            .iter()
            .map(|m| {
                let part = if m.y == 0 { &self.rational } else { &self.odd };
                part.get(m.x).copied().unwrap_or_default() * unfold.pow([m.folds as u64])
            })
            .collect();
        let leading = raw.iter().rposition(|c| !c.is_zero())?;
        let scale = raw[leading].inverse()?;
        let coefficients = raw[..leading].iter().map(|c| *c * scale).collect();
        debug_assert!(MONOMIALS.is_sorted_by_key(Monomial::pole));
        Some(WindowFunction {
            leading,
            coefficients,
        })
    }
}

fn multiply(a: &[Fq2], b: &[Fq2]) -> Vec<Fq2> {
    if a.is_empty() || b.is_empty() {
        return Vec::new();
    }
    let mut product = vec![Fq2::zero(); a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            product[i + j] += *x * y;
        }
    }
    product
}

fn sum(a: &[Fq2], b: &[Fq2]) -> Vec<Fq2> {
    let at = |p: &[Fq2], i: usize| p.get(i).copied().unwrap_or_default();
    (0..a.len().max(b.len()))
        .map(|i| at(a, i) + at(b, i))
        .collect()
}

/// `polynomial / (x - root)`; `None` when it leaves a remainder.
fn divide_by_root(polynomial: &[Fq2], root: Fq2) -> Option<Vec<Fq2>> {
    let mut carry = Fq2::zero();
    let mut quotient = vec![Fq2::zero(); polynomial.len().saturating_sub(1)];
    for i in (0..polynomial.len()).rev() {
        carry = polynomial[i] + carry * root;
        if i > 0 {
            quotient[i - 1] = carry;
        }
    }
    carry.is_zero().then_some(quotient)
}
