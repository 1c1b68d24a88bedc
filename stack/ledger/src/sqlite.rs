//! The ledger in an SQLite file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::SqlitePool;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::Error;
use crate::ledger::{Row, StandingRow};
use crate::sqlite_writer::Writer;

/// How long a statement waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections per process that read beside the one that writes.
const READERS: u32 = 3;

#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    path: PathBuf,
    readers: SqlitePool,
    writer: Writer,
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
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let path = PathBuf::from(path);
        Ok(Self {
            readers: SqlitePoolOptions::new()
                .max_connections(READERS)
                .acquire_timeout(BUSY_TIMEOUT)
                .connect_lazy_with(options),
            writer: Writer::new(&path, BUSY_TIMEOUT),
            path,
        })
    }

    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        let lock = lock_beside(&self.path).await?;
        let migrated = migrator().run(&self.readers).await;
        drop(lock);
        migrated.map_err(|error| match Error::from(error) {
            Error::Open(reason) => self.cannot_open(&reason),
            other => other,
        })
    }

    pub(crate) async fn record(&self, rows: &[Row<'_>], now_ms: i64) -> Result<u64, Error> {
        self.writer.write(rows, now_ms).await
    }

    pub(crate) async fn tally(&self) -> Result<Vec<(String, i64)>, Error> {
        let tally = "SELECT choice, count(*) FROM votes GROUP BY choice ORDER BY choice";
        Ok(sqlx::query_as(tally).fetch_all(&self.readers).await?)
    }

    pub(crate) async fn standing(&self, prefix: &str) -> Result<Vec<StandingRow>, Error> {
        // Not LIKE, which takes no account of case and gives a meaning to % and _.
        let standing = "SELECT voter, vote_id, choice FROM votes
            WHERE substr(voter, 1, length(?1)) = ?1 ORDER BY voter";
        Ok(sqlx::query_as(standing)
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

/// Migrations are only ever added, and leave what earlier versions of the services write in order: those may
/// still run beside this one, and start again. So may this one on a ledger of a later version, whose
/// migrations it does not know.
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
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.set_ignore_missing(true);
    migrator
}
