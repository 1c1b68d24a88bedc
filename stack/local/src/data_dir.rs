//! The directory that a stack writes to, and its lock.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};

use crate::{Doing, Error, StackFile};

/// The directory that is used when none is named: `voteops` in the user's data directory.
///
/// # Errors
/// [`Error::DataDir`] when there is no home directory.
pub fn default_dir() -> Result<PathBuf, Error> {
    Ok(base()?.data_dir().join("voteops"))
}

/// Where state of the user is kept that no stack owns: `voteops` in the user's state directory.
///
/// # Errors
/// [`Error::DataDir`] when there is no home directory.
pub fn state_dir() -> Result<PathBuf, Error> {
    let base = base()?;
    let state = base.state_dir().unwrap_or_else(|| base.data_dir());
    Ok(state.join("voteops"))
}

/// Where the user's configuration is kept: `voteops` in the user's configuration directory.
///
/// # Errors
/// [`Error::DataDir`] when there is no home directory.
pub fn config_dir() -> Result<PathBuf, Error> {
    Ok(base()?.config_dir().join("voteops"))
}

/// Where running stacks are registered, so that the other commands find them.
pub(crate) fn registry_dir() -> Result<PathBuf, Error> {
    Ok(state_dir()?.join("stacks"))
}

fn base() -> Result<impl BaseStrategy, Error> {
    choose_base_strategy().map_err(|error| Error::DataDir {
        dir: "(default)".into(),
        reason: error.to_string(),
    })
}

/// A data directory that is being used; dropping it gives up the lock.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory and what belongs in it, and locks it.
    ///
    /// # Errors
    /// [`Error::DataDir`] when it cannot be written to, [`Error::AlreadyRunning`] when a stack
    /// holds the lock.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let refused = |error: &std::io::Error| Error::DataDir {
            dir: root.display().to_string(),
            reason: error.to_string(),
        };
        // Votes and logs are in there; a directory that is there is as its owner has made it.
        let mut private = DirBuilder::new();
        let made = private.recursive(true).mode(0o700).create(root);
        made.map_err(|error| refused(&error))?;
        let root = root.canonicalize().map_err(|error| refused(&error))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(root.join("lock"))
            .map_err(|error| refused(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let supervisor = StackFile::read(&root).map_or_else(
                    || "it is starting".into(),
                    |s| format!("supervisor pid {}", s.supervisor.pid),
                );
                return Err(Error::AlreadyRunning {
                    dir: root.display().to_string(),
                    supervisor,
                });
            }
            Err(TryLockError::Error(error)) => return Err(refused(&error)),
        }
        for sub in ["logs", "config/rules", "redis", "alertmanager"] {
            std::fs::create_dir_all(root.join(sub)).map_err(|error| refused(&error))?;
        }
        Ok(Self { root, _lock: lock })
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where files keep components from being started again.
    pub(crate) fn holds(&self) -> PathBuf {
        self.root.join("holds")
    }

    /// The log file of a component.
    pub(crate) fn log(&self, component: &str) -> PathBuf {
        self.root.join("logs").join(format!("{component}.log"))
    }

    /// Writes a configuration file and gives its path.
    pub(crate) fn write_config(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.root.join("config").join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).doing(|| format!("making {}", parent.display()))?;
        }
        std::fs::write(&path, text).doing(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Writes a file that only its owner can read, in place of an earlier one, and gives its path.
    pub(crate) fn write_secret(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        // A file that is there would keep the permissions that it has.
        self.remove(name)?;
        let path = self.root.join(name);
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file = options
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(text.as_bytes())
        };
        write().doing(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// What is in a file that only its owner can read, which is made with what `new` gives unless an earlier run has.
    pub(crate) fn kept_secret(
        &self,
        name: &str,
        new: impl FnOnce() -> String,
    ) -> Result<String, Error> {
        let path = self.root.join(name);
        match std::fs::read_to_string(&path) {
            Ok(kept) if !kept.is_empty() => Ok(kept),
            _ => {
                let made = new();
                self.write_secret(name, &made)?;
                Ok(made)
            }
        }
    }

    /// Removes a file that an earlier run may have left.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.root.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).doing(|| format!("removing {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Renames a log that has become large to its name with `.1`, in place of the one before, so that what starts now begins
/// another.
pub(crate) fn set_aside(log: &Path) {
    const LARGE_BYTES: u64 = 64 << 20;
    let is_large = std::fs::metadata(log).is_ok_and(|it| it.len() > LARGE_BYTES);
    if is_large {
        let mut old = log.as_os_str().to_owned();
        old.push(".1");
        // One that stays goes on to grow, as it did.
        let _ = std::fs::rename(log, old);
    }
}

/// The last `count` lines of a log file, as far as its last 16 KiB hold them.
pub(crate) fn log_tail(path: &Path, count: usize) -> Vec<String> {
    const READ_BYTES: u64 = 16 << 10;
    let read = || -> std::io::Result<Vec<u8>> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(READ_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_used_by_one_stack_at_a_time() {
        let temp = tempfile::tempdir().unwrap();
        let first = DataDir::open(temp.path()).unwrap();
        assert!(matches!(
            DataDir::open(temp.path()),
            Err(Error::AlreadyRunning { .. })
        ));
        drop(first);
        DataDir::open(temp.path()).unwrap();
    }

    #[test]
    fn a_directory_that_is_made_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let fresh = temp.path().join("fresh");
        DataDir::open(&fresh).unwrap();
        assert_eq!(mode(&fresh), 0o700);
        let there = temp.path().join("there");
        std::fs::create_dir(&there).unwrap();
        let before = mode(&there);
        DataDir::open(&there).unwrap();
        assert_eq!(mode(&there), before);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = DataDir::open(&file.join("below")).unwrap_err().to_string();
        assert!(
            error.contains("file/below") && error.contains("--data-dir"),
            "{error}"
        );
    }

    #[test]
    fn a_secret_is_for_its_owner_only_whatever_was_there_before() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::open(temp.path()).unwrap();
        std::fs::write(dir.root().join("admin.token"), "an older and longer one").unwrap();
        let path = dir.write_secret("admin.token", "secret").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "secret");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let kept = |new: &str| dir.kept_secret("password", || new.to_owned()).unwrap();
        assert_eq!(kept("first"), "first");
        assert_eq!(kept("second"), "first");
    }

    #[test]
    fn a_log_that_has_become_large_is_set_aside() {
        let temp = tempfile::tempdir().unwrap();
        let log = temp.path().join("x.log");
        set_aside(&log);
        std::fs::write(&log, "a").unwrap();
        set_aside(&log);
        assert!(log.exists());
        File::options()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(65 << 20)
            .unwrap();
        set_aside(&log);
        assert!(!log.exists() && temp.path().join("x.log.1").exists());
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        let temp = tempfile::tempdir().unwrap();
        let log = temp.path().join("x.log");
        std::fs::write(&log, "a\nb\n\nc\n").unwrap();
        assert_eq!(log_tail(&log, 2), ["b", "c"]);
        assert!(log_tail(&temp.path().join("none"), 2).is_empty());
    }
}
