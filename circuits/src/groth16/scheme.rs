//! The identities, written once for every ring.
//!
//! A residual is what an identity says to be 0 modulo q: the defining expression less the number for a committed number.

use super::constant_key::ConstantKey;
use super::constants::{GAMMA_WINDOWS, frobenius_pair, parts};
use super::curve::{CHECKPOINTS, PSI, Point, WINDOW_COUNT, WINDOWS, twist_b};
use super::flat::odd_coefficients;
use super::layout::{
    COMB_COLUMNS, FIRST_INVERTED_COLUMN, KEY_MAB_START, KEY_WINDOWS_START, Layout,
    MONOMIAL_NUMBERS, ORDINATE_STRIDE, POWERS,
};
use super::ring::{Element, Ring};
use super::window::{MONOMIALS, WindowFunction};
use ark_bn254::Fq2;
use std::array::from_fn;

/// The numbers of one proof. A number of round 3 not yet known takes the value of its defining expression.
#[derive(Clone, Debug)]
pub struct ProofNumbers<E> {
    /// Numbers of round 1 in the order of the layout.
    pub round1: Vec<E>,
    /// Numbers of round 3 in the order of the layout.
    pub round3: Vec<Option<E>>,
    /// The table entry selected for each addition on the way to V, in their order, the sign of its ordinate applied.
    pub columns: Vec<[E; 2]>,
}

/// Residuals of one proof's identities and its window values V_0..V_32, whose weighted sum the main identity tests.
#[derive(Clone, Debug)]
pub struct ProofReading<E> {
    /// Residuals in the order of the layout.
    pub residuals: Vec<E>,
    /// Window values.
    pub windows: Vec<E>,
}

/// z and its committed powers.
#[derive(Clone, Debug)]
pub struct Powers<E> {
    values: Vec<E>,
    twisted: Vec<E>,
}

impl<E: Element> Powers<E> {
    /// The powers and the residuals of their identities; `committed` in the order of [`POWERS`], or empty to compute them.
    pub fn new<R: Ring<Element = E>>(ring: &R, z: E, committed: &[E]) -> (Self, Vec<E>) {
        let mut values = vec![ring.small(1), z];
        let mut residuals = Vec::with_capacity(POWERS.len());
        for (i, &exponent) in POWERS.iter().enumerate() {
            let expression = match exponent {
                2..=12 => values[exponent / 2].clone() * &values[exponent.div_ceil(2)],
                _ => values[12 + (exponent - 12) / 12 - 1].clone() * &values[12],
            };
            let value = committed.get(i).unwrap_or(&expression).clone();
            residuals.push(expression - &value);
            values.push(value);
        }
        let nine = ring.small(9);
        let twist = |k: usize| values[k + 6].clone() - &(values[k].clone() * &nine);
        let twisted = (0..=6).map(twist).collect();
        (Self { values, twisted }, residuals)
    }

    /// `z^exponent`: up to 12, or a multiple of 12.
    pub fn get(&self, exponent: usize) -> &E {
        if exponent <= 12 {
            &self.values[exponent]
        } else {
            &self.values[12 + (exponent - 12) / 12]
        }
    }

    /// `z^(k+6) - 9 z^k`, the value of `u w^k`, for k <= 6.
    pub fn twisted(&self, k: usize) -> &E {
        &self.twisted[k]
    }

    /// The committed powers in the order of [`POWERS`].
    pub fn committed(&self) -> &[E] {
        &self.values[2..]
    }
}

/// The verifying key as the identities see it.
pub enum KeyReading<'a, E> {
    /// Numbers of the key's digest, in its order.
    Witness(&'a [E]),
    /// The key that the circuit contains.
    Constant(&'a ConstantKey),
}

/// `sum S_i z^(2i) + (z^12 - 18 z^6 + 82) Q(z)`: what the weighted window values are to equal.
pub fn reduction<R: Ring>(
    ring: &R,
    powers: &Powers<R::Element>,
    s: &[R::Element],
    q: &[R::Element],
) -> R::Element {
    let mut sum = ring.small(0);
    for (i, value) in s.iter().enumerate() {
        sum = sum + &(value.clone() * powers.get(2 * i));
    }
    let mut quotient = ring.small(0);
    for (block, values) in q.chunks(12).enumerate() {
        let mut part = ring.small(0);
        for (i, value) in values.iter().enumerate() {
            part = part + &(value.clone() * powers.get(i));
        }
        quotient = quotient + &(part * powers.get(12 * block));
    }
    let modulus =
        powers.get(12).clone() - &(powers.get(6).clone() * &ring.small(18)) + &ring.small(82);
    sum + &(quotient * &modulus)
}

type Pair<E> = [E; 2];

/// Reads all identities of one proof; fills the unknown numbers of round 3.
pub fn read_proof<R: Ring>(
    ring: &R,
    layout: &Layout,
    powers: &Powers<R::Element>,
    key: &KeyReading<'_, R::Element>,
    numbers: &mut ProofNumbers<R::Element>,
) -> ProofReading<R::Element> {
    let residuals = vec![ring.small(0); layout.identities.len()];
    let windows = Vec::with_capacity(WINDOW_COUNT);
    let mut reader = Reader {
        ring,
        layout,
        powers,
        key,
        numbers,
        residuals,
        windows,
    };
    reader.curve();
    reader.vkx();
    let fixed = reader.fixed_numbers();
    reader.miller_loop(&fixed);
    ProofReading {
        residuals: reader.residuals,
        windows: reader.windows,
    }
}

struct Reader<'a, R: Ring> {
    ring: &'a R,
    layout: &'a Layout,
    powers: &'a Powers<R::Element>,
    key: &'a KeyReading<'a, R::Element>,
    numbers: &'a mut ProofNumbers<R::Element>,
    residuals: Vec<R::Element>,
    windows: Vec<R::Element>,
}

/// Numbers that the loop uses at many places.
struct Fixed<E> {
    /// A's ordinate.
    y_a: E,
    /// `xA z` and `xA z^7 - 9 xA z`.
    a_z: Pair<E>,
    /// Values of c, conj(c), and of `2 - Fr1`, `Fr2`, `2 - Fr3`.
    c: E,
    conjugate_c: E,
    frobenius: [E; 3],
    /// Value of mab.
    mab: E,
    /// Monomials of V and C: the number at `w^e` and its twisted companion.
    v: Vec<Pair<E>>,
    c_point: Vec<Pair<E>>,
}

/// Where the loop stands: the point, the next step and the next accumulator.
struct LoopState<E> {
    x: Pair<E>,
    y: Pair<E>,
    step: usize,
    accumulators: usize,
}

impl<R: Ring> Reader<'_, R> {
    fn small(&self, value: i64) -> R::Element {
        self.ring.small(value)
    }

    fn number(&self, class: &str, index: usize) -> R::Element {
        self.numbers.round1[self.layout.round1.start(class) + index].clone()
    }

    fn pair(&self, class: &str, index: usize) -> Pair<R::Element> {
        [self.number(class, index), self.number(class, index + 1)]
    }

    fn point(&self, class: &str, index: usize) -> Pair<Pair<R::Element>> {
        [self.pair(class, index), self.pair(class, index + 2)]
    }

    fn residual(&mut self, class: &str, index: usize, value: R::Element) {
        self.residuals[self.layout.identities.start(class) + index] = value;
    }

    /// A number of round 3 defined by `expression`.
    fn commit(&mut self, class: &str, index: usize, expression: R::Element) -> R::Element {
        let slot = &mut self.numbers.round3[self.layout.round3.start(class) + index];
        let value = slot.get_or_insert_with(|| expression.clone()).clone();
        self.residual(class, index, expression - &value);
        value
    }

    fn constant(&self, value: Fq2) -> Pair<R::Element> {
        parts(value).map(|part| self.ring.constant(part))
    }

    fn curve(&mut self) {
        let [x_a, y_a] = self.pair("points", 0);
        let [x_c, y_c] = self.pair("points", 2);
        let [x_b, y_b] = self.point("points", 4);
        let three = self.small(3);
        for (i, (x, y)) in [(x_a, y_a), (x_c, y_c)].into_iter().enumerate() {
            let cube = x.clone() * &x * &x;
            self.residual("curve", i, y.clone() * &y - &cube - &three);
        }
        let cube = multiply(&square(self.ring, &x_b), &x_b);
        let [r0, r1] = subtract(
            subtract(square(self.ring, &y_b), &cube),
            &self.constant(twist_b()),
        );
        self.residual("curve", 2, r0);
        self.residual("curve", 3, r1);
    }

    // ---- V = IC0 + x IC1

    fn vkx(&mut self) {
        match self.key {
            KeyReading::Witness(words) => self.comb(&words[0].clone(), &words[1].clone()),
            KeyReading::Constant(key) => {
                let Point { x, y } = key.prepared().ic0();
                let [x, y] = [x, y].map(|part| self.ring.constant(part));
                self.fixed_base(&x, &y);
            }
        }
    }

    /// Adds the selected multiples of a constant IC1, lowest window first, and IC0.
    fn fixed_base(&mut self, x_ic0: &R::Element, y_ic0: &R::Element) {
        let [mut x, mut y] = self.numbers.columns[0].clone();
        let last = self.numbers.columns.len() - 1;
        for window in 1..=last {
            let slope = self.number("m", window - 1);
            let inverse = (window == last).then_some(0);
            let (sum, mu) = self.add_entry(window, &slope, &x, &y, inverse);
            y = mu - &(slope * &sum);
            x = sum;
        }
        self.add_ic0(x, y, x_ic0, y_ic0);
    }

    fn comb(&mut self, x_ic0: &R::Element, y_ic0: &R::Element) {
        let [mut x, mut y] = self.numbers.columns[0].clone();
        for column in 0..COMB_COLUMNS {
            if column > 0 {
                (x, y) = self.comb_column(column, x, y);
            }
            let committed = self.number("vx", column);
            self.residual("vx", column, committed.clone() - &x);
            if column > 0 {
                y = self.ordinate_after(column, &committed, &y);
            }
            x = committed;
            if column % ORDINATE_STRIDE == 0 {
                let index = column / ORDINATE_STRIDE;
                let committed = self.number("vy", index);
                self.residual("vy", index, committed.clone() - &y);
                y = committed;
            }
        }
        self.add_ic0(x, y, x_ic0, y_ic0);
    }

    /// Doubles and adds the selected entry; returns the new abscissa and `l x - y` at the old one.
    fn comb_column(
        &mut self,
        column: usize,
        x: R::Element,
        y: R::Element,
    ) -> (R::Element, R::Element) {
        let slope = self.number("m", 2 * (column - 1));
        let (two, three) = (self.small(2), self.small(3));
        let tangent = slope.clone() * &y * &two - &(x.clone() * &x * &three);
        self.residual("vdbl", column - 1, tangent);
        let mu = slope.clone() * &x - &y;
        let x2 = slope.clone() * &slope - &(x * &two);
        let y2 = mu - &(slope * &x2);
        let slope = self.number("m", 2 * (column - 1) + 1);
        let inverse = column.checked_sub(FIRST_INVERTED_COLUMN);
        self.add_entry(column, &slope, &x2, &y2, inverse)
    }

    /// Adds the selected entry number `place` to (x, y), tested by the inverse of that index if any; returns the new
    /// abscissa and `l x - y`.
    fn add_entry(
        &mut self,
        place: usize,
        slope: &R::Element,
        x: &R::Element,
        y: &R::Element,
        inverse: Option<usize>,
    ) -> (R::Element, R::Element) {
        let [x_t, y_t] = self.numbers.columns[place].clone();
        let mu = slope.clone() * x - y;
        let chord = mu.clone() - &(slope.clone() * &x_t) + &y_t;
        self.residual("vadd", place - 1, chord);
        if let Some(index) = inverse {
            let product = self.number("vinv", index) * &(x.clone() - &x_t);
            self.residual("vinv", index, product - &self.small(1));
        }
        (slope.clone() * slope - x - &x_t, mu)
    }

    /// The ordinate from the committed abscissa and `mu = l x - y` of the addition.
    fn ordinate_after(&self, column: usize, x: &R::Element, mu: &R::Element) -> R::Element {
        mu.clone() - &(self.number("m", 2 * (column - 1) + 1) * x)
    }

    fn add_ic0(&mut self, x: R::Element, y: R::Element, x_ic0: &R::Element, y_ic0: &R::Element) {
        let slope = self.number("m", self.layout.round1.range("m").len() - 1);
        let inverse = self.number("vinv", self.layout.round1.range("vinv").len() - 1);
        let mu = slope.clone() * &x - &y;
        self.residual("vic0", 0, mu.clone() - &(slope.clone() * x_ic0) + y_ic0);
        self.residual(
            "vic0inv",
            0,
            inverse * &(x.clone() - x_ic0) - &self.small(1),
        );
        let x = slope.clone() * &slope - &x - x_ic0;
        let y = mu - &(slope * &x);
        let [x_v, y_v] = self.pair("v", 0);
        self.residual("vfin", 0, x_v - &x);
        self.residual("vfin", 1, y_v - &y);
    }

    // ---- numbers defined by z

    fn fixed_numbers(&mut self) -> Fixed<R::Element> {
        let [x_a, y_a] = self.pair("points", 0);
        let a_z = [1, 7].map(|k| x_a.clone() * self.powers.get(k));
        let [a1, a7] = a_z;
        let (a1, a7) = (self.commit("az", 0, a1), self.commit("az", 1, a7));
        let a_twisted = a7 - &(a1.clone() * &self.small(9));
        let v = self.monomials("vmono", self.pair("v", 0));
        let c_point = self.monomials("cmono", self.pair("points", 2));
        let c: Vec<_> = (0..6).map(|i| self.number("c", i)).collect();
        let c_z = self.torus(&c);
        let c_z = self.commit("cz", 0, c_z);
        let frobenius = from_fn(|i| {
            let expression = self.frobenius(&c, i + 1);
            self.commit("fr", i, expression)
        });
        let [f1, f2, f3] = frobenius;
        let two = self.small(2);
        let mab = self.mab();
        Fixed {
            y_a,
            a_z: [a1, a_twisted],
            conjugate_c: two.clone() - &c_z,
            c: c_z,
            frobenius: [two.clone() - &f1, f2, two - &f3],
            mab,
            v,
            c_point,
        }
    }

    /// `1 + sum t_i z^(2i+1)`.
    fn torus(&self, t: &[R::Element]) -> R::Element {
        let terms = t.iter().enumerate();
        terms.fold(self.small(1), |sum, (i, t)| {
            sum + &(t.clone() * self.powers.get(2 * i + 1))
        })
    }

    /// `1 + sum c_i (w^(2i+1))^(q^k)` at z.
    fn frobenius(&self, c: &[R::Element], k: usize) -> R::Element {
        let terms = c.iter().enumerate();
        terms.fold(self.small(1), |sum, (i, c)| {
            let e = (2 * i + 1) % 6;
            let [low, high] = frobenius_pair(k, i).map(|g| self.ring.constant(g));
            let image = low * self.powers.get(e) + &(high * self.powers.get(e + 6));
            sum + &(c.clone() * &image)
        })
    }

    fn mab(&mut self) -> R::Element {
        let coefficients = match self.key {
            KeyReading::Witness(words) => words[KEY_MAB_START..KEY_WINDOWS_START].to_vec(),
            KeyReading::Constant(key) => odd_coefficients(key.prepared().mab())
                .map(|part| self.ring.constant(part))
                .to_vec(),
        };
        let expression = self.torus(&coefficients);
        self.commit("mz", 0, expression)
    }

    /// Commits the twelve monomials of a point; pairs of `m z^e` and `m z^(e+6) - 9 m z^e` by monomial.
    fn monomials(&mut self, class: &str, point: Pair<R::Element>) -> Vec<Pair<R::Element>> {
        let [x, y] = point;
        let powers = self.powers;
        let mut next = 0..MONOMIAL_NUMBERS;
        let mut commit = |value: R::Element| {
            let index = next.next().expect("twelve monomials");
            self.commit(class, index, value)
        };
        let times = |value: &R::Element, k: usize| value.clone() * powers.get(k);
        let xx = commit(x.clone() * &x);
        let xz = [commit(times(&x, 4)), commit(times(&x, 10))];
        let yz = [commit(times(&y, 3)), commit(times(&y, 9))];
        let xxz = [commit(times(&xx, 2)), commit(times(&xx, 8))];
        let xy = x.clone() * &y;
        let xyz = [commit(times(&xy, 1)), commit(times(&xy, 7))];
        let xxx = commit(xx.clone() * &x);
        let xxxz = commit(times(&xxx, 6));
        let xxy = commit(xx * &y * powers.get(5));
        let one = [self.small(1), powers.get(6).clone()];
        let leading_only = [xxy, self.small(0)];
        let nine = self.small(9);
        [one, xz, yz, xxz, xyz, [xxx, xxxz], leading_only]
            .map(|[low, high]| [low.clone(), high - &(low * &nine)])
            .to_vec()
    }

    // ---- the loop

    fn miller_loop(&mut self, fixed: &Fixed<R::Element>) {
        let [x, y] = self.point("points", 4);
        let mut state = LoopState {
            x,
            y,
            step: 0,
            accumulators: 0,
        };
        let mut word = KEY_WINDOWS_START;
        for window in 0..WINDOW_COUNT {
            let mut value = self.window_accumulator(&mut state, fixed, window);
            let last = window + 1 == WINDOW_COUNT;
            if last {
                value = self.closing(&mut state, fixed, value);
            }
            let tail = if last {
                fixed.frobenius[2].clone()
            } else {
                self.small(2) - &self.state(window + 1)
            };
            let fixed_arguments = self.fixed_arguments(window, fixed, &mut word);
            self.windows.push(value * &fixed_arguments * &tail);
            if let Some(index) = CHECKPOINTS.iter().position(|&end| end == window) {
                self.checkpoint(&mut state, index);
            }
        }
    }

    /// The torus value F_j, 1 <= j <= 32.
    fn state(&self, j: usize) -> R::Element {
        let start = self.layout.round1.start("t") + 6 * (j - 1);
        self.torus(&self.numbers.round1[start..start + 6])
    }

    fn accumulate(&mut self, state: &mut LoopState<R::Element>, value: R::Element) -> R::Element {
        state.accumulators += 1;
        self.commit("n", state.accumulators - 1, value)
    }

    fn window_accumulator(
        &mut self,
        state: &mut LoopState<R::Element>,
        fixed: &Fixed<R::Element>,
        window: usize,
    ) -> R::Element {
        let b = self.point("points", 4);
        let mut current = if window == 0 {
            fixed.conjugate_c.clone()
        } else {
            self.state(window)
        };
        for (place, &digit) in WINDOWS[window].iter().enumerate() {
            let line = self.double(state, fixed);
            let mut value = current.clone() * &current * &line;
            if digit != 0 {
                if place == 0 && window > 0 {
                    value = self.accumulate(state, value);
                }
                let [x, y] = b.clone();
                let y = if digit > 0 { y } else { negate(y) };
                let line = self.add(state, fixed, &x, &y);
                let factor = if digit > 0 {
                    &fixed.conjugate_c
                } else {
                    &fixed.c
                };
                value = value * &line * factor;
            }
            current = self.accumulate(state, value);
        }
        current
    }

    /// The additions of psi(B) and -psi^2(B) and the subgroup test.
    fn closing(
        &mut self,
        state: &mut LoopState<R::Element>,
        fixed: &Fixed<R::Element>,
        value: R::Element,
    ) -> R::Element {
        let [x, y] = self.point("points", 4);
        let conjugate = |[a, b]: &Pair<R::Element>| [a.clone(), -b.clone()];
        let x1 = multiply(&conjugate(&x), &self.constant(PSI.x1));
        let y1 = multiply(&conjugate(&y), &self.constant(PSI.y1));
        let line = self.add(state, fixed, &x1, &y1);
        let value = self.accumulate(state, value * &line * &fixed.frobenius[0]);
        let x2 = self.ring.constant(PSI.x2);
        let line = self.add(state, fixed, &x.clone().map(|part| x2.clone() * &part), &y);
        let value = self.accumulate(state, value * &line * &fixed.frobenius[1] * &fixed.mab);
        let x3 = multiply(&conjugate(&x), &self.constant(PSI.x3));
        let y3 = multiply(&conjugate(&y), &self.constant(PSI.y3));
        let ends = [subtract(state.x.clone(), &x3), add(state.y.clone(), &y3)];
        for (i, end) in ends.into_iter().flatten().enumerate() {
            self.residual("end", i, end);
        }
        value
    }

    /// Doubles the point of the loop; the value of its tangent at -A.
    fn double(
        &mut self,
        state: &mut LoopState<R::Element>,
        fixed: &Fixed<R::Element>,
    ) -> R::Element {
        let slope = self.pair("l", 2 * state.step);
        let (two, three) = (self.small(2), self.small(3));
        let tangent = subtract(
            scale(multiply(&state.y, &slope), &two),
            &scale(square(self.ring, &state.x), &three),
        );
        let doubled = scale(state.x.clone(), &two);
        self.step(state, fixed, &slope, |_| tangent, |s| subtract(s, &doubled))
    }

    /// Adds (x, y) to the point of the loop; the value of the chord at -A.
    fn add(
        &mut self,
        state: &mut LoopState<R::Element>,
        fixed: &Fixed<R::Element>,
        x: &Pair<R::Element>,
        y: &Pair<R::Element>,
    ) -> R::Element {
        let slope = self.pair("l", 2 * state.step);
        let old = state.x.clone();
        let chord = |mu: Pair<R::Element>| add(subtract(mu, &multiply(&slope, x)), y);
        self.step(state, fixed, &slope, chord, |s| {
            subtract(subtract(s, &old), x)
        })
    }

    fn step(
        &mut self,
        state: &mut LoopState<R::Element>,
        fixed: &Fixed<R::Element>,
        slope: &Pair<R::Element>,
        through: impl FnOnce(Pair<R::Element>) -> Pair<R::Element>,
        abscissa: impl FnOnce(Pair<R::Element>) -> Pair<R::Element>,
    ) -> R::Element {
        let index = state.step;
        let mu = subtract(multiply(slope, &state.x), &state.y);
        for (i, part) in through(mu.clone()).into_iter().enumerate() {
            self.residual("slope", 2 * index + i, part);
        }
        let [l0, l1] = slope.clone();
        let line = fixed.y_a.clone() + &(l0 * &fixed.a_z[0]) + &(l1 * &fixed.a_z[1])
            - &(mu[0].clone() * self.powers.get(3))
            - &(mu[1].clone() * self.powers.twisted(3));
        state.x = abscissa(square(self.ring, slope));
        state.y = subtract(mu, &multiply(slope, &state.x));
        state.step += 1;
        self.commit("line", index, line)
    }

    fn checkpoint(&mut self, state: &mut LoopState<R::Element>, index: usize) {
        let [x, y] = self.point("ck", 4 * index);
        let reached = [state.x.clone(), state.y.clone()].into_iter().flatten();
        let committed = [x.clone(), y.clone()].into_iter().flatten();
        for (i, (reached, committed)) in reached.zip(committed).enumerate() {
            self.residual("ckpt", 4 * index + i, reached - &committed);
        }
        (state.x, state.y) = (x, y);
    }

    // ---- window functions of fixed points

    fn fixed_window(
        &self,
        function: &WindowFunction,
        monomials: &[Pair<R::Element>],
    ) -> R::Element {
        let coefficients: Vec<_> = function
            .coefficients
            .iter()
            .map(|&c| self.constant(c))
            .collect();
        combine(function.leading, &coefficients, monomials)
    }

    /// gamma's window function at V times delta's at C; what is committed is delta's where it comes from the key's
    /// words and the product where both are constants.
    fn fixed_arguments(
        &mut self,
        window: usize,
        fixed: &Fixed<R::Element>,
        word: &mut usize,
    ) -> R::Element {
        let gamma = self.fixed_window(&GAMMA_WINDOWS[window], &fixed.v);
        match self.key {
            KeyReading::Witness(words) => {
                let leading = GAMMA_WINDOWS[window].leading;
                let pairs = words[*word..*word + 2 * leading].chunks(2);
                let coefficients: Vec<_> = pairs.map(|c| [c[0].clone(), c[1].clone()]).collect();
                *word += 2 * leading;
                let delta = combine(leading, &coefficients, &fixed.c_point);
                gamma * &self.commit("window", window, delta)
            }
            KeyReading::Constant(key) => {
                let delta = self.fixed_window(&key.prepared().delta()[window], &fixed.c_point);
                self.commit("window", window, gamma * &delta)
            }
        }
    }
}

/// `m_lead z^e + sum over the monomials before it`.
fn combine<E: Element>(leading: usize, coefficients: &[Pair<E>], monomials: &[Pair<E>]) -> E {
    debug_assert!(leading < MONOMIALS.len() && coefficients.len() == leading);
    let terms = coefficients.iter().zip(monomials);
    terms.fold(
        monomials[leading][0].clone(),
        |sum, ([c0, c1], [low, twisted])| sum + &(c0.clone() * low) + &(c1.clone() * twisted),
    )
}

fn add<E: Element>(a: Pair<E>, b: &Pair<E>) -> Pair<E> {
    let [a0, a1] = a;
    [a0 + &b[0], a1 + &b[1]]
}

fn subtract<E: Element>(a: Pair<E>, b: &Pair<E>) -> Pair<E> {
    let [a0, a1] = a;
    [a0 - &b[0], a1 - &b[1]]
}

fn negate<E: Element>(a: Pair<E>) -> Pair<E> {
    a.map(|part| -part)
}

fn scale<E: Element>(a: Pair<E>, k: &E) -> Pair<E> {
    a.map(|part| part * k)
}

fn multiply<E: Element>(a: &Pair<E>, b: &Pair<E>) -> Pair<E> {
    let real = a[0].clone() * &b[0] - &(a[1].clone() * &b[1]);
    [real, a[0].clone() * &b[1] + &(a[1].clone() * &b[0])]
}

fn square<R: Ring>(ring: &R, a: &Pair<R::Element>) -> Pair<R::Element> {
    let real = a[0].clone() * &a[0] - &(a[1].clone() * &a[1]);
    [real, a[0].clone() * &a[1] * &ring.small(2)]
}
