//! The guardian: a small process of its own that undoes a fault when the process that injected it
//! dies, by whatever signal, or when the fault reaches its deadline.
//!
//! A [`Launcher`] starts it *before* the record is written, so that there is no instant at which a
//! record lies there with nobody to act on it, and talks to it through two pipes. The guardian waits
//! on its standard input: [`ARMED`] means that the record is durable, and it answers `ready` on its
//! standard output; [`DISMISSAL`] means that the runner has undone the fault itself; the end of the
//! input means that the runner is dead. It blocks all the while, on one thread and without a
//! runtime, and it is in a session of its own, so that no terminal takes it down with the runner.

mod launch;

pub use launch::{Launcher, Watched};

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::audit::By;
use crate::record::{self, Kept, Record, Store};
use crate::undo::{settle, settle_again};

/// The byte that tells the guardian that the record is written and the fault may follow, before the
/// deadline in Unix milliseconds (64 bits, the lowest first).
pub const ARMED: u8 = b'a';

/// The byte that tells the guardian that the fault has been undone and it may go.
pub const DISMISSAL: u8 = b'd';

/// The line that tells the runner that it may inject the fault.
const READY: &str = "ready";

/// For how long the guardian tries to undo a fault that does not let itself be undone: an engine, or
/// a service, may be away for a while.
const PERSISTENCE: Duration = Duration::from_mins(15);

/// The pause between two attempts, doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The guardian's program: `--record PATH` with the pipes of a [`Launcher`]. Returns 0 when it was
/// dismissed or has undone the fault, 3 when it could not start or read the record, 4 when the fault could not be
/// undone.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match record_path(args).and_then(|path| guard(&path)) {
        Ok(code) => code,
        Err(reason) => {
            let _ = writeln!(io::stdout(), "{reason}");
            ExitCode::from(3)
        }
    }
}

/// Guards the fault whose record is, or is about to be, at `path`.
fn guard(path: &Path) -> Result<ExitCode, String> {
    let terminated = listen_to_signals().map_err(|error| format!("no signals: {error}"))?;
    rustix::process::setsid().map_err(|error| format!("no session of its own: {error}"))?;
    let store = Store::of_record(path)
        .ok_or_else(|| format!("{} is not in a state directory", path.display()))?;
    let deadline = armed_until();
    let kept = match Kept::read(path).map_err(|error| error.to_string())? {
        Some(kept) => kept,
        None if deadline.is_some() => {
            return Err(format!("there is no record at {}", path.display()));
        }
        None => {
            // The runner died before it had written the record: nothing was injected.
            record::sweep(path);
            return Ok(ExitCode::SUCCESS);
        }
    };
    if let Some(deadline) = deadline {
        // A runner that has died meanwhile is found by the wait.
        let _ = writeln!(io::stdout(), "{READY}");
        if let Wake::Dismissed = wait(deadline, &terminated) {
            return Ok(ExitCode::SUCCESS);
        }
    }
    // Only now, since what understands it is a good part of the memory that a waiting guardian would take. The runner has
    // understood it before.
    let record = kept.record().map_err(|error| error.to_string())?;
    Ok(undo(&store, &record))
}

fn record_path(args: impl IntoIterator<Item = OsString>) -> Result<PathBuf, String> {
    let mut args = args.into_iter();
    match (args.next(), args.next(), args.next()) {
        (Some(flag), Some(path), None) if flag == "--record" => Ok(path.into()),
        _ => Err("the guardian takes `--record PATH` and is started by voteops itself".to_owned()),
    }
}

/// What the guardian was woken for.
enum Wake {
    /// The runner has undone the fault.
    Dismissed,
    /// The runner is dead, the deadline has passed, or somebody ends the guardian.
    Undo,
}

/// Blocks until there is something to do: at the deadline at the latest. `terminated` is readable once SIGTERM
/// has come.
fn wait(deadline: SystemTime, terminated: &UnixStream) -> Wake {
    let stdin = io::stdin();
    let left = deadline.duration_since(SystemTime::now());
    let deadline = Instant::now() + left.unwrap_or_default();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(timeout) = Timespec::try_from(left).ok().filter(|_| !left.is_zero()) else {
            return Wake::Undo;
        };
        let mut fds = [
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::new(terminated, PollFlags::IN),
        ];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) if !fds[1].revents().is_empty() => return Wake::Undo,
            Ok(_) if next_bytes() == Some([DISMISSAL]) => return Wake::Dismissed,
            Ok(_) | Err(_) => return Wake::Undo,
        }
    }
}

/// Undoes the fault; again and again if it does not let itself be undone at first.
fn undo(store: &Store, record: &Record) -> ExitCode {
    let give_up_at = Instant::now() + PERSISTENCE;
    let mut pause = FIRST_PAUSE;
    let mut report = settle(store, record, By::Guardian);
    while !report.is_complete() {
        if Instant::now() >= give_up_at {
            return ExitCode::from(4);
        }
        sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
        report = settle_again(store, record, By::Guardian, &report);
    }
    ExitCode::SUCCESS
}

/// What tells the guardian that the record is written, and until when its fault may last.
fn armed(deadline: Timestamp) -> [u8; 9] {
    let mut told = [ARMED; 9];
    told[1..].copy_from_slice(&deadline.as_millisecond().to_le_bytes());
    told
}

/// The deadline that the runner tells; none when it died before it had told.
fn armed_until() -> Option<SystemTime> {
    let [ARMED] = next_bytes()? else {
        return None;
    };
    let deadline_ms = i64::from_le_bytes(next_bytes()?);
    let since = Duration::from_millis(u64::try_from(deadline_ms).unwrap_or(0));
    Some(SystemTime::UNIX_EPOCH + since)
}

/// The runner's next bytes; none when the runner is dead.
fn next_bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut known = 0;
    while known < N {
        // Not through the buffer of the standard library, which would hide from `poll` what it has read.
        match rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), &mut bytes[known..])) {
            Ok(0) | Err(_) => return None,
            Ok(count) => known += count,
        }
    }
    Some(bytes)
}

/// Keeps SIGINT and SIGHUP from ending this process, and turns SIGTERM into something to read.
fn listen_to_signals() -> io::Result<UnixStream> {
    for signal in [SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let (reader, writer) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGTERM, writer)?;
    Ok(reader)
}
