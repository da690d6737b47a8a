//! A stand-in prover as bad as real ones: it takes a time that nobody knows before, and now and then it lies, gives up, hangs or
//! dies. For chaos and load.

use std::str::FromStr;
use std::time::Duration;

use super::{StandInExecute, prove};
use crate::Digest;
use crate::wire::{Proved, Task};
use crate::worker::{Execute, ExecuteError, Fetch};

/// How bad it is. Written as `seed=7,median=20ms,spread=0.5,wrong=0.01,fail=0.02,hang=0.002,crash=0.01`; whatever is left out
/// is [`Temper::default`]'s, which is good and quick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temper {
    pub seed: u64,
    /// Half of the proofs take longer.
    pub median: Duration,
    /// Standard deviation of the logarithm of their times.
    pub spread: f64,
    /// Probabilities: a proof of something else,
    pub wrong: f64,
    /// a failure of this worker,
    pub fail: f64,
    /// a claim that the inputs are broken,
    pub inputs: f64,
    /// that the memory does not do,
    pub memory: f64,
    /// no end at all,
    pub hang: f64,
    /// the end of the process.
    pub crash: f64,
}

impl Default for Temper {
    fn default() -> Self {
        Self {
            seed: 0,
            median: Duration::ZERO,
            spread: 0.0,
            wrong: 0.0,
            fail: 0.0,
            inputs: 0.0,
            memory: 0.0,
            hang: 0.0,
            crash: 0.0,
        }
    }
}

impl FromStr for Temper {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut temper = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let wrong = || format!("{part:?} is no part of a stand-in's temper");
            let (key, value) = part.split_once('=').ok_or_else(wrong)?;
            temper.set(key, value).ok_or_else(wrong)?;
        }
        Ok(temper)
    }
}

impl Temper {
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "seed" => self.seed = value.parse().ok()?,
            "median" => self.median = milliseconds(value)?,
            "spread" => {
                self.spread = value
                    .parse()
                    .ok()
                    .filter(|s: &f64| (0.0..9.0).contains(s))?
            }
            _ => {
                *self.probability(key)? = value.parse().ok().filter(|p| (0.0..=1.0).contains(p))?
            }
        }
        Some(())
    }

    fn probability(&mut self, name: &str) -> Option<&mut f64> {
        Some(match name {
            "wrong" => &mut self.wrong,
            "fail" => &mut self.fail,
            "inputs" => &mut self.inputs,
            "memory" => &mut self.memory,
            "hang" => &mut self.hang,
            "crash" => &mut self.crash,
            _ => return None,
        })
    }

    /// What becomes of a task in a process that drew `salt`: the same for the same numbers.
    pub fn fate(&self, task: &Task, salt: u64) -> Fate {
        let numbers = [self.seed, u64::from(task.attempt), salt].map(u64::to_le_bytes);
        let [seed, attempt, salt] = &numbers;
        let items: [&[u8]; 4] = [seed, attempt, salt, task.id.as_bytes()];
        let drawn = Digest::of_list("trifold/standin-fate/v1", items);
        let [event, radius, angle] = [0, 8, 16].map(|from| uniform(&drawn.as_bytes()[from..]));
        // Box and Muller: a normal deviate of two uniform ones; 1 - radius is never 0.
        let normal = (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        Fate {
            time: self.median.mul_f64((self.spread * normal).exp()),
            end: self.end(event),
        }
    }

    fn end(&self, mut event: f64) -> End {
        let ends = [
            (self.wrong, End::Wrong),
            (self.fail, End::Fail),
            (self.inputs, End::Inputs),
            (self.memory, End::Memory),
            (self.hang, End::Hang),
            (self.crash, End::Crash),
        ];
        for (probability, end) in ends {
            if event < probability {
                return end;
            }
            event -= probability;
        }
        End::Proof
    }
}

/// A time such as `20ms`, `3s` or `0`.
fn milliseconds(text: &str) -> Option<Duration> {
    let number = |digits: &str| digits.parse().ok();
    match text.strip_suffix("ms") {
        Some(digits) => number(digits).map(Duration::from_millis),
        None => number(text.strip_suffix('s').unwrap_or(text)).map(Duration::from_secs),
    }
}

/// A number from 0 up to 1.
fn uniform(bytes: &[u8]) -> f64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[..8]);
    (u64::from_le_bytes(eight) >> 11) as f64 / (1_u64 << 53) as f64
}

/// How long a task takes and how it ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fate {
    pub time: Duration,
    pub end: End,
}

/// How a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Proof,
    Wrong,
    Fail,
    Inputs,
    Memory,
    Hang,
    Crash,
}

/// The prover. A process that is started again has another number, so that it does not die of the same task for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faulty {
    pub temper: Temper,
}

impl Execute for Faulty {
    type Prepared = Task;

    fn lanes(&self) -> Vec<String> {
        StandInExecute::default().lanes()
    }

    fn prepare(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Task, ExecuteError> {
        StandInExecute::default().prepare(task, fetch)
    }

    fn prove(&self, tasks: &[Task]) -> Vec<Result<Proved, ExecuteError>> {
        tasks.iter().map(|task| self.prove_one(task)).collect()
    }
}

impl Faulty {
    fn prove_one(&self, task: &Task) -> Result<Proved, ExecuteError> {
        let fate = self.temper.fate(task, std::process::id().into());
        std::thread::sleep(fate.time);
        match fate.end {
            End::Proof => Ok(good(task, fate.time)),
            End::Wrong => Ok(wrong(task, fate.time)),
            End::Fail => Err(ExecuteError::Worker("it was drawn to fail".into())),
            End::Inputs => Err(ExecuteError::Inputs("it was drawn to blame them".into())),
            End::Memory => Err(ExecuteError::Memory("it was drawn to want more".into())),
            End::Hang => loop {
                std::thread::park();
            },
            End::Crash => std::process::abort(),
        }
    }
}

/// What a good stand-in returns for a task.
pub fn good(task: &Task, time: Duration) -> Proved {
    StandInExecute {
        pause: time,
        ..StandInExecute::default()
    }
    .proved(task)
}

/// A proof of another statement.
pub fn wrong(task: &Task, time: Duration) -> Proved {
    let other = task.statement + ark_bn254::Fr::from(1);
    Proved {
        proof: prove(&task.key, &other),
        ..good(task, time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standin::{StandInVerify, network, program};
    use crate::verify::Verify;
    use crate::wire::Work;

    fn task(number: u32) -> Task {
        let work = Work::Program {
            shard: number,
            snapshot: Digest::of(&number.to_le_bytes()),
            proofs: Vec::new(),
        };
        let keys = network(1).expect("a network").keys;
        let [statement, genesis] = [number, 0].map(ark_bn254::Fr::from);
        Task::new(program(), statement, keys, genesis, work)
    }

    #[test]
    fn a_temper_is_written_in_parts() {
        let temper: Temper = "seed=7,median=20ms,spread=0.5,wrong=0.01,crash=1"
            .parse()
            .expect("good");
        let expected = Temper {
            seed: 7,
            median: Duration::from_millis(20),
            spread: 0.5,
            wrong: 0.01,
            crash: 1.0,
            ..Temper::default()
        };
        assert_eq!(temper, expected);
        assert_eq!("".parse(), Ok(Temper::default()));
        for bad in [
            "seed",
            "seed=x",
            "wrong=2",
            "spread=-1",
            "median=1m",
            "mood=1",
        ] {
            assert!(bad.parse::<Temper>().is_err(), "{bad}");
        }
    }

    #[test]
    fn fates_are_drawn_as_often_as_said_and_again_the_same() {
        let temper: Temper = "median=100ms,spread=1,wrong=0.2,hang=0.1"
            .parse()
            .expect("good");
        let fates: Vec<_> = (0..4000)
            .map(|number| temper.fate(&task(number), 1))
            .collect();
        let part = |wanted: &dyn Fn(&Fate) -> bool| {
            fates.iter().filter(|fate| wanted(fate)).count() as f64 / 4000.0
        };
        for (found, expected) in [
            (part(&|fate| fate.end == End::Wrong), 0.2),
            (part(&|fate| fate.end == End::Hang), 0.1),
            (part(&|fate| fate.end == End::Crash), 0.0),
            (part(&|fate| fate.time > temper.median), 0.5),
            // One standard deviation above the median, at e times it.
            (
                part(&|fate| fate.time > temper.median.mul_f64(1.0_f64.exp())),
                0.159,
            ),
        ] {
            assert!((found - expected).abs() < 0.03, "{found} for {expected}");
        }
        assert_eq!(fates[7], temper.fate(&task(7), 1));
        assert!(
            (0..20).any(|number| fates[number].end != temper.fate(&task(number as u32), 2).end)
        );
    }

    #[test]
    fn a_wrong_proof_is_wrong() {
        let task = task(1);
        let verify = |proved: Proved| StandInVerify.verify(task.key, task.statement, &proved.proof);
        assert!(verify(good(&task, Duration::ZERO)).is_ok());
        assert!(verify(wrong(&task, Duration::ZERO)).is_err());
    }
}
