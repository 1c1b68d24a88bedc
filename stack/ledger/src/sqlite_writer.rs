//! All that a process writes to an SQLite ledger: by one connection, on a thread of its own.
//!
//! SQLite has one write at a time, and others look again and again; what a connection has in its page cache
//! is worth nothing once another has written. A whole batch is handed over at once, since handing over
//! takes longer than a vote does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::ledger::Row;

/// A vote stands unless Redis has taken a later one of the voter.
const UPSERT: &str = "
    INSERT INTO votes (voter, vote_id, choice, cast_at_ms, position, recorded_at_ms)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (voter) DO UPDATE SET
        vote_id = excluded.vote_id,
        choice = excluded.choice,
        cast_at_ms = excluded.cast_at_ms,
        position = excluded.position,
        recorded_at_ms = excluded.recorded_at_ms
    WHERE excluded.position > votes.position";

/// Pages in the write-ahead log before they are written to the file itself: 32 MiB. By then batches have
/// changed most of them more than once, and the last of each is all that is written.
const CHECKPOINT_PAGES: u32 = 8 * 1024;

/// The thread that writes, once there is something to write. It ends with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    path: PathBuf,
    busy_timeout: Duration,
    thread: Arc<OnceLock<mpsc::UnboundedSender<Request>>>,
}

/// What the thread is asked for.
#[derive(Debug)]
enum Request {
    Write {
        rows: Vec<OwnedRow>,
        now_ms: i64,
        written: oneshot::Sender<Result<u64, Error>>,
    },
    Close(oneshot::Sender<()>),
}

/// A [`Row`] that outlives its votes: a call may be given up while it is written.
#[derive(Debug)]
struct OwnedRow {
    voter: String,
    vote_id: String,
    choice: String,
    cast_at_ms: i64,
    position: i64,
}

impl Writer {
    pub(crate) fn new(path: &Path, busy_timeout: Duration) -> Self {
        Self {
            path: path.to_owned(),
            busy_timeout,
            thread: Arc::default(),
        }
    }

    /// Writes rows in one transaction, and tells how many changed something. A call that is given up before
    /// its turn came is not begun.
    pub(crate) async fn write(&self, rows: &[Row<'_>], now_ms: i64) -> Result<u64, Error> {
        let (written, told) = oneshot::channel();
        let rows = rows.iter().map(OwnedRow::of).collect();
        self.send(Request::Write {
            rows,
            now_ms,
            written,
        })?;
        told.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Closes the connection. The last one to a file folds the write-ahead log into it.
    pub(crate) async fn close(&self) {
        let (closed, told) = oneshot::channel();
        if self.thread.get().is_some() && self.send(Request::Close(closed)).is_ok() {
            // Without the thread there is no connection either.
            let _ = told.await;
        }
    }

    fn send(&self, request: Request) -> Result<(), Error> {
        let requests = self.thread.get_or_init(|| {
            let (requests, asked) = mpsc::unbounded_channel();
            let (path, busy_timeout) = (self.path.clone(), self.busy_timeout);
            let run = move || run(&path, busy_timeout, asked);
            // Where no thread can be had, the channel is closed, which is told.
            let _ = thread::Builder::new().name("ledger".to_owned()).spawn(run);
            requests
        });
        requests.send(request).map_err(|_| ended())
    }
}

fn ended() -> Error {
    Error::Away("the thread that writes to it has ended".to_owned())
}

impl OwnedRow {
    fn of(row: &Row<'_>) -> Self {
        Self {
            voter: row.voter.to_owned(),
            vote_id: row.vote_id.clone(),
            choice: row.choice.to_owned(),
            cast_at_ms: row.cast_at_ms,
            position: row.position,
        }
    }
}

fn run(path: &Path, busy_timeout: Duration, mut asked: mpsc::UnboundedReceiver<Request>) {
    let mut connection = None;
    while let Some(request) = asked.blocking_recv() {
        match request {
            Request::Write { written, .. } if written.is_closed() => {}
            Request::Write {
                rows,
                now_ms,
                written,
            } => {
                let outcome = opened(&mut connection, path, busy_timeout)
                    .and_then(|connection| upsert(connection, &rows, now_ms));
                if outcome.is_err() {
                    // Whatever state the error left it in.
                    connection = None;
                }
                // Who has given up will ask again.
                let _ = written.send(outcome.map_err(Error::from));
            }
            Request::Close(closed) => {
                connection = None;
                let _ = closed.send(());
            }
        }
    }
}

fn opened<'a>(
    connection: &'a mut Option<Connection>,
    path: &Path,
    busy_timeout: Duration,
) -> rusqlite::Result<&'a mut Connection> {
    match connection {
        Some(connection) => Ok(connection),
        none => {
            // Not made here: that needs more care.
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let opened = Connection::open_with_flags(path, flags)?;
            opened.busy_timeout(busy_timeout)?;
            // A vote is acknowledged once committed, so a commit must survive a power cut.
            opened.pragma_update(None, "synchronous", "FULL")?;
            opened.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            Ok(none.insert(opened))
        }
    }
}

/// One transaction. Not a deferred one: one that reads first and is then overtaken by another writer fails at
/// once, however long the busy timeout.
fn upsert(connection: &mut Connection, rows: &[OwnedRow], now_ms: i64) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut written = 0;
    {
        let mut upsert = transaction.prepare_cached(UPSERT)?;
        for row in rows {
            let (cast_at_ms, position) = (row.cast_at_ms, row.position);
            written += upsert.execute(params![
                row.voter,
                row.vote_id,
                row.choice,
                cast_at_ms,
                position,
                now_ms
            ])?;
        }
    }
    transaction.commit()?;
    Ok(u64::try_from(written).unwrap_or(u64::MAX))
}
