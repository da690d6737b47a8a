//! Sums and transforms: first whether they are right on what breaks others, then how long they take at each size.

use std::time::Instant;

use anyhow::{Result, ensure};
use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use serde::Serialize;

use super::clock::Clock;
use super::contender::{Boxed, Contender, Operation};
use super::terms::{self, Terms};

/// The reason of a result that is not the known one.
pub const WRONG: &str = "WRONG RESULT";

const MAX_RUNS: usize = 10;
/// Time for the repetitions of one operation, after the run that warms up.
const RUNS_SECONDS: f64 = 1.5;
/// A processor's operation is expected to take 5 times as long at 4 times the size; one above this is left out.
const PROCESSOR_SECONDS: f64 = 10.0;
const GROWTH: f64 = 5.0;

/// An adversarial input and what a contender made of it.
#[derive(Serialize)]
pub struct Check {
    pub contender: String,
    pub operation: &'static str,
    pub case: String,
    pub agrees: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One operation at one size by one contender.
#[derive(Serialize)]
pub struct Timing {
    pub operation: &'static str,
    pub log_size: u32,
    pub contender: String,
    /// Least and middle of the runs; nothing where it was not measured.
    pub best_seconds: Option<f64>,
    pub median_seconds: Option<f64>,
    pub runs: usize,
    /// Why it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A kind of operation, with what it needs of the inputs.
trait Kind {
    const NAME: &'static str;
    type Inputs;
    type Output: PartialEq;

    fn inputs(log: u32) -> Self::Inputs;

    fn expected(inputs: &Self::Inputs, count: usize) -> Self::Output;

    fn prepare<'a>(
        contender: &'a dyn Contender,
        inputs: &Self::Inputs,
        count: usize,
    ) -> Result<Boxed<'a, Self::Output>>;
}

struct SumsG1;
struct SumsG2;
struct Transforms;

impl Kind for SumsG1 {
    const NAME: &'static str = "MSM G1";
    type Inputs = Terms<G1Affine>;
    type Output = <G1Affine as AffineRepr>::Group;

    fn inputs(log: u32) -> Self::Inputs {
        Terms::dense(1 << log)
    }

    fn expected(inputs: &Self::Inputs, count: usize) -> Self::Output {
        inputs.sum(count)
    }

    fn prepare<'a>(
        contender: &'a dyn Contender,
        inputs: &Self::Inputs,
        count: usize,
    ) -> Result<Boxed<'a, Self::Output>> {
        contender.sum_g1(&inputs.points[..count], &inputs.scalars[..count])
    }
}

impl Kind for SumsG2 {
    const NAME: &'static str = "MSM G2";
    type Inputs = Terms<G2Affine>;
    type Output = <G2Affine as AffineRepr>::Group;

    fn inputs(log: u32) -> Self::Inputs {
        Terms::dense(1 << log)
    }

    fn expected(inputs: &Self::Inputs, count: usize) -> Self::Output {
        inputs.sum(count)
    }

    fn prepare<'a>(
        contender: &'a dyn Contender,
        inputs: &Self::Inputs,
        count: usize,
    ) -> Result<Boxed<'a, Self::Output>> {
        contender.sum_g2(&inputs.points[..count], &inputs.scalars[..count])
    }
}

impl Kind for Transforms {
    const NAME: &'static str = "NTT";
    type Inputs = Vec<Fr>;
    type Output = Vec<Fr>;

    fn inputs(log: u32) -> Vec<Fr> {
        terms::scalars(1 << log)
    }

    fn expected(inputs: &Vec<Fr>, count: usize) -> Vec<Fr> {
        let domain = Radix2EvaluationDomain::<Fr>::new(count);
        domain.map_or_else(Vec::new, |domain| domain.fft(&inputs[..count]))
    }

    fn prepare<'a>(
        contender: &'a dyn Contender,
        inputs: &Vec<Fr>,
        count: usize,
    ) -> Result<Boxed<'a, Vec<Fr>>> {
        contender.transform(&inputs[..count])
    }
}

/// Logarithms of the sizes to measure.
pub struct Sizes {
    pub g1: Vec<u32>,
    pub g2: Vec<u32>,
    pub ntt: Vec<u32>,
}

/// Measures everything; what the clock does not allow is left out with the reason.
pub fn timings(contenders: &[Box<dyn Contender>], sizes: &Sizes, clock: &Clock) -> Vec<Timing> {
    let mut timings = kind::<Transforms>(contenders, &sizes.ntt, clock, 0.1);
    timings.extend(kind::<SumsG1>(contenders, &sizes.g1, clock, 0.35));
    timings.extend(kind::<SumsG2>(contenders, &sizes.g2, clock, 0.5));
    timings
}

fn kind<K: Kind>(
    contenders: &[Box<dyn Contender>],
    logs: &[u32],
    clock: &Clock,
    share: f64,
) -> Vec<Timing> {
    let mut timings: Vec<Timing> = Vec::new();
    let Some(&largest) = logs.iter().max() else {
        return timings;
    };
    let inputs = K::inputs(largest);
    for &log in logs {
        let expected = K::expected(&inputs, 1 << log);
        for contender in contenders {
            let measured = match affordable(contender.as_ref(), log, &timings, clock, share) {
                Ok(()) => measure::<K>(contender.as_ref(), &inputs, log, &expected),
                Err(error) => Err(error),
            };
            let timing = Timing::new::<K>(contender.name(), log, measured);
            eprintln!("{}", timing.line());
            timings.push(timing);
        }
    }
    timings
}

/// Whether there is time, judged by the smaller sizes.
fn affordable(
    contender: &dyn Contender,
    log: u32,
    before: &[Timing],
    clock: &Clock,
    share: f64,
) -> Result<()> {
    ensure!(clock.left(share).is_some(), "the time was up");
    let mut own = before
        .iter()
        .rev()
        .filter(|timing| timing.contender == contender.name());
    let Some(last) = own.next() else {
        return Ok(());
    };
    let steps = f64::from(log.saturating_sub(last.log_size)) / 2.0;
    let expected = last.best_seconds.unwrap_or(f64::MAX) * GROWTH.powf(steps);
    let is_processor = contender.is_processor();
    ensure!(
        !is_processor || expected < PROCESSOR_SECONDS,
        "it would take long"
    );
    Ok(())
}

/// The times of some runs, after one whose result is compared.
fn measure<K: Kind>(
    contender: &dyn Contender,
    inputs: &K::Inputs,
    log: u32,
    expected: &K::Output,
) -> Result<Vec<f64>> {
    let mut operation = K::prepare(contender, inputs, 1 << log)?;
    operation.run()?;
    ensure!(operation.result()? == *expected, "{WRONG}");
    let (start, mut seconds) = (Instant::now(), Vec::new());
    while seconds.len() < MAX_RUNS
        && (seconds.is_empty() || start.elapsed().as_secs_f64() < RUNS_SECONDS)
    {
        let start = Instant::now();
        operation.run()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds)
}

impl Timing {
    fn new<K: Kind>(contender: &str, log_size: u32, measured: Result<Vec<f64>>) -> Self {
        let (seconds, reason) = match measured {
            Ok(seconds) => (seconds, None),
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        Self {
            operation: K::NAME,
            log_size,
            contender: contender.to_owned(),
            best_seconds: seconds.first().copied(),
            median_seconds: seconds.get(seconds.len() / 2).copied(),
            runs: seconds.len(),
            reason,
        }
    }

    fn line(&self) -> String {
        let (operation, log, contender) = (self.operation, self.log_size, &self.contender);
        let measured = self
            .best_seconds
            .map(|seconds| format!("{:.3} ms", 1e3 * seconds));
        let reason = || {
            format!(
                "not measured: {}",
                self.reason.as_deref().unwrap_or("unknown")
            )
        };
        format!(
            "{operation} 2^{log} {contender}: {}",
            measured.unwrap_or_else(reason)
        )
    }
}

/// Compares every contender with known sums and with arkworks' transform, on inputs that break others.
pub fn checks(contenders: &[Box<dyn Contender>], log: u32) -> Vec<Check> {
    let mut checks = Vec::new();
    let count = 1 << log;
    let g1 = terms::adversarial::<G1Affine>(count);
    let g2 = terms::adversarial::<G2Affine>(count / 4);
    for contender in contenders {
        for (case, terms) in &g1 {
            let found = check::<SumsG1>(contender.as_ref(), terms, terms.points.len());
            checks.push(Check::new::<SumsG1>(
                contender.name(),
                (*case).to_owned(),
                found,
            ));
        }
        for (case, terms) in &g2 {
            let found = check::<SumsG2>(contender.as_ref(), terms, terms.points.len());
            checks.push(Check::new::<SumsG2>(
                contender.name(),
                (*case).to_owned(),
                found,
            ));
        }
        for log in 1..=log {
            let found = check::<Transforms>(contender.as_ref(), &Transforms::inputs(log), 1 << log);
            checks.push(Check::new::<Transforms>(
                contender.name(),
                format!("size 2^{log}"),
                found,
            ));
        }
    }
    checks
}

fn check<K: Kind>(contender: &dyn Contender, inputs: &K::Inputs, count: usize) -> Result<bool> {
    let mut operation: Boxed<K::Output> = K::prepare(contender, inputs, count)?;
    Operation::run(operation.as_mut())?;
    Ok(operation.result()? == K::expected(inputs, count))
}

impl Check {
    fn new<K: Kind>(contender: &str, case: String, found: Result<bool>) -> Self {
        let agrees = matches!(found, Ok(true));
        let error = found.err().map(|error| format!("{error:#}"));
        let check = Self {
            contender: contender.to_owned(),
            operation: K::NAME,
            case,
            agrees,
            error,
        };
        if !agrees {
            let why = check.error.as_deref().unwrap_or("another result");
            eprintln!("{contender}: {}, {}: {why}", K::NAME, check.case);
        }
        check
    }
}
