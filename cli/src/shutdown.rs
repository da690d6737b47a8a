//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

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

async fn received() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
