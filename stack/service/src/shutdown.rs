//! SIGTERM and SIGINT as a cancellation token, and one that follows later.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::Error;

/// A token that the first SIGTERM or SIGINT cancels. Must be called inside a Tokio runtime.
///
/// # Errors
/// [`Error::Signals`] when the system does not let the process listen.
pub fn on_signal() -> Result<CancellationToken, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "shutting down");
        cancelled.cancel();
    });
    Ok(token)
}

/// A token that is cancelled `delay` after `signal` is. Must be called inside a Tokio runtime.
#[must_use]
pub fn after(signal: &CancellationToken, delay: Duration) -> CancellationToken {
    if delay.is_zero() {
        return signal.clone();
    }
    let (signal, token) = (signal.clone(), CancellationToken::new());
    let cancelled = token.clone();
    tokio::spawn(async move {
        signal.cancelled().await;
        tokio::time::sleep(delay).await;
        cancelled.cancel();
    });
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_follows_the_signal_after_its_delay() {
        let signal = CancellationToken::new();
        let [at_once, soon, late] =
            [0, 10, 3_600_000].map(|ms| after(&signal, Duration::from_millis(ms)));
        assert!(!at_once.is_cancelled() && !soon.is_cancelled());
        signal.cancel();
        assert!(at_once.is_cancelled());
        soon.cancelled().await;
        assert!(!late.is_cancelled());
    }
}
