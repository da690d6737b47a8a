//! Peak memory of another process, by asking the kernel while the process runs.

use std::process::{Child, ExitStatus};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::machine::kibibytes;

const INTERVAL: Duration = Duration::from_millis(10);

/// Waits for a process and returns the highest resident set size that was seen, in bytes.
pub fn wait(child: &mut Child) -> Result<(ExitStatus, u64)> {
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        peak = peak.max(kibibytes(&status_file, "VmHWM").unwrap_or(0) << 10);
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak));
        }
        sleep(INTERVAL);
    }
}
