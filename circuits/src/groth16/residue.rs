//! The native side of one proof: slopes, the residue witness, states and window polynomials.

use super::constants::GAMMA_WINDOWS;
use super::curve::{CHECKPOINTS, Point, WINDOW_COUNT, WINDOWS, minus_psi2, psi};
use super::flat::{self, Flat, RESIDUE_EXPONENT};
use super::key::PreparedKey;
use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};

/// What the loop over the windows leaves behind.
pub struct LoopTrace {
    /// The slope of each step.
    pub slopes: Vec<Fq2>,
    /// The point reached at each checkpoint.
    pub checkpoints: Vec<Point<Fq2>>,
    /// The lines of each window with what comes before them.
    windows: Vec<Vec<Line>>,
    /// Whether the loop closes, that is whether B lies in the subgroup.
    pub closed: bool,
}

struct Line {
    kind: LineKind,
    value: [Fq; 10],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineKind {
    Tangent,
    Chord { positive: bool },
    Closing,
}

impl LoopTrace {
    /// Runs the loop on B with its lines at -A; `None` where a line would be vertical.
    pub fn new(a: G1Affine, b: G2Affine) -> Option<Self> {
        let base = Point::from(b);
        let mut walk = Walk {
            a: a.into(),
            current: base,
            slopes: Vec::new(),
            lines: Vec::new(),
        };
        let mut trace = Self {
            slopes: Vec::new(),
            checkpoints: Vec::new(),
            windows: Vec::new(),
            closed: false,
        };
        for (index, digits) in WINDOWS.iter().enumerate() {
            for &digit in digits {
                walk.tangent()?;
                if digit != 0 {
                    let positive = digit > 0;
                    walk.chord(base.signed(positive), LineKind::Chord { positive })?;
                }
            }
            if index + 1 == WINDOW_COUNT {
                walk.chord(psi(b).into(), LineKind::Closing)?;
                walk.chord(minus_psi2(b).into(), LineKind::Closing)?;
            }
            if CHECKPOINTS.contains(&index) {
                trace.checkpoints.push(walk.current);
            }
            trace.windows.push(std::mem::take(&mut walk.lines));
        }
        trace.closed = walk.current == Point::from(psi(minus_psi2(b)));
        trace.slopes = walk.slopes;
        Some(trace)
    }
}

struct Walk {
    a: Point<Fq>,
    current: Point<Fq2>,
    slopes: Vec<Fq2>,
    lines: Vec<Line>,
}

impl Walk {
    fn tangent(&mut self) -> Option<()> {
        let slope = self.current.tangent()?;
        self.step(self.current, slope, LineKind::Tangent);
        Some(())
    }

    fn chord(&mut self, other: Point<Fq2>, kind: LineKind) -> Option<()> {
        let slope = self.current.chord(other)?;
        self.step(other, slope, kind);
        Some(())
    }

    fn step(&mut self, other: Point<Fq2>, slope: Fq2, kind: LineKind) {
        let mu = slope * self.current.x - self.current.y;
        self.lines.push(Line {
            kind,
            value: line_at_minus(self.a, slope, mu),
        });
        self.slopes.push(slope);
        self.current = self.current.along(other, slope);
    }
}

/// `yA + l xA w - mu w^3`: the line of slope l through the twist point with `mu = l x - y`, at -A, times -1.
fn line_at_minus(a: Point<Fq>, slope: Fq2, mu: Fq2) -> [Fq; 10] {
    let mut value = [Fq::from(0u64); 10];
    let nine = Fq::from(9u64);
    value[0] = a.y;
    value[1] = (slope.c0 - nine * slope.c1) * a.x;
    value[7] = slope.c1 * a.x;
    value[3] = nine * mu.c1 - mu.c0;
    value[9] = -mu.c1;
    value
}

/// The residue witness, the states and the window polynomials of one proof.
pub struct ResidueTrace {
    /// Odd coefficients of c.
    pub c: [Fq; 6],
    /// Odd coefficients of F_1..F_32.
    pub states: Vec<[Fq; 6]>,
    /// V_0..V_32 as polynomials in `w`, of degree up to 144, not reduced.
    pub polynomials: Vec<Vec<Fq>>,
    /// Whether the last window's value lies in Fq6, that is whether the proof's equation holds.
    pub closed: bool,
}

impl ResidueTrace {
    /// The trace with the residue witness times `factor`, which is 1 but in tests: the witness is one of r.
    ///
    /// `None` where an element has no torus form, which no honest proof meets.
    pub fn new(
        key: &PreparedKey,
        trace: &LoopTrace,
        v: Point<Fq>,
        c_point: G1Affine,
        factor: &Flat,
    ) -> Option<Self> {
        let fixed = fixed_values(key, v, c_point.into());
        let root = flat::power(&pairing_value(key, trace, &fixed), &RESIDUE_EXPONENT);
        let c = flat::torus(&flat::product(&root, factor))?;
        Self::with_witness(key, trace, &fixed, &c)
    }

    fn with_witness(
        key: &PreparedKey,
        trace: &LoopTrace,
        fixed: &[Vec<Fq>],
        c: &Flat,
    ) -> Option<Self> {
        let inverse = flat::conjugate(c);
        let mut result = Self {
            c: flat::odd_coefficients(c),
            states: Vec::new(),
            polynomials: Vec::new(),
            closed: false,
        };
        let mut state = inverse;
        for (index, (lines, fixed)) in trace.windows.iter().zip(fixed).enumerate() {
            let mut value = window_product(&state, lines, c, &inverse);
            if index + 1 == WINDOW_COUNT {
                for factor in closing_factors(key, c) {
                    value = flat::multiply(&value, &factor);
                }
            }
            value = flat::multiply(&value, fixed);
            let reduced = flat::divide(value.clone()).1;
            if index + 1 == WINDOW_COUNT {
                result.closed = flat::odd_coefficients(&reduced)
                    .iter()
                    .all(|c| *c == Fq::from(0u64));
            } else {
                state = flat::torus(&reduced)?;
                value = flat::multiply(&value, &flat::conjugate(&state));
                result.states.push(flat::odd_coefficients(&state));
            }
            result.polynomials.push(value);
        }
        Some(result)
    }
}

/// `conj(Fr1) Fr2 conj(Fr3) mab`: the end of `c^-lambda` and the constant pairing.
fn closing_factors(key: &PreparedKey, c: &Flat) -> [Flat; 4] {
    let conjugate = |k: usize| flat::conjugate(&flat::frobenius(c, k));
    [
        conjugate(1),
        flat::frobenius(c, 2),
        conjugate(3),
        *key.mab(),
    ]
}

/// Products of gamma's window function at V and delta's at C.
fn fixed_values(key: &PreparedKey, v: Point<Fq>, c: Point<Fq>) -> Vec<Vec<Fq>> {
    let pairs = GAMMA_WINDOWS.iter().zip(key.delta());
    pairs
        .map(|(gamma, delta)| flat::multiply(&gamma.evaluate(v), &delta.evaluate(c)))
        .collect()
}

fn window_product(state: &Flat, lines: &[Line], c: &Flat, inverse: &Flat) -> Vec<Fq> {
    let mut value = state.to_vec();
    for line in lines {
        if line.kind == LineKind::Tangent {
            value = flat::multiply(&value, &value);
        }
        value = flat::multiply(&value, &line.value);
        if let LineKind::Chord { positive } = line.kind {
            value = flat::multiply(&value, if positive { inverse } else { c });
        }
    }
    value
}

/// The Miller value of the whole equation.
fn pairing_value(key: &PreparedKey, trace: &LoopTrace, fixed: &[Vec<Fq>]) -> Flat {
    let mut value = flat::one();
    for (lines, fixed) in trace.windows.iter().zip(fixed) {
        for line in lines {
            if line.kind == LineKind::Tangent {
                value = flat::product(&value, &value);
            }
            value = flat::product(&value, &line.value);
        }
        value = flat::product(&value, fixed);
    }
    flat::product(&value, key.mab())
}
