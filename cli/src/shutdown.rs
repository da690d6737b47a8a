//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once. SIGUSR1, to a worker: its machine is about to
//! be taken away.

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

/// Waits until the standard input ends, which for a supervised child is when its supervisor wants it to, or is gone.
pub async fn end_of_input() {
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        drop(ended);
    });
    // The sender is dropped, and never used.
    let _ = end.await;
}

/// How urgently everything is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    No,
    /// What is under way is finished first.
    Drain,
    /// What is under way is given back to others first.
    GiveBack,
    Now,
}

/// Follows the signals: [`Stop::Drain`] at the first, [`Stop::Now`] at the second, [`Stop::GiveBack`] at SIGUSR1.
pub fn signals() -> watch::Receiver<Stop> {
    let (sender, stop) = watch::channel(Stop::No);
    let urgent = sender.clone();
    tokio::spawn(async move {
        received().await;
        eprintln!("stopping; once more to stop at once");
        raise(&sender, Stop::Drain);
        received().await;
        raise(&sender, Stop::Now);
        sender.closed().await;
    });
    tokio::spawn(async move {
        if let Ok(mut taken_away) = signal(SignalKind::user_defined1()) {
            taken_away.recv().await;
            eprintln!("stopping; what is under way is given back");
            raise(&urgent, Stop::GiveBack);
        }
        urgent.closed().await;
    });
    stop
}

/// Makes `stop` at least as urgent as `level`.
pub fn raise(stop: &watch::Sender<Stop>, level: Stop) {
    stop.send_if_modified(|stop| {
        let raised = *stop < level;
        *stop = level.max(*stop);
        raised
    });
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
