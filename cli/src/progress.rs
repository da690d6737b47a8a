//! What a person sees of a long step: a bar or a spinner on a terminal, plain lines anywhere else.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const REDRAW: Duration = Duration::from_millis(120);

/// Where all lines and bars of a command go: lines to the standard output, bars to the standard error.
#[derive(Clone)]
pub struct Screen {
    bars: MultiProgress,
    terminal: bool,
    /// Lines go to the standard error too.
    aside: bool,
    /// What every line begins with.
    prefix: String,
}

/// A long step that is under way.
pub struct Step {
    screen: Screen,
    bar: ProgressBar,
    title: String,
    start: Instant,
}

impl Screen {
    /// Draws bars only when the standard error is a terminal.
    pub fn new() -> Self {
        Self {
            bars: MultiProgress::new(),
            terminal: std::io::stderr().is_terminal(),
            aside: false,
            prefix: String::new(),
        }
    }

    /// One of several processes that share the terminal: no bars, and lines that say whose they are.
    pub fn of_card(card: &str) -> Self {
        Self {
            terminal: false,
            prefix: format!("{card}: "),
            ..Self::new()
        }
    }

    /// For a command whose standard output is its answer alone.
    pub fn aside() -> Self {
        Self {
            aside: true,
            ..Self::new()
        }
    }

    /// Prints a line above the bars.
    pub fn line(&self, text: impl AsRef<str>) {
        let line = format!("{}{}\n", self.prefix, text.as_ref());
        // A reader who has gone away is no reason to stop proving.
        self.bars.suspend(|| match self.aside {
            true => drop(std::io::stderr().write_all(line.as_bytes())),
            false => drop(std::io::stdout().write_all(line.as_bytes())),
        });
    }

    /// Begins a step of unknown length.
    pub fn step(&self, title: impl Into<String>) -> Step {
        self.begin(
            title.into(),
            ProgressBar::new_spinner(),
            "{spinner} {msg} {elapsed}",
        )
    }

    /// Begins a step of `length` parts.
    pub fn counted(&self, title: impl Into<String>, length: u64) -> Step {
        let bar = ProgressBar::new(length);
        self.begin(
            title.into(),
            bar,
            "{spinner} {msg} {wide_bar} {percent:>3} % {elapsed}",
        )
    }

    fn begin(&self, title: String, bar: ProgressBar, template: &str) -> Step {
        let start = Instant::now();
        match self.terminal {
            true => {
                let style = ProgressStyle::with_template(template);
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                self.bars.add(bar.clone());
                bar.set_message(title.clone());
                bar.enable_steady_tick(REDRAW);
            }
            false => {
                bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
                self.line(format!("{title} ..."));
            }
        }
        Step {
            screen: self.clone(),
            bar,
            title,
            start,
        }
    }
}

impl Step {
    /// Sets how many parts are done, of how many.
    pub fn at(&self, done: u64, length: u64) {
        self.bar.set_length(length);
        self.bar.set_position(done);
    }

    /// Says what is being waited for.
    pub fn note(&self, note: &str) {
        self.bar.set_message(format!("{} ({note})", self.title));
    }

    /// Ends the step with a line that gives its outcome and its time.
    pub fn finish(self, outcome: &str) {
        self.bar.finish_and_clear();
        let seconds = self.start.elapsed().as_secs_f64();
        self.screen
            .line(format!("{}: {outcome} ({seconds:.1} s)", self.title));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
