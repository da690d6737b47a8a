//! Where and when a figure was taken.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

#[derive(Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: u64,
    pub commit: String,
    pub unix_seconds: u64,
    pub date: String,
    /// Runnable processes over the last minute before the measurement: figures of a busy machine are noisy.
    pub load_average: f64,
}

impl Machine {
    pub fn here() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
            cores,
            memory_gib: kibibytes("/proc/meminfo", "MemTotal").unwrap_or(0) >> 20,
            commit: output("git", &["rev-parse", "--short=12", "HEAD"]),
            unix_seconds: now.map_or(0, |now| now.as_secs()),
            date: output("date", &["-u", "+%Y-%m-%d"]),
            load_average: load_average().unwrap_or(0.0),
        }
    }

    /// One line for a page.
    pub fn describe(&self) -> String {
        format!(
            "{}, {} cores, {} GiB, {}, commit {}, load average {:.1} at the start.",
            self.processor, self.cores, self.memory_gib, self.date, self.commit, self.load_average
        )
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}

fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// The value of the first line `name : value` of a file of the kernel's.
fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The same for a value in kibibytes.
pub fn kibibytes(path: &str, name: &str) -> Option<u64> {
    field(path, name)?.split_whitespace().next()?.parse().ok()
}
