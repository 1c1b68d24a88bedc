//! How long the campaign waits for answers. Far longer than they take: on a machine whose cores are taken
//! every part waits for the others, and that is no mistake of theirs.

use std::fmt::Display;
use std::io::{Error, Result};
use std::time::{Duration, Instant};

/// How long everything may take to run, and to have done its work, once a crash is over.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// How often to look whether it has.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Asks something of which asking changes nothing, until it is answered.
///
/// # Errors
/// When there is still no answer after [`PATIENCE`].
pub(crate) async fn patiently<T, E: Display>(
    mut ask: impl AsyncFnMut() -> std::result::Result<T, E>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() > deadline => return Err(Error::other(error.to_string())),
            Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_is_repeated_until_it_is_answered() {
        let mut asked = 0;
        let answer = patiently(async || {
            asked += 1;
            if asked < 3 { Err("away") } else { Ok(asked) }
        });
        assert_eq!(answer.await.unwrap(), 3);
    }
}
