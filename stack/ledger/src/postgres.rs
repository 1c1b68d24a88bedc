//! The ledger in a PostgreSQL database.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{PgPool, SqlSafeStr};

use crate::Error;
use crate::copy::{COPY, encode};
use crate::ledger::Row;
use crate::postgres_url::Address;

/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections per process.
const MAX_CONNECTIONS: u32 = 4;

/// A plan made while the table is small would be kept, and read all of it, when it has grown.
const SETTINGS: [(&str, &str); 1] = [("plan_cache_mode", "force_custom_plan")];

/// A vote stands unless Redis has taken a later one of the voter.
const UPSERT: &str = "
    INSERT INTO votes (voter, vote_id, choice, cast_at_ms, position, recorded_at_ms)
    SELECT voter, vote_id, choice, cast_at_ms, position, $6
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
        AS cast_votes (voter, vote_id, choice, cast_at_ms, position)
    ON CONFLICT (voter) DO UPDATE SET
        vote_id = excluded.vote_id,
        choice = excluded.choice,
        cast_at_ms = excluded.cast_at_ms,
        position = excluded.position,
        recorded_at_ms = excluded.recorded_at_ms
    WHERE excluded.position > votes.position";

/// The voters among some who have voted before.
const KNOWN: &str = "SELECT voter FROM votes WHERE voter = ANY($1)";

/// With fewer votes the questions and answers of a transaction take longer than they save.
const WORTH_COPYING: usize = 32;

/// So many batches one after the other had no voter who has voted before, when the next is copied
/// without asking. What is copied in vain leaves dead rows, so a few are not enough.
const TRUSTED_BATCHES: u32 = 8;

#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    pool: PgPool,
    address: Address,
    /// How many batches of new voters only came one after the other.
    new_only: Arc<AtomicU32>,
}

impl Postgres {
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        let (options, address) = Address::parse(url)?;
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(options.application_name("voteops").options(SETTINGS));
        Ok(Self {
            pool,
            address,
            new_only: Arc::new(AtomicU32::new(TRUSTED_BATCHES)),
        })
    }

    /// The migrator takes an advisory lock, so several processes may do this at once.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        // What is wrong with the server, before anything can be wrong with its tables.
        let connection = self.pool.acquire().await;
        drop(connection.map_err(|error| self.address.explained(error))?);
        Ok(migrator().run(&self.pool).await?)
    }

    /// Many votes are copied, which is several times as fast as upserting them; those of voters who
    /// have voted before cannot be.
    pub(crate) async fn record(&self, rows: &[Row<'_>], now_ms: i64) -> Result<u64, Error> {
        let rows: Vec<_> = rows.iter().collect();
        if rows.len() >= WORTH_COPYING {
            if self.new_only.load(Ordering::Relaxed) >= TRUSTED_BATCHES {
                match self.copy_all(&rows, now_ms).await {
                    Err(error) if is_taken(&error) => self.new_only.store(0, Ordering::Relaxed),
                    copied => return Ok(copied?),
                }
            }
            match self.copy_new(&rows, now_ms).await {
                // Another worker was first with one of the voters.
                Err(error) if is_taken(&error) => {}
                copied => return Ok(copied?),
            }
        }
        let mut connection = self.pool.acquire().await?;
        Ok(upsert(&mut connection, &rows, now_ms).await?)
    }

    /// One statement, which is a transaction; taken whole or, when one has voted before, not at all.
    async fn copy_all(&self, rows: &[&Row<'_>], now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        copy(&mut connection, rows, now_ms).await
    }

    /// Asks who has voted before, and upserts their votes.
    async fn copy_new(&self, rows: &[&Row<'_>], now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let known: HashSet<String> = sqlx::query_scalar(KNOWN)
            .bind(rows.iter().map(|row| row.voter).collect::<Vec<_>>())
            .fetch_all(&mut *transaction)
            .await?
            .into_iter()
            .collect();
        let (again, new): (Vec<_>, Vec<_>) = rows
            .iter()
            .copied()
            .partition(|row| known.contains(row.voter));
        let mut written = 0;
        if !new.is_empty() {
            written += copy(&mut transaction, &new, now_ms).await?;
        }
        if again.is_empty() {
            self.new_only.fetch_add(1, Ordering::Relaxed);
        } else {
            self.new_only.store(0, Ordering::Relaxed);
            written += upsert(&mut transaction, &again, now_ms).await?;
        }
        transaction.commit().await?;
        Ok(written)
    }

    pub(crate) async fn tally(&self) -> Result<Vec<(String, i64)>, Error> {
        let tally =
            "SELECT choice, count(*) FROM votes GROUP BY choice ORDER BY choice COLLATE \"C\"";
        Ok(sqlx::query_as(tally).fetch_all(&self.pool).await?)
    }

    pub(crate) async fn recorded(&self, prefix: &str) -> Result<Vec<(String, String)>, Error> {
        let recorded =
            "SELECT voter, vote_id FROM votes WHERE starts_with(voter, $1) ORDER BY voter";
        Ok(sqlx::query_as(recorded)
            .bind(prefix)
            .fetch_all(&self.pool)
            .await?)
    }

    pub(crate) async fn ping(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1 FROM votes LIMIT 1")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// One statement, which is a transaction unless it is in one.
async fn copy(
    connection: &mut PgConnection,
    rows: &[&Row<'_>],
    now_ms: i64,
) -> Result<u64, sqlx::Error> {
    let mut copy = connection.copy_in_raw(COPY).await?;
    copy.send(encode(rows, now_ms)).await?;
    copy.finish().await
}

/// As [`copy`].
async fn upsert(
    connection: &mut PgConnection,
    rows: &[&Row<'_>],
    now_ms: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(UPSERT)
        .bind(rows.iter().map(|row| row.voter).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|row| row.vote_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|row| row.choice).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.cast_at_ms).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.position).collect::<Vec<_>>())
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Whether a key that was free a moment ago is no more.
fn is_taken(error: &sqlx::Error) -> bool {
    let database = error.as_database_error();
    database.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Migrations are only ever added, and leave what earlier versions of the services write in order:
/// those may still run beside this one.
fn migrator() -> Migrator {
    let all = [
        (
            1,
            "votes",
            include_str!("../migrations/postgres/0001_votes.sql"),
        ),
        (
            2,
            "position",
            include_str!("../migrations/postgres/0002_position.sql"),
        ),
    ];
    let migrations = all.map(|(version, name, sql)| {
        let sql = sql.into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.into())
}
