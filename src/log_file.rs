//! The console's own log: a file beside the screen, never on it, bounded in size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;

use crate::Failure;
use crate::failure::USAGE;

/// Size at which a file is set aside; one that was set aside before is replaced. In bytes.
const MOST_BYTES: u64 = 1 << 20;
/// The variable that says what is logged, as `tracing` filters are written.
const FILTER: &str = "VOTEOPS_LOG";

/// Logs into `path`, or into `console.log` in the user's state directory.
///
/// # Errors
/// [`Failure`] when a file that was asked for cannot be written, or `VOTEOPS_LOG` is no filter.
/// Without a place of its own the console goes without a log.
pub(crate) fn begin(path: Option<&Path>) -> Result<(), Failure> {
    let directives = std::env::var(FILTER).unwrap_or_default();
    let directives = if directives.is_empty() {
        "info".to_owned()
    } else {
        directives
    };
    let filter = EnvFilter::try_new(&directives).map_err(|error| {
        let told = format!("{FILTER}={directives}: {error}; write info, debug or warn");
        Failure::new(USAGE, told)
    })?;
    let file = match path {
        Some(path) => Rotating::open(path.into()).map_err(|error| {
            let told = format!(
                "--log-file {}: {error}; name a file that can be written",
                path.display()
            );
            Failure::new(USAGE, told)
        })?,
        None => match usual().and_then(|path| Rotating::open(path).ok()) {
            Some(file) => file,
            None => return Ok(()),
        },
    };
    // Another part of the process may log already.
    let _ = tracing::subscriber::set_global_default(subscriber(filter, file));
    Ok(())
}

fn usual() -> Option<PathBuf> {
    let dir = voteops_local::data_dir::state_dir().ok()?;
    fs::create_dir_all(&dir).ok()?;
    Some(dir.join("console.log"))
}

fn subscriber(filter: EnvFilter, file: Rotating) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(filter)
        .with_writer(Mutex::new(file))
        // A disk that is full is not to be told of on the console's screen.
        .log_internal_errors(false)
        .finish()
}

/// A file that begins anew when it is full.
#[derive(Debug)]
struct Rotating {
    path: PathBuf,
    file: File,
    written: u64,
    /// Whether it is a file that can be set aside, and no terminal, pipe or `/dev/null`.
    is_regular: bool,
}

impl Rotating {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let metadata = file.metadata()?;
        Ok(Self {
            path,
            file,
            written: metadata.len(),
            is_regular: metadata.is_file(),
        })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, old)?;
        *self = Self::open(self.path.clone())?;
        Ok(())
    }
}

impl Write for Rotating {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_full = self.written + bytes.len() as u64 > MOST_BYTES && self.written > 0;
        if is_full && self.is_regular {
            self.rotate()?;
        }
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_plain_and_filtered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        let file = Rotating::open(path.clone()).unwrap();
        tracing::subscriber::with_default(subscriber(EnvFilter::new("info"), file), || {
            tracing::warn!(backend = "prometheus", "lost\x1b[31m");
            tracing::debug!("hidden");
        });
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("WARN") && text.contains("backend=\"prometheus\""));
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn a_full_file_is_set_aside_and_the_size_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        let mut file = Rotating::open(path.clone()).unwrap();
        let line = vec![b'x'; 1 << 18];
        for _ in 0..39 {
            file.write_all(&line).unwrap();
        }
        let sizes: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|size| *size <= MOST_BYTES), "{sizes:?}");
        // What is there is gone on with, not overwritten.
        let before = fs::metadata(&path).unwrap().len();
        let mut again = Rotating::open(path.clone()).unwrap();
        again.write_all(b"y").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), before + 1);
    }

    #[test]
    fn what_is_no_file_is_written_to_and_left_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let read = path.clone();
        let reader = std::thread::spawn(move || {
            let mut pipe = File::open(read).unwrap();
            io::copy(&mut pipe, &mut io::sink()).unwrap()
        });
        let mut file = Rotating::open(path.clone()).unwrap();
        let line = vec![b'x'; 1 << 18];
        for _ in 0..9 {
            file.write_all(&line).unwrap();
        }
        drop(file);
        assert_eq!(reader.join().unwrap(), 9 << 18);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_was_asked_for_and_cannot_be_written_is_told() {
        let told = format!(
            "{:?}",
            begin(Some(Path::new("/nowhere/x.log"))).unwrap_err()
        );
        assert!(told.contains("--log-file /nowhere/x.log"), "{told}");
    }
}
