//! What an operator should know before a farm relies on this machine and its queue: findings, each with what to do.

pub mod machine;
pub mod network;
pub mod queue;

use std::fmt;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use trifold_coordinator::plan;
use trifold_coordinator::queue::Queue;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    Ok,
    /// The farm works, and may lose something or someone's time.
    Warn,
    /// A farm should not start like this.
    Refuse,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub grade: Grade,
    pub found: String,
    /// What to do; nothing if all is well.
    pub advice: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Ok,
            found: found.into(),
            advice: None,
        }
    }

    pub fn new(
        check: &'static str,
        grade: Grade,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check,
            grade,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }

    pub fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, Grade::Warn, found, advice)
    }

    pub fn refuse(
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(check, Grade::Refuse, found, advice)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Ok => "ok",
            Grade::Warn => "warn",
            Grade::Refuse => "refuse",
        };
        write!(f, "{grade:<6} {}: {}", self.check, self.found)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// Whether a process starts although something is unsafe.
#[derive(Args, Clone)]
pub struct Safety {
    /// Start although `trifold doctor` refuses something, with a warning for each
    #[arg(long, env = "TRIFOLD_UNSAFE_SETTINGS")]
    unsafe_settings: bool,
}

impl Safety {
    /// Looks at what a coordinator rests on.
    ///
    /// # Errors
    /// Something is refused, and nobody lets it through.
    pub async fn before_coordinator(
        &self,
        queue: &dyn Queue,
        network: &plan::Network,
    ) -> anyhow::Result<()> {
        let mut findings = machine::look();
        findings.extend(queue::look(queue).await);
        findings.push(network::look(network, queue).await);
        self.judge(&findings)
    }

    /// Looks at what a worker rests on; its cards are looked at when its prover is made.
    ///
    /// # Errors
    /// As those of [`Safety::before_coordinator`].
    pub fn before_worker(&self) -> anyhow::Result<()> {
        self.judge(&machine::look())
    }

    /// What is all right goes without saying.
    fn judge(&self, findings: &[Finding]) -> anyhow::Result<()> {
        for finding in findings.iter().filter(|finding| finding.grade > Grade::Ok) {
            eprintln!("doctor: {finding}");
        }
        let mut refused = findings
            .iter()
            .filter(|finding| finding.grade == Grade::Refuse);
        match refused.next() {
            Some(first) if !self.unsafe_settings => bail!(
                "unsafe: {} and {} more; see trifold doctor, or start with --unsafe-settings",
                first.check,
                refused.count()
            ),
            _ => Ok(()),
        }
    }
}

/// A fraction as a grade: of something that must not become full.
fn filled(
    check: &'static str,
    used: u64,
    limit: u64,
    unit: &str,
    advice: impl Into<String>,
) -> Finding {
    /// Percent of a limit from which on there is little left, and from which on it is as good as full.
    const LITTLE: u64 = 80;
    const FULL: u64 = 95;
    let percent = (u128::from(used) * 100 / u128::from(limit.max(1))) as u64;
    let found = format!("{percent} % of {limit} {unit} used");
    match percent {
        FULL.. => Finding::refuse(check, found, advice),
        LITTLE.. => Finding::warn(check, found, advice),
        _ => Finding::ok(check, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_stop_a_start_unless_they_are_let_through() {
        let ok = Finding::ok("a", "fine");
        let warn = Finding::warn("b", "not so good", "look after it");
        let refuse = Finding::refuse("c", "bad", "repair it");
        let judge =
            |unsafe_settings, findings: &[Finding]| Safety { unsafe_settings }.judge(findings);
        assert!(judge(false, &[ok.clone(), warn.clone()]).is_ok());
        let all = [ok, warn, refuse.clone()];
        let said = judge(false, &all).unwrap_err().to_string();
        assert!(said.contains("c and 0 more"), "{said}");
        assert!(judge(true, &all).is_ok());
        assert_eq!(refuse.to_string(), "refuse c: bad; repair it");
    }

    #[test]
    fn what_fills_up_is_told_in_time() {
        let grade = |used| filled("x", used, 100, "bytes", "make room").grade;
        assert_eq!(
            [79, 80, 94, 95, 200].map(grade),
            [
                Grade::Ok,
                Grade::Warn,
                Grade::Warn,
                Grade::Refuse,
                Grade::Refuse
            ]
        );
        assert_eq!(filled("x", 0, 0, "", "").grade, Grade::Ok);
    }
}
