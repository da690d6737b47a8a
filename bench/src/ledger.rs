//! Constraints per transfer of the netted ledger, from the counts pinned in `circuits.toml`, against the published figures.
//!
//! Nothing is measured here: a load of T transfers between uniformly random accounts touches a number of accounts and nodes whose
//! expectation is exact, and each touched thing has its share of a pinned count.

use anyhow::{Context as _, Result};
use serde::Serialize;
use trifold_circuits::artifacts::{Checkout, CircuitSpec, Manifest};

use crate::report::{Report, Target, grouped};

/// Levels of the account trie and transfers of an epoch.
const LOADS: [(u32, u64); 12] = [
    (10, 10_000),
    (10, 100_000),
    (10, 290_000),
    (10, 1_000_000),
    (12, 10_000),
    (12, 100_000),
    (12, 290_000),
    (12, 1_000_000),
    (13, 10_000),
    (13, 100_000),
    (13, 290_000),
    (13, 1_000_000),
];
/// The load that the targets are for, and what they are.
const TARGET_LOAD: (u32, u64) = (13, 290_000);
const TARGET_PER_TRANSFER: f64 = 6_100.0;
const TARGET_LIST: f64 = 1_600.0;
/// Constraints of the reference program per level and account: two nodes of 261, a digit of 3, twice 2 to place the child.
const UPDATE_LEVEL: f64 = 529.0;
const REFERENCE_LEVELS: f64 = 10.0;

/// What others publish: name, constraints per transfer, source.
const PUBLISHED: [(&str, f64, &str); 3] = [
    (
        "Fawkes-Crypto rollup, 1,024 transfers, 2^32 accounts",
        34_859.0,
        "ethresear.ch/t/7201: 35,695,616 / 1,024",
    ),
    (
        "Polygon Hermez 1.0, 32 levels, without the hash of its data",
        47_313.0,
        "hermeznetwork/circuits, tools/circuit-constraints.js",
    ),
    (
        "Loopring v3, a ring of two trades, data included",
        130_000.0,
        "Loopring/protocols, DESIGN.md",
    ),
];

/// Constraints by unit, each a share of a pinned circuit.
#[derive(Serialize)]
struct Units {
    message: f64,
    /// One payment of a full list.
    listed_payment: f64,
    account: f64,
    bottom_row: f64,
    upper_row: f64,
    join: f64,
    close: f64,
    /// One transfer of the reference program at ten levels, with its share of the slots for messages.
    reference: f64,
    /// The three proofs of an epoch of at most eight messages.
    idle_epoch: f64,
    idle_messages: f64,
    /// A message sent to another shard or taken from one, in a part full of them; its channel's nodes included.
    exchanged: f64,
    /// The circuits of parts, those of large ones last.
    sizes: [Sizes; 2],
}

/// Circuits of one size: what a part holds, and its constraints.
#[derive(Clone, Copy, Serialize)]
struct Sizes {
    messages: (f64, f64),
    tablet: (f64, f64),
    /// Bottom and upper rows.
    rows: ([f64; 2], f64),
}

#[derive(Clone, Serialize)]
struct Row {
    levels: u32,
    accounts: u64,
    transfers: u64,
    touched_accounts: f64,
    /// Constraints per transfer from here on.
    reference: f64,
    dense: f64,
    sparse: f64,
    better: f64,
    better_listed: f64,
    /// Everything in whole parts, with the joins over them and the close: with the circuits that every network has, and with the large
    /// ones.
    in_all: f64,
    in_all_large: f64,
}

#[derive(Serialize)]
struct Figures {
    units: Units,
    rows: Vec<Row>,
}

/// Computes the table and writes the report.
pub fn run(checkout: &Checkout) -> Result<Vec<Target>> {
    let report = Report::begin(checkout, "ledger-constraints".into());
    let units = Units::load(&Manifest::load(checkout)?)?;
    let rows = LOADS
        .map(|(levels, transfers)| units.row(levels, transfers))
        .to_vec();
    let figures = Figures { units, rows };
    report.end(&figures, &figures.page(), figures.targets()?)
}

impl Units {
    fn load(manifest: &Manifest) -> Result<Self> {
        let get = |name: &str| Pinned::of(manifest.get(name)?);
        let (messages, idle) = (get("netted-messages")?, get("netted-messages-idle")?);
        let (rows, idle_rows) = (get("netted-rows")?, get("netted-rows-idle")?);
        let (lists, tablet) = (get("netted-lists")?, get("netted-tablet")?);
        let (transfer, join) = (get("transfer")?, get("netted-join")?);
        let close = get("netted-close")?.constraints;
        let (bottom_row, upper_row) = split(&rows, &idle_rows)?;
        let slots = messages.parameter("N")? - idle.parameter("N")?;
        Ok(Self {
            message: (messages.constraints - idle.constraints) / slots,
            listed_payment: lists.constraints / lists.parameter("N")? / lists.parameter("K")?,
            account: tablet.constraints / 3f64.powf(tablet.parameter("K")?),
            bottom_row,
            upper_row,
            join: join.constraints,
            close,
            reference: transfer.constraints / transfer.parameter("N")?,
            idle_epoch: idle.constraints + idle_rows.constraints + close,
            idle_messages: idle.parameter("N")?,
            exchanged: {
                let channels = get("netted-channels")?;
                channels.constraints / (channels.parameter("S")? + channels.parameter("R")?)
            },
            sizes: [Sizes::load(manifest, "")?, Sizes::load(manifest, "-large")?],
        })
    }

    fn row(&self, levels: u32, transfers: u64) -> Row {
        let accounts = 3u64.pow(levels);
        let count = transfers as f64;
        let [bottom, above] = touched(levels, transfers);
        let dense = self.account * accounts as f64;
        let sparse = self.bottom_row * bottom + self.upper_row * above;
        let state = dense.min(sparse);
        let per_transfer = |total: f64| total / count;
        let in_all = |size: usize| {
            per_transfer(self.in_all(&self.sizes[size], count, accounts, [bottom, above]))
        };
        Row {
            levels,
            accounts,
            transfers,
            touched_accounts: expected_touched(accounts, 2 * transfers),
            reference: self.reference + 2.0 * UPDATE_LEVEL * (f64::from(levels) - REFERENCE_LEVELS),
            dense: self.message + per_transfer(dense),
            sparse: self.message + per_transfer(sparse),
            better: self.message + per_transfer(state),
            better_listed: self.listed_payment + per_transfer(state),
            in_all: in_all(0),
            in_all_large: in_all(1),
        }
    }

    /// What it costs in whole parts, with joins and close.
    fn in_all(&self, sizes: &Sizes, transfers: f64, accounts: u64, touched: [f64; 2]) -> f64 {
        let Counts {
            messages,
            rows,
            tablets,
        } = self.counts(sizes, transfers, accounts, touched);
        messages * sizes.messages.1
            + rows * sizes.rows.1
            + tablets * sizes.tablet.1
            + self.join * (joins(messages) + joins(rows + tablets))
            + self.close
    }

    /// Whole parts of an epoch; accounts as tablets or as rows, whichever is less.
    fn counts(&self, sizes: &Sizes, transfers: f64, accounts: u64, touched: [f64; 2]) -> Counts {
        let joined = |count: f64, constraints: f64| count * constraints + self.join * joins(count);
        let (size, constraints) = sizes.tablet;
        let tablets = (accounts as f64 / size).ceil();
        let by_tablets = joined(tablets, constraints);
        let ([bottom, upper], constraints) = sizes.rows;
        let rows = (touched[0] / bottom)
            .ceil()
            .max((touched[1] / upper).ceil());
        let dense = by_tablets < joined(rows, constraints);
        Counts {
            messages: (transfers / sizes.messages.0).ceil(),
            rows: if dense { 0.0 } else { rows },
            tablets: if dense { tablets } else { 0.0 },
        }
    }

    fn epoch(&self, (levels, transfers): (u32, u64), large: bool) -> EpochParts {
        let accounts = 3u64.pow(levels);
        let touched = touched(levels, transfers);
        let sizes = &self.sizes[usize::from(large)];
        let counts = self.counts(sizes, transfers as f64, accounts, touched);
        let suffix = if large { "-large" } else { "" };
        let of_size = |name: &str, count: f64| (format!("{name}{suffix}"), count as u64);
        let joins = joins(counts.messages) + joins(counts.rows + counts.tablets);
        let parts = [
            of_size("netted-messages", counts.messages),
            of_size("netted-rows", counts.rows),
            of_size("netted-tablet", counts.tablets),
            ("netted-join".into(), joins as u64),
            ("netted-close".into(), 1),
        ];
        EpochParts {
            accounts,
            transfers,
            parts: parts.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// Parts of an epoch that verify no others.
struct Counts {
    messages: f64,
    rows: f64,
    tablets: f64,
}

/// All proofs of an epoch by circuit.
#[derive(Serialize)]
pub struct EpochParts {
    pub accounts: u64,
    pub transfers: u64,
    pub parts: Vec<(String, u64)>,
}

/// The proofs of epochs under some of the table's loads, with large circuits or without.
pub fn epochs(checkout: &Checkout, large: bool) -> Result<Vec<EpochParts>> {
    const SHOWN: [(u32, u64); 3] = [(10, 100_000), (13, 10_000), TARGET_LOAD];
    let units = Units::load(&Manifest::load(checkout)?)?;
    Ok(SHOWN.map(|load| units.epoch(load, large)).into())
}

/// Expected bottom nodes and nodes above that so many transfers touch.
fn touched(levels: u32, transfers: u64) -> [f64; 2] {
    let accounts = 3u64.pow(levels);
    let touched = |level: u32| expected_touched(accounts / 3u64.pow(level), 2 * transfers);
    [touched(1), (2..=levels).map(touched).sum()]
}

impl Sizes {
    fn load(manifest: &Manifest, suffix: &str) -> Result<Self> {
        let get = |name: &str| Pinned::of(manifest.get(&format!("{name}{suffix}"))?);
        let (messages, tablet) = (get("netted-messages")?, get("netted-tablet")?);
        let rows = get("netted-rows")?;
        let accounts = 3f64.powf(tablet.parameter("K")?);
        Ok(Self {
            messages: (messages.parameter("N")?, messages.constraints),
            tablet: (accounts, tablet.constraints),
            rows: (
                [rows.parameter("B")?, rows.parameter("U")?],
                rows.constraints,
            ),
        })
    }
}

/// A pinned circuit.
struct Pinned<'a> {
    spec: &'a CircuitSpec,
    constraints: f64,
}

impl<'a> Pinned<'a> {
    fn of(spec: &'a CircuitSpec) -> Result<Self> {
        let pinned = spec.constraints;
        let constraints = pinned.with_context(|| format!("{} has no pinned count", spec.name))?;
        let constraints = constraints as f64;
        Ok(Self { spec, constraints })
    }

    fn parameter(&self, name: &str) -> Result<f64> {
        let found = self
            .spec
            .parameters
            .iter()
            .find(|parameter| parameter.name == name);
        let found = found.with_context(|| format!("{} has no {name}", self.spec.name))?;
        Ok(found.value as f64)
    }
}

/// Constraints of a bottom and of an upper row from two circuits with both; what a circuit has once is spread over its rows.
fn split(first: &Pinned<'_>, second: &Pinned<'_>) -> Result<(f64, f64)> {
    let [a, b] = [first.parameter("B")?, first.parameter("U")?];
    let [c, d] = [second.parameter("B")?, second.parameter("U")?];
    let determinant = a * d - b * c;
    let bottom = (first.constraints * d - second.constraints * b) / determinant;
    let upper = (second.constraints * a - first.constraints * c) / determinant;
    Ok((bottom, upper))
}

/// How many of `places` are expected to be hit by `hits` uniform and independent ones.
fn expected_touched(places: u64, hits: u64) -> f64 {
    let places = places as f64;
    // ln(1 - 1/n) for n = 1 is -inf, and the whole expression 1, as it should be.
    -places * (hits as f64 * (-1.0 / places).ln_1p()).exp_m1()
}

/// Ternary joins until one part is left.
fn joins(parts: f64) -> f64 {
    ((parts - 1.0) / 2.0).ceil().max(0.0)
}

impl Figures {
    fn target_row(&self) -> Result<&Row> {
        let (levels, transfers) = TARGET_LOAD;
        let found = |row: &&Row| row.levels == levels && row.transfers == transfers;
        self.rows
            .iter()
            .find(found)
            .context("the target's load is in the table")
    }

    fn targets(&self) -> Result<Vec<Target>> {
        let row = self.target_row()?;
        let load = format!("{} transfers, {} accounts", row.transfers, row.accounts);
        let listed = self.units.listed_payment;
        Ok(vec![
            Target::at_most(
                format!("constraints per transfer in all, {load}, large circuits"),
                TARGET_PER_TRANSFER,
                row.in_all_large,
            ),
            Target::at_most(
                "constraints per payment of a full list, beside the state".into(),
                TARGET_LIST,
                listed,
            ),
        ])
    }

    fn page(&self) -> String {
        let rows: String = self.rows.iter().map(Row::line).collect();
        let published = |(name, constraints, source): &(&str, f64, &str)| {
            format!("| {name} | {} | {source} |\n", thousands(*constraints))
        };
        let published: String = PUBLISHED.iter().map(published).collect();
        format!(
            "{}\nConstraints per transfer. `in all` counts whole parts, the joins over them and the close, with the circuits that every \
             network has and with the large ones:\n\n\
             | accounts | transfers | accounts touched | reference | dense | sparse | better | better, full lists | in all | in all, large |\n\
             |{}\n{rows}\nPublished, per transfer:\n\n| system | constraints | source |\n|---|---|---|\n{published}",
            self.units.page(),
            "---|".repeat(10),
        )
    }
}

impl Units {
    fn page(&self) -> String {
        let lines = [
            ("signed message of one payment", self.message),
            ("payment of a full signed list", self.listed_payment),
            ("account of a tablet", self.account),
            ("touched bottom node (three accounts)", self.bottom_row),
            ("touched node above", self.upper_row),
            ("join of three parts", self.join),
            ("close of an epoch", self.close),
            (
                "message between shards, sent or taken, in a full part",
                self.exchanged,
            ),
            (
                "transfer of the reference program, 10 levels, with its share of the slots for messages",
                self.reference,
            ),
        ];
        let line = |(name, value): (&str, f64)| format!("| {name} | {} |\n", thousands(value));
        let lines: String = lines.into_iter().map(line).collect();
        format!(
            "Shares of the pinned counts:\n\n| unit | constraints |\n|---|---|\n{lines}\n\
             An epoch of at most {} messages takes {} constraints in three proofs.\n",
            self.idle_messages,
            thousands(self.idle_epoch),
        )
    }
}

impl Row {
    fn line(&self) -> String {
        let cells = [
            self.accounts as f64,
            self.transfers as f64,
            self.touched_accounts,
            self.reference,
            self.dense,
            self.sparse,
            self.better,
            self.better_listed,
            self.in_all,
            self.in_all_large,
        ];
        let cells: String = cells.map(|cell| format!(" {} |", thousands(cell))).concat();
        format!("|{cells}\n")
    }
}

/// Rounded, in groups of three digits.
fn thousands(value: f64) -> String {
    grouped(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_places_are_those_of_the_exact_expectation() {
        assert_eq!(expected_touched(1, 5), 1.0);
        // One of three: 3 (1 - (2/3)^2).
        assert!((expected_touched(3, 2) - 5.0 / 3.0).abs() < 1e-12);
        assert!((expected_touched(1_594_323, 580_000) / 290_000.0 - 1.677).abs() < 1e-2);
    }

    #[test]
    fn joins_leave_one_part() {
        assert_eq!(
            [1.0, 2.0, 3.0, 4.0, 9.0].map(joins),
            [0.0, 1.0, 1.0, 2.0, 4.0]
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [7.0, 1234.4, 1_594_323.0].map(thousands),
            ["7", "1,234", "1,594,323"]
        );
    }

    #[test]
    fn the_table_comes_from_the_pinned_counts() {
        let checkout = Checkout::find().unwrap();
        let units = Units::load(&Manifest::load(&checkout).unwrap()).unwrap();
        let (levels, transfers) = TARGET_LOAD;
        let row = units.row(levels, transfers);
        assert!(row.in_all_large <= TARGET_PER_TRANSFER && units.listed_payment <= TARGET_LIST);
        assert!(row.better < row.in_all_large && row.in_all_large < row.in_all);
    }
}
