//! What proofs cost, by the operating system's clocks.
//!
//! A witness costs the processor time of its thread. A batch costs the processor time of the whole process while it is proven,
//! less that of the witnesses which ended meanwhile; on a device it costs the time that passes, too. Batches that run beside
//! each other share both evenly. So the sum over all tasks is what the process took, less what it did while nothing was proven.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// What something cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    pub cpu_seconds: f64,
    /// 0 on the processor.
    pub device_seconds: f64,
}

impl Cost {
    /// The part of one of `count` tasks.
    pub fn shared(self, count: usize) -> Self {
        let count = count.max(1) as f64;
        Self {
            cpu_seconds: self.cpu_seconds / count,
            device_seconds: self.device_seconds / count,
        }
    }
}

/// Measures the witnesses and batches of this process.
pub struct Meter {
    device: bool,
    start: Instant,
    account: Mutex<Account>,
}

impl Meter {
    /// `device`: batches run on something else than the processor.
    pub fn new(device: bool) -> Self {
        Self {
            device,
            start: Instant::now(),
            account: Mutex::default(),
        }
    }

    /// Does `work` and gives its processor time in seconds, the calling thread's.
    pub fn witness<T>(&self, work: impl FnOnce() -> T) -> (T, f64) {
        let before = thread_seconds();
        let done = work();
        let cpu_seconds = thread_seconds() - before;
        self.account().witnesses += cpu_seconds;
        (done, cpu_seconds)
    }

    /// A batch begins; [`Meter::end`] wants its number.
    pub fn begin(&self) -> u64 {
        let mut account = self.account();
        account.advance(process_seconds(), self.start.elapsed().as_secs_f64());
        account.begin()
    }

    /// A batch has ended.
    pub fn end(&self, batch: u64) -> Cost {
        let mut account = self.account();
        account.advance(process_seconds(), self.start.elapsed().as_secs_f64());
        let cost = account.running.remove(&batch).unwrap_or_default();
        let device_seconds = if self.device {
            cost.device_seconds
        } else {
            0.0
        };
        Cost {
            device_seconds,
            ..cost
        }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds up to now, and the batches that share what comes.
#[derive(Default)]
struct Account {
    next: u64,
    running: BTreeMap<u64, Cost>,
    cpu_seconds: f64,
    wall_seconds: f64,
    /// Of witnesses, not taken off a batch yet.
    witnesses: f64,
}

impl Account {
    fn begin(&mut self) -> u64 {
        self.next += 1;
        self.running.insert(self.next, Cost::default());
        self.next
    }

    /// Charges what passed since the last time to those that were running.
    fn advance(&mut self, cpu_seconds: f64, wall_seconds: f64) {
        let cpu = cpu_seconds - self.cpu_seconds - self.witnesses;
        // A witness may have begun before the batch did, and have cost more than what passed since.
        self.witnesses = (-cpu).max(0.0);
        let count = self.running.len() as f64;
        for cost in self.running.values_mut() {
            cost.cpu_seconds += cpu.max(0.0) / count;
            cost.device_seconds += (wall_seconds - self.wall_seconds) / count;
        }
        (self.cpu_seconds, self.wall_seconds) = (cpu_seconds, wall_seconds);
    }
}

fn process_seconds() -> f64 {
    seconds(getrusage(UsageWho::RUSAGE_SELF))
}

#[cfg(target_os = "linux")]
fn thread_seconds() -> f64 {
    seconds(getrusage(UsageWho::RUSAGE_THREAD))
}

/// Elsewhere a thread's time is not known, and witnesses count with the batches that they ran beside.
#[cfg(not(target_os = "linux"))]
fn thread_seconds() -> f64 {
    0.0
}

fn seconds(usage: nix::Result<Usage>) -> f64 {
    let seconds = |time: TimeVal| time.tv_sec() as f64 + 1e-6 * time.tv_usec() as f64;
    usage.map_or(0.0, |usage| {
        seconds(usage.user_time()) + seconds(usage.system_time())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(cpu_seconds: f64, device_seconds: f64) -> Cost {
        Cost {
            cpu_seconds,
            device_seconds,
        }
    }

    #[test]
    fn batches_share_what_they_ran_beside_and_witnesses_are_taken_off() {
        let mut account = Account::default();
        account.advance(10.0, 5.0);
        let first = account.begin();
        account.advance(14.0, 7.0);
        let second = account.begin();
        account.witnesses += 2.0;
        account.advance(24.0, 12.0);
        assert_eq!(account.running[&first], cost(4.0 + 4.0, 2.0 + 2.5));
        assert_eq!(account.running.remove(&second), Some(cost(4.0, 2.5)));
        account.advance(25.0, 13.0);
        assert_eq!(account.running[&first], cost(9.0, 5.5));
    }

    #[test]
    fn a_witness_that_began_before_a_batch_costs_it_nothing() {
        let mut account = Account::default();
        let batch = account.begin();
        account.witnesses += 3.0;
        account.advance(1.0, 1.0);
        assert_eq!(account.running[&batch].cpu_seconds, 0.0);
        account.advance(6.0, 2.0);
        assert_eq!(account.running[&batch].cpu_seconds, 3.0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_takes_processor_time_and_only_a_device_takes_its_own() {
        for device in [false, true] {
            let meter = Meter::new(device);
            let batch = meter.begin();
            // Long enough for clocks that tick every few milliseconds.
            let busy = || while thread_seconds() < 0.05 {};
            std::thread::spawn(busy).join().expect("no panic");
            let cost = meter.end(batch);
            assert!(cost.cpu_seconds >= 0.04, "{cost:?}");
            assert_eq!(cost.device_seconds > 0.0, device, "{cost:?}");
        }
        let meter = Meter::new(false);
        let before = thread_seconds();
        let (_, cpu_seconds) = meter.witness(|| while thread_seconds() < before + 0.02 {});
        assert!(cpu_seconds >= 0.02);
    }
}
