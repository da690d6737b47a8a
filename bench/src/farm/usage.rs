//! What a process or some of its threads took, by the kernel's account.

use std::fs;
use std::path::Path;

use crate::machine::kibibytes;

/// The kernel counts in hundredths of a second, whatever the machine.
const TICKS_PER_SECOND: f64 = 100.0;
/// Places of the user and the system time behind a process's name.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

/// Processor seconds of the threads of a process whose name begins with `name`, those that have ended not included.
pub fn threads_cpu_seconds(process: u32, name: &str) -> f64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return 0.0;
    };
    let threads = threads.flatten().map(|thread| thread.path());
    let named =
        |path: &Path| fs::read_to_string(path.join("comm")).is_ok_and(|n| n.starts_with(name));
    threads
        .filter(|path| named(path))
        .map(|path| cpu_seconds(&path))
        .sum()
}

/// Processor seconds of a process.
pub fn process_cpu_seconds(process: u32) -> f64 {
    cpu_seconds(Path::new(&format!("/proc/{process}")))
}

fn cpu_seconds(folder: &Path) -> f64 {
    let text = fs::read_to_string(folder.join("stat")).unwrap_or_default();
    // The name is in parentheses and may hold anything.
    let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = [USER_TIME, SYSTEM_TIME]
        .map(|place| fields.get(place).and_then(|ticks| ticks.parse().ok()));
    ticks.iter().flatten().sum::<f64>() / TICKS_PER_SECOND
}

/// The most memory that a process had, in bytes.
pub fn peak_bytes(process: u32) -> u64 {
    kibibytes(&format!("/proc/{process}/status"), "VmHWM").unwrap_or(0) << 10
}
