//! One experiment at a time: the lock on the state directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::record::Store;

/// The right to inject faults into one stack. The lock is held until the experiment and everything
/// that it injected have been dropped; the kernel lets it go when the process dies.
#[derive(Clone, Debug)]
pub struct Experiment {
    store: Store,
    _lock: Arc<File>,
    stop: CancellationToken,
}

impl Experiment {
    /// Takes the lock of the state directory `dir`, creating the directory if need be.
    ///
    /// # Errors
    /// [`Error::Locked`] when another experiment is running, [`Error::Leftover`] when a fault is
    /// still on record, [`Error::Store`] when the directory cannot be written.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let store = Store::open(dir)?;
        let lock = lock(&store.dir().join("lock"))?;
        if let Some(record) = store.list()?.into_iter().next() {
            let record = record?;
            return Err(Error::Leftover {
                id: record.id,
                targets: record.target_names(),
            });
        }
        Ok(Self {
            store,
            _lock: Arc::new(lock),
            stop: CancellationToken::new(),
        })
    }

    /// The same, whose injections give up once `stop` is cancelled; what they have done by then is undone.
    #[must_use]
    pub fn until(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// Whether no more is to be injected.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The records and the audit log of this experiment.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// Locks the file at `path` and leaves our process id in it for whoever finds it locked.
fn lock(path: &Path) -> Result<File, Error> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(Error::store("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Locked {
                path: path.to_owned(),
                holder: holder(&mut file),
            });
        }
        Err(TryLockError::Error(error)) => return Err(Error::store("lock", path)(error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(Error::store("write", path))?;
    Ok(file)
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "an unknown process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_experiment_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let first = Experiment::open(dir.path()).expect("nobody holds the lock");
        let second = Experiment::open(dir.path()).expect_err("the lock is held");
        assert_eq!(
            second.to_string(),
            format!(
                "another experiment is running here (process {}); wait for its end or stop it (lock file {})",
                std::process::id(),
                first.store().dir().join("lock").display()
            )
        );
        drop(first);
        Experiment::open(dir.path()).expect("the lock is free again");
    }
}
