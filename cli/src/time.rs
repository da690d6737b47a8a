//! The wall clock, and times in words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Unix time.
pub fn now_milliseconds() -> u64 {
    since_1970().as_millis() as u64
}

/// A number that another run is unlikely to have; it protects nothing.
pub fn fresh_seed() -> u64 {
    since_1970().as_nanos() as u64
}

const UNITS: [(&str, f64); 6] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
    ("", 1.0),
];
/// Longest time that anybody can ask for, in seconds: a thousand years.
const MAX_SECONDS: f64 = 3.2e10;

/// Reads a time such as `90`, `90s`, `1.5h` or `7d`; without a unit it is in seconds.
///
/// # Errors
/// It has another form.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digit = |c: char| c.is_ascii_digit() || c == '.';
    let (number, unit) = text.split_at(text.find(|c| !digit(c)).unwrap_or(text.len()));
    let scale = UNITS.iter().find(|(name, _)| *name == unit.trim_start());
    let seconds = number.parse::<f64>().ok().zip(scale);
    let seconds = seconds.map(|(number, (_, scale))| number * scale);
    seconds
        .filter(|seconds| *seconds <= MAX_SECONDS)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("{text:?} is not a time such as 500ms, 90s, 30min, 12h or 7d"))
}

/// A time as people say it, in its two largest units.
pub fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days} d {} h", hours % 24),
        () if hours > 0 => format!("{hours} h {} min", minutes % 60),
        () if minutes > 0 => format!("{minutes} min {} s", seconds % 60),
        () if seconds > 0 || time.is_zero() => format!("{seconds} s"),
        () => format!("{} ms", time.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let times = [
            ("90", 90_000),
            ("0.5", 500),
            ("500ms", 500),
            ("10 s", 10_000),
            ("30min", 1_800_000),
            ("1.5h", 5_400_000),
            ("7d", 604_800_000),
        ];
        for (text, milliseconds) in times {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in ["", "s", "-1", "1w", "1.2.3", "inf", "99999999999d", "1e3"] {
            assert!(duration(text).is_err_and(|e| e.contains("7d")), "{text}");
        }
    }

    #[test]
    fn times_are_told_in_two_units() {
        let times = [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (7_260, "2 h 1 min"),
            (90_000, "1 d 1 h"),
        ];
        for (seconds, expected) in times {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(words(Duration::from_millis(250)), "250 ms");
    }
}
