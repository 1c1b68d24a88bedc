//! One stack of a user starts at a time.

use std::fs::{File, OpenOptions};
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
    /// Waits for it. Where there is no place for a lock, or the other takes too long, it is this one's all the same: ports
    /// that are taken then are told of.
    pub(super) async fn wait() -> Self {
        let Some(file) = lock_file() else {
            return Self(None);
        };
        let deadline = Instant::now() + PATIENCE;
        while file.try_lock().is_err() {
            if Instant::now() > deadline {
                return Self(None);
            }
            sleep(LOOK_INTERVAL).await;
        }
        Self(Some(file))
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
