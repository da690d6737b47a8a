//! Points of Baby Jubjub for long sums. Over this field -1 is a square, so `(x, y) -> (i x, y)` leads to the form a = -1, where adding
//! a prepared point takes 7 multiplications (Hisil, Wong, Carter, Dawson, 2008). -d is no square, so the law is complete.

use ark_bn254::Fr;
use ark_ec::twisted_edwards::TECurveConfig;
use ark_ed_on_bn254::{EdwardsAffine, EdwardsConfig};
use ark_ff::{AdditiveGroup, Field, MontFp};

/// A square root of -1.
pub const I: Fr =
    MontFp!("21888242871839275217838484774961031246007050428528088939761107053157389710902");

/// `(X : Y : Z : T)` with x = X / Z, y = Y / Z, x y = T / Z.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    x: Fr,
    y: Fr,
    z: Fr,
    t: Fr,
}

/// A point that is added often: y + x, y - x and -2 d x y.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    plus: Fr,
    minus: Fr,
    product: Fr,
}

impl Prepared {
    pub fn new(point: &EdwardsAffine) -> Self {
        let x = I * point.x;
        Self {
            plus: point.y + x,
            minus: point.y - x,
            product: twice_d() * x * point.y,
        }
    }
}

impl Point {
    pub const NEUTRAL: Self = Self {
        x: Fr::ZERO,
        y: Fr::ONE,
        z: Fr::ONE,
        t: Fr::ZERO,
    };

    /// Adds the point, or subtracts it.
    #[inline]
    pub fn add(&mut self, point: &Prepared, positive: bool) {
        let (plus, minus) = match positive {
            true => (&point.plus, &point.minus),
            false => (&point.minus, &point.plus),
        };
        let a = (self.y - self.x) * minus;
        let b = (self.y + self.x) * plus;
        let c = self.t * point.product;
        let d = self.z.double();
        let (f, g) = match positive {
            true => (d - c, d + c),
            false => (d + c, d - c),
        };
        self.set(b - a, f, g, b + a);
    }

    /// Adds another sum.
    pub fn add_point(&mut self, other: &Self) {
        let a = (self.y - self.x) * (other.y - other.x);
        let b = (self.y + self.x) * (other.y + other.x);
        let c = self.t * twice_d() * other.t;
        let d = (self.z * other.z).double();
        self.set(b - a, d - c, d + c, b + a);
    }

    pub fn double(&mut self) {
        let (a, b) = (self.x.square(), self.y.square());
        let c = self.z.square().double();
        let e = (self.x + self.y).square() - a - b;
        let g = b - a;
        self.set(e, g - c, g, -a - b);
    }

    /// Whether it is this point of the form a = 1.
    pub fn is(&self, point: &EdwardsAffine) -> bool {
        self.x == I * point.x * self.z && self.y == point.y * self.z
    }

    #[inline]
    fn set(&mut self, e: Fr, f: Fr, g: Fr, h: Fr) {
        *self = Self {
            x: e * f,
            y: g * h,
            z: f * g,
            t: e * h,
        };
    }
}

/// Twice the d of the form a = -1.
fn twice_d() -> Fr {
    -EdwardsConfig::COEFF_D.double()
}
