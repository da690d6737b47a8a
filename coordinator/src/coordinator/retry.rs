//! Trying again while the queue or the store does not answer.

use std::pin::Pin;
use std::time::Duration;

use crate::artifacts::ArtifactError;
use crate::queue::QueueError;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A question as the seams' methods return it.
type Asked<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Pauses that double.
pub(super) struct Pauses(Duration);

impl Pauses {
    pub fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    pub async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}

/// Whether trying again may help.
pub(super) fn is_passing(error: &QueueError) -> bool {
    matches!(
        error,
        QueueError::Unknown(_) | QueueError::Backend(_) | QueueError::Full(_)
    )
}

/// Asks until the queue answers.
///
/// # Errors
/// Those that asking again does not change.
pub(super) async fn insist<'a, T>(
    what: &str,
    mut ask: impl FnMut() -> Asked<'a, Result<T, QueueError>>,
) -> Result<T, QueueError> {
    let mut pauses = Pauses::new();
    loop {
        match ask().await {
            Err(error) if is_passing(&error) => tracing::warn!(what, %error, "asking again"),
            answer => return answer,
        }
        pauses.pause().await;
    }
}

/// Asks until the store answers.
///
/// # Errors
/// Those that asking again does not change.
pub(super) async fn insist_on_store<'a, T>(
    what: &str,
    mut ask: impl FnMut() -> Asked<'a, Result<T, ArtifactError>>,
) -> Result<T, ArtifactError> {
    let mut pauses = Pauses::new();
    loop {
        match ask().await {
            Err(error @ ArtifactError::Store(_)) => tracing::warn!(what, %error, "asking again"),
            answer => return answer,
        }
        pauses.pause().await;
    }
}
