//! The ledger in an SQLite file.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};

use crate::Error;
use crate::ledger::{CALL_TIMEOUT, Row};

/// How long a statement waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections per process that read beside the one that writes.
const READERS: u32 = 3;

/// Pages in the write-ahead log before they are written to the file itself: 32 MiB. By then batches have
/// changed most of them more than once, and the last of each is all that is written.
const CHECKPOINT_PAGES: u32 = 8 * 1024;

/// How many votes one statement takes, the most first: handing a statement to SQLite's thread takes
/// longer than a vote does.
const CHUNKS: [usize; 3] = [128, 16, 1];

/// The statements that take so many votes.
static UPSERTS: LazyLock<[String; 3]> = LazyLock::new(|| CHUNKS.map(upsert));

#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    path: PathBuf,
    readers: SqlitePool,
    /// Of one connection. SQLite has one write at a time and the others look again and again; and what a
    /// connection has in its page cache is worth nothing once another has written.
    writer: SqlitePool,
}

impl Sqlite {
    pub(crate) fn new(path: &str) -> Result<Self, Error> {
        if path.is_empty() {
            return Err(Error::Url(
                "the path of the SQLite file is missing".to_owned(),
            ));
        }
        if path.starts_with(":memory:") || path.contains('?') {
            return Err(Error::Url(format!(
                "{path:?} is not a plain path; the ledger is a file, for several processes share it"
            )));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A vote is acknowledged once committed, so a commit must survive a power cut.
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
            // A statement of many rows keeps the pages that it changes, lest it fail in the midst of them:
            // more than 64 KiB of them would go into a file of their own.
            .pragma("temp_store", "MEMORY")
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections, wait| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(wait)
                .connect_lazy_with(options.clone())
        };
        Ok(Self {
            path: PathBuf::from(path),
            readers: pool(READERS, BUSY_TIMEOUT),
            // As long as any call: who waits for another's write waits for his turn.
            writer: pool(1, CALL_TIMEOUT),
        })
    }

    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        let lock = lock_beside(&self.path).await?;
        let migrated = migrator().run(&self.writer).await;
        drop(lock);
        migrated.map_err(|error| match Error::from(error) {
            Error::Open(reason) => self.cannot_open(&reason),
            other => other,
        })
    }

    pub(crate) async fn record(&self, rows: &[Row<'_>], now_ms: i64) -> Result<u64, Error> {
        let mut connection = self.writer.acquire().await?;
        let written = write(&mut connection, rows, now_ms).await;
        if written.is_err() {
            // SQLite undoes a transaction that a full disk ends, of which the connection knows nothing: it
            // would go on in one that is not there, and fail for as long as it is kept.
            connection.close_on_drop();
        }
        Ok(written?)
    }

    pub(crate) async fn tally(&self) -> Result<Vec<(String, i64)>, Error> {
        let tally = "SELECT choice, count(*) FROM votes GROUP BY choice ORDER BY choice";
        Ok(sqlx::query_as(tally).fetch_all(&self.readers).await?)
    }

    pub(crate) async fn recorded(&self, prefix: &str) -> Result<Vec<(String, String)>, Error> {
        // Not LIKE, which takes no account of case and gives a meaning to % and _.
        let recorded = "SELECT voter, vote_id FROM votes
            WHERE substr(voter, 1, length(?1)) = ?1 ORDER BY voter";
        Ok(sqlx::query_as(recorded)
            .bind(prefix)
            .fetch_all(&self.readers)
            .await?)
    }

    pub(crate) async fn ping(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1 FROM votes LIMIT 1")
            .execute(&self.readers)
            .await?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    fn cannot_open(&self, reason: &str) -> Error {
        Error::Open(format!("{}: {reason}", self.path.display()))
    }
}

/// One transaction. Not a deferred one: one that reads first and is then overtaken by another writer fails at
/// once, however long the busy timeout.
async fn write(
    connection: &mut SqliteConnection,
    rows: &[Row<'_>],
    now_ms: i64,
) -> Result<u64, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut written = 0;
    let mut left = rows;
    for (size, upsert) in CHUNKS.into_iter().zip(UPSERTS.iter()) {
        while let Some((chunk, after)) = left.split_at_checked(size) {
            // Made of nothing from outside.
            let mut query = sqlx::query(AssertSqlSafe(upsert.as_str()));
            for row in chunk {
                query = query.bind(row.voter).bind(row.vote_id.as_str());
                query = query.bind(row.choice).bind(row.cast_at_ms);
                query = query.bind(row.position).bind(now_ms);
            }
            written += query.execute(&mut *transaction).await?.rows_affected();
            left = after;
        }
    }
    transaction.commit().await?;
    Ok(written)
}

/// Takes the file `PATH.lock` for this process alone, until dropped. SQLite's own locks do not
/// cover several processes that turn an empty file into a ledger at once.
async fn lock_beside(path: &Path) -> Result<std::fs::File, Error> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let shown = path.display().to_string();
    let locked = tokio::task::spawn_blocking(move || {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock_path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    });
    match locked.await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(error)) => Err(Error::Open(format!("{shown}: {error}"))),
        Err(error) => Err(Error::Away(format!("{shown}: {error}"))),
    }
}

/// Of so many votes. A vote stands unless Redis has taken a later one of the voter.
fn upsert(count: usize) -> String {
    // Parameters without numbers: those that have one are looked up by going through all of them.
    let values = vec!["(?, ?, ?, ?, ?, ?)"; count];
    format!(
        "INSERT INTO votes (voter, vote_id, choice, cast_at_ms, position, recorded_at_ms)
        VALUES {}
        ON CONFLICT (voter) DO UPDATE SET
            vote_id = excluded.vote_id,
            choice = excluded.choice,
            cast_at_ms = excluded.cast_at_ms,
            position = excluded.position,
            recorded_at_ms = excluded.recorded_at_ms
        WHERE excluded.position > votes.position",
        values.join(", ")
    )
}

/// Migrations are only ever added, and leave what earlier versions of the services write in order:
/// those may still run beside this one.
fn migrator() -> Migrator {
    let all = [
        (
            1,
            "votes",
            include_str!("../migrations/sqlite/0001_votes.sql"),
        ),
        (
            2,
            "position",
            include_str!("../migrations/sqlite/0002_position.sql"),
        ),
    ];
    let migrations = all.map(|(version, name, sql)| {
        let sql = sql.into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.into())
}
