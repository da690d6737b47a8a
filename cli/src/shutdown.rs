//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

use std::io::Read;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Turns `stop` true at the first signal.
pub fn on_signal(stop: watch::Sender<bool>) {
    tokio::spawn(async move {
        received().await;
        eprintln!("stopping; once more to stop at once");
        let _ = stop.send(true);
        received().await;
        std::process::exit(130);
    });
}

/// Turns `stop` true when the standard input ends, which for a supervised child is when its supervisor wants it to, or
/// is gone.
pub fn on_end_of_input(stop: watch::Sender<bool>) {
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        let _ = stop.send(true);
    });
}

/// How urgently everything is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    No,
    /// What is under way is finished first.
    Drain,
    Now,
}

/// Follows the signals: [`Stop::Drain`] at the first, [`Stop::Now`] at the second.
pub fn signals() -> watch::Receiver<Stop> {
    let (sender, stop) = watch::channel(Stop::No);
    tokio::spawn(async move {
        received().await;
        eprintln!("stopping; once more to stop at once");
        let _ = sender.send(Stop::Drain);
        received().await;
        let _ = sender.send(Stop::Now);
        sender.closed().await;
    });
    stop
}

/// Waits until `stop` is at `level` or beyond.
pub async fn reached(stop: &mut watch::Receiver<Stop>, level: Stop) {
    if stop.wait_for(|stop| *stop >= level).await.is_err() {
        // Nobody is left who could ask for it.
        std::future::pending().await
    }
}

async fn received() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
