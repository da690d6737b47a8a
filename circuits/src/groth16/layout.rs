//! Orders of the committed numbers and of the identities.

use super::curve::{CHECKPOINTS, STEPS, WINDOW_COUNT, WINDOWS};
use super::params::Mode;
use super::{comb, fixed_base};
use std::fmt::{Display, Formatter};

/// Numbers of S, the even remainder of the main identity.
pub const REMAINDER_NUMBERS: usize = 6;
/// Numbers of Q, its quotient by the flat modulus.
pub const QUOTIENT_NUMBERS: usize = 133;
/// Numbers of round 2.
pub const ROUND2_NUMBERS: usize = REMAINDER_NUMBERS + QUOTIENT_NUMBERS;
/// Exponents of the committed powers of z, in their order.
pub const POWERS: [usize; 21] = [
    2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 24, 36, 48, 60, 72, 84, 96, 108, 120, 132,
];
/// Accumulators: one for each digit of the loop, one more where a nonzero digit opens a pair, and two at the end.
pub const ACCUMULATORS: usize = 71;
/// Committed monomials of an evaluation point, in the order
/// `xx xZ4 xZ10 yZ3 yZ9 xxZ2 xxZ8 xyZ1 xyZ7 xxx xxxZ6 xxyZ5`.
pub const MONOMIAL_NUMBERS: usize = 12;
/// Columns of the comb on IC1.
pub const COMB_COLUMNS: usize = 43;
/// Rows of the comb.
pub const COMB_ROWS: usize = 6;
/// Columns between two committed ordinates.
pub const ORDINATE_STRIDE: usize = 6;
/// First column whose addition needs an explicit inverse.
pub const FIRST_INVERTED_COLUMN: usize = 37;

/// Where classes of numbers and identities of one proof begin, counted from the start of the proof's own block.
///
/// The blocks of all proofs follow one another; the numbers shared by all proofs come before them, the identities of the
/// powers of z after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Which parts of the key are read.
    pub mode: Mode,
    /// Names, starts and lengths of the classes of round 1.
    pub round1: Classes,
    /// Those of round 3.
    pub round3: Classes,
    /// Those of the identities.
    pub identities: Classes,
}

/// Consecutive classes of named members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    entries: Vec<(&'static str, usize, usize)>,
    total: usize,
}

impl Classes {
    fn new(lengths: &[(&'static str, usize)]) -> Self {
        let mut classes = Self::default();
        for &(name, len) in lengths {
            classes.entries.push((name, classes.total, len));
            classes.total += len;
        }
        classes
    }

    /// Index of the first member of a class.
    ///
    /// # Panics
    /// If the class is unknown: names are literals of this crate.
    pub fn start(&self, name: &str) -> usize {
        self.range(name).start
    }

    /// Indices of the members of a class; panics like [`Classes::start`].
    pub fn range(&self, name: &str) -> std::ops::Range<usize> {
        let found = self.entries.iter().find(|(known, ..)| *known == name);
        let (_, start, len) = found.unwrap_or_else(|| panic!("no class {name}"));
        *start..start + len
    }

    /// Members of all classes.
    pub fn len(&self) -> usize {
        self.total
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Class and position of the member `index`, as `class[position]`.
    pub fn name(&self, index: usize) -> String {
        let holds =
            |&&(_, start, len): &&(&str, usize, usize)| (start..start + len).contains(&index);
        match self.entries.iter().find(holds) {
            Some((name, start, _)) => format!("{name}[{}]", index - start),
            None => format!("[{index}]"),
        }
    }
}

impl Display for Classes {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self
            .entries
            .iter()
            .map(|(name, _, len)| format!("{name}[{len}]"))
            .collect();
        f.write_str(&parts.join(" "))
    }
}

/// Numbers of each class of the computation of V.
struct VkxCounts {
    doublings: usize,
    additions: usize,
    abscissas: usize,
    ordinates: usize,
    inverses: usize,
}

impl VkxCounts {
    fn new(mode: Mode) -> Self {
        match mode {
            Mode::Witness => Self {
                doublings: COMB_COLUMNS - 1,
                additions: COMB_COLUMNS - 1,
                abscissas: COMB_COLUMNS,
                ordinates: COMB_COLUMNS.div_ceil(ORDINATE_STRIDE),
                inverses: COMB_COLUMNS - FIRST_INVERTED_COLUMN,
            },
            Mode::Constant => Self {
                doublings: 0,
                additions: fixed_base::WINDOWS - 1,
                abscissas: 0,
                ordinates: 0,
                inverses: 1,
            },
        }
    }
}

impl Layout {
    /// The layout of a mode.
    pub fn new(mode: Mode) -> Self {
        let vkx = VkxCounts::new(mode);
        let states = WINDOW_COUNT - 1;
        Self {
            mode,
            round1: Classes::new(&[
                ("points", 8),
                ("v", 2),
                ("vx", vkx.abscissas),
                ("vy", vkx.ordinates),
                ("m", vkx.doublings + vkx.additions + 1),
                ("vinv", vkx.inverses + 1),
                ("c", 6),
                ("t", states * 6),
                ("l", STEPS * 2),
                ("ck", CHECKPOINTS.len() * 4),
            ]),
            round3: Classes::new(&[
                ("az", 2),
                ("vmono", MONOMIAL_NUMBERS),
                ("cmono", MONOMIAL_NUMBERS),
                ("cz", 1),
                ("fr", 3),
                ("mz", 1),
                ("line", STEPS),
                ("n", ACCUMULATORS),
                ("window", WINDOW_COUNT),
            ]),
            identities: Classes::new(&[
                ("curve", 4),
                ("vdbl", vkx.doublings),
                ("vadd", vkx.additions),
                ("vx", vkx.abscissas),
                ("vy", vkx.ordinates),
                ("vinv", vkx.inverses),
                ("vic0", 1),
                ("vic0inv", 1),
                ("vfin", 2),
                ("az", 2),
                ("vmono", MONOMIAL_NUMBERS),
                ("cmono", MONOMIAL_NUMBERS),
                ("cz", 1),
                ("fr", 3),
                ("mz", 1),
                ("slope", STEPS * 2),
                ("line", STEPS),
                ("n", ACCUMULATORS),
                ("window", WINDOW_COUNT),
                ("ckpt", CHECKPOINTS.len() * 4),
                ("end", 4),
            ]),
        }
    }

    /// Bits of the digit word of a public input.
    pub fn digit_bits(&self) -> usize {
        match self.mode {
            Mode::Witness => comb::DIGIT_BITS,
            Mode::Constant => fixed_base::DIGIT_BITS,
        }
    }

    /// Table entries that a public input selects.
    pub fn selections(&self) -> usize {
        match self.mode {
            Mode::Witness => COMB_COLUMNS,
            Mode::Constant => fixed_base::WINDOWS,
        }
    }

    /// Words of the digest of a verifying key: three for each number.
    pub fn key_words(&self) -> usize {
        match self.mode {
            Mode::Witness => 3 * KEY_NUMBERS,
            Mode::Constant => 0,
        }
    }

    /// What a global identity index stands for.
    pub fn identity_name(&self, proofs: usize, index: usize) -> String {
        let own = self.identities.len();
        match index.checked_sub(proofs * own) {
            Some(power) => format!("power z^{}", POWERS[power]),
            None => format!(
                "proof {} {}",
                index / own,
                self.identities.name(index % own)
            ),
        }
    }
}

impl Display for Layout {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "round1: {}", self.round1)?;
        writeln!(f, "round2: s[{REMAINDER_NUMBERS}] q[{QUOTIENT_NUMBERS}]")?;
        writeln!(f, "round3: z{POWERS:?} {}", self.round3)?;
        writeln!(
            f,
            "identities: {} powers[{}]",
            self.identities,
            POWERS.len()
        )?;
        writeln!(f, "windows: {:?}", *WINDOWS)
    }
}

/// Numbers of a verifying key that its digest covers: IC0, the comb's table, mab and delta's windows.
pub const KEY_NUMBERS: usize = KEY_WINDOWS_START + 2 * super::window::WINDOW_COEFFICIENTS;
/// Index of the comb's table (x, y of entry 0, then of entry 1, ..) among the numbers of a key.
pub const KEY_COMB_START: usize = 2;
/// Index of mab among the numbers of a key.
pub const KEY_MAB_START: usize = KEY_COMB_START + 2 * (1 << (COMB_ROWS - 1));
/// Index of delta's windows among the numbers of a key.
pub const KEY_WINDOWS_START: usize = KEY_MAB_START + 6;
