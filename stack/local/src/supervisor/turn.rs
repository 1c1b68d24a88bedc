//! One stack of a user starts at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::data_dir::state_dir;

/// How often it is looked whether another has started.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Longer than a start takes that does not fail.
const PATIENCE: Duration = Duration::from_mins(2);

/// The turn to start, until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Turn(Option<File>);

impl Turn {
    /// Waits for it, and tells so. Where there is no place for a lock, or the other takes too long, it is this one's all the same: ports
    /// that are taken then are told of.
    pub(super) async fn wait(waiting: impl FnOnce()) -> Self {
        let Some(file) = lock_file() else {
            return Self(None);
        };
        let deadline = Instant::now() + PATIENCE;
        let mut waiting = Some(waiting);
        loop {
            match file.try_lock() {
                Ok(()) => return Self(Some(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {}
                // Or this file system has no locks.
                Err(_) => return Self(None),
            }
            if let Some(tell) = waiting.take() {
                tell();
            }
            sleep(LOOK_INTERVAL).await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // The components that were started have not inherited it, so closing it would do; this says so.
        if let Some(file) = &self.0 {
            let _ = file.unlock();
        }
    }
}

fn lock_file() -> Option<File> {
    let dir = state_dir().ok()?;
    std::fs::create_dir_all(&dir).ok()?;
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true);
    options.open(dir.join("starting.lock")).ok()
}
