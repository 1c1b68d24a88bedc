//! Holds: files that keep a component that died from being started again.
//!
//! Whoever wants that writes to a file with the component's name in the stack's `holds` directory,
//! and again before it is older than [`LEASE`]; a hold that nobody renews is none any more.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

/// How long a hold lasts from the time at which its file was written to.
const LEASE: Duration = Duration::from_secs(15);
/// How often it is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The hold on one component.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    file: PathBuf,
}

impl Hold {
    /// On the component of this name, by a file in `dir`.
    pub(super) fn new(dir: &Path, component: &str) -> Self {
        Self {
            file: dir.join(component),
        }
    }

    /// Waits for as long as there is a hold; says so once, when there is one. Whether there was one.
    pub(super) async fn let_go(&self, tell: impl FnOnce(String)) -> bool {
        let mut tell = Some(tell);
        while self.is_fresh() {
            if let Some(tell) = tell.take() {
                tell(format!("held down by {}", self.file.display()));
            }
            sleep(LOOK_INTERVAL).await;
        }
        tell.is_none()
    }

    fn is_fresh(&self) -> bool {
        let written_at = std::fs::metadata(&self.file).and_then(|file| file.modified());
        written_at.is_ok_and(|at| is_fresh(at, SystemTime::now()))
    }
}

/// Whether a hold of this time still counts. One from the future, as after a clock was set back,
/// counts for no longer than any.
fn is_fresh(written_at: SystemTime, now: SystemTime) -> bool {
    let apart = now.duration_since(written_at);
    apart.unwrap_or_else(|error| error.duration()) < LEASE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_lasts_for_its_lease_and_no_longer() {
        let now = SystemTime::now();
        assert!(is_fresh(now, now));
        assert!(is_fresh(now - LEASE / 2, now));
        assert!(!is_fresh(now - LEASE, now));
        assert!(is_fresh(now + LEASE / 2, now));
        assert!(!is_fresh(now + 2 * LEASE, now));
    }

    #[tokio::test]
    async fn what_is_held_waits_until_the_file_is_gone_or_old() {
        let dir = tempfile::tempdir().unwrap();
        let hold = Hold::new(dir.path(), "worker-1");
        assert!(!hold.let_go(|told| panic!("{told}")).await);
        let file = dir.path().join("worker-1");
        for end in [
            (|file: &Path| std::fs::remove_file(file).unwrap()) as fn(&Path),
            |file| {
                let file = std::fs::File::options().append(true).open(file).unwrap();
                file.set_modified(SystemTime::now() - LEASE).unwrap();
            },
        ] {
            std::fs::write(&file, "").unwrap();
            let (told, mut heard) = tokio::sync::oneshot::channel();
            let waiting = hold.let_go(|words| told.send(words).unwrap());
            tokio::pin!(waiting);
            tokio::select! {
                _ = &mut waiting => panic!("it does not wait"),
                words = &mut heard => assert!(words.unwrap().starts_with("held down by ")),
            }
            end(&file);
            assert!(waiting.await);
        }
    }
}
