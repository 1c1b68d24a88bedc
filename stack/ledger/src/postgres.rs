//! The ledger in a PostgreSQL database.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{Connection, PgPool, SqlSafeStr};

use crate::Error;
use crate::checkout::Checkout;
use crate::copy::{COPY, encode};
use crate::ledger::{CALL_TIMEOUT, Row, StandingRow};
use crate::postgres_url::Address;

/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How much longer than its caller the server may count.
const SERVER_MARGIN: Duration = Duration::from_secs(1);

/// Connections per process.
const MAX_CONNECTIONS: u32 = 4;

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

/// The encodings of databases that hold any text; the second takes it as it comes.
const ENCODINGS: [&str; 2] = ["UTF8", "SQL_ASCII"];

/// With fewer votes the questions and answers of a transaction take longer than they save.
const WORTH_COPYING: usize = 32;

/// So many batches one after the other had no voter who has voted before, when the next is copied
/// without asking. What is copied in vain leaves dead rows, so a few are not enough.
const TRUSTED_BATCHES: u32 = 8;

/// The code of an error (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const DEADLOCK_DETECTED: &str = "40P01";

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
            .connect_lazy_with(options.application_name("voteops").options(settings()));
        Ok(Self {
            pool,
            address,
            new_only: Arc::new(AtomicU32::new(TRUSTED_BATCHES)),
        })
    }

    /// The migrator takes an advisory lock, so several processes may do this at once. It belongs to the
    /// connection, which is therefore closed unless the migrator gave it back.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        // What is wrong with the server, before anything can be wrong with its tables.
        let connection = Checkout::of(&self.pool).await;
        let mut connection = connection.map_err(|error| self.address.explained(error))?;
        let encoding = sqlx::query_scalar("SHOW server_encoding");
        let encoding: String = encoding.fetch_one(&mut *connection).await?;
        if !ENCODINGS.contains(&&*encoding) {
            return Err(Error::Open(format!(
                "the database is encoded in {encoding}, in which not every voter's name can be written; \
                 one made with ENCODING 'UTF8' TEMPLATE template0 will do"
            )));
        }
        // Not `run`, of whose future the compiler does not see that it can be sent.
        let migrator = migrator();
        migrator.run_direct(None, &mut *connection, false).await?;
        Ok(connection.done(Ok(()))?)
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
                Err(error) if is_crossed(&error) => {}
                copied => return Ok(copied?),
            }
        }
        match self.upsert_all(&rows, now_ms).await {
            Err(error) if is_crossed(&error) => Ok(self.upsert_all(&rows, now_ms).await?),
            written => Ok(written?),
        }
    }

    /// One statement, which is a transaction; taken whole or, when one has voted before, not at all.
    async fn copy_all(&self, rows: &[&Row<'_>], now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut connection = Checkout::of(&self.pool).await?;
        let copied = copy(&mut connection, rows, now_ms).await;
        connection.done(copied)
    }

    /// One statement, which is a transaction. It waits for others that touch the same rows: all take them
    /// in the same order.
    async fn upsert_all(&self, rows: &[&Row<'_>], now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut connection = Checkout::of(&self.pool).await?;
        let written = upsert(&mut connection, rows, now_ms).await;
        connection.done(written)
    }

    /// Copies the votes of those who have not voted before, and upserts the others.
    async fn copy_new(&self, rows: &[&Row<'_>], now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut connection = Checkout::of(&self.pool).await?;
        let written = copy_or_upsert(&mut connection, rows, now_ms).await;
        let Written { copied, upserted } = connection.done(written)?;
        match upserted {
            None => self.new_only.fetch_add(1, Ordering::Relaxed),
            Some(_) => self.new_only.swap(0, Ordering::Relaxed),
        };
        Ok(copied + upserted.unwrap_or_default())
    }

    pub(crate) async fn tally(&self, limit: Duration) -> Result<Vec<(String, i64)>, Error> {
        let mut connection = Checkout::of(&self.pool).await?;
        let tally = tally(&mut connection, limit).await;
        Ok(connection.done(tally)?)
    }

    pub(crate) async fn standing(&self, prefix: &str) -> Result<Vec<StandingRow>, Error> {
        let standing =
            "SELECT voter, vote_id, choice FROM votes WHERE starts_with(voter, $1) ORDER BY voter";
        let mut connection = Checkout::of(&self.pool).await?;
        let standing = sqlx::query_as(standing).bind(prefix);
        let standing = standing.fetch_all(&mut *connection).await;
        Ok(connection.done(standing)?)
    }

    pub(crate) async fn ping(&self) -> Result<(), Error> {
        let mut connection = Checkout::of(&self.pool).await?;
        let ping = sqlx::query("SELECT 1 FROM votes LIMIT 1");
        let ping = ping.execute(&mut *connection).await;
        connection.done(ping)?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Counts, for as long as `limit` in place of a call's: a large table takes a while to be read. Who asks gives up
/// first, and the server a little later.
async fn tally(
    connection: &mut PgConnection,
    limit: Duration,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT set_config('statement_timeout', $1, true)")
        .bind(format!("{}ms", (limit + SERVER_MARGIN).as_millis()))
        .execute(&mut *transaction)
        .await?;
    let tally = "SELECT choice, count(*) FROM votes GROUP BY choice ORDER BY choice COLLATE \"C\"";
    let tally = sqlx::query_as(tally).fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(tally)
}

/// A plan made while the table is small would be kept, and read all of it, when it has grown. What a call
/// began that was given up, the server ends too, lest it pile up there or hold locks.
fn settings() -> [(&'static str, String); 3] {
    let call_timeout = format!("{}s", CALL_TIMEOUT.as_secs());
    [
        ("plan_cache_mode", "force_custom_plan".to_owned()),
        ("statement_timeout", call_timeout.clone()),
        ("idle_in_transaction_session_timeout", call_timeout),
    ]
}

/// How many rows one transaction wrote.
struct Written {
    copied: u64,
    /// None when nobody had voted before.
    upserted: Option<u64>,
}

/// One transaction that asks who has voted before, and upserts their votes after it copied the others.
async fn copy_or_upsert(
    connection: &mut PgConnection,
    rows: &[&Row<'_>],
    now_ms: i64,
) -> Result<Written, sqlx::Error> {
    let mut transaction = connection.begin().await?;
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
    let (mut copied, mut upserted) = (0, None);
    if !new.is_empty() {
        copied = copy(&mut transaction, &new, now_ms).await?;
    }
    if !again.is_empty() {
        upserted = Some(upsert(&mut transaction, &again, now_ms).await?);
    }
    transaction.commit().await?;
    Ok(Written { copied, upserted })
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

/// Whether a key is there already.
fn is_taken(error: &sqlx::Error) -> bool {
    let database = error.as_database_error();
    database.is_some_and(DatabaseError::is_unique_violation)
}

/// Whether another transaction came in between, so that the same may go well at once: it was first with a
/// voter or with the very same vote, or each waited for a row of the other (what is copied comes before what
/// is upserted, so that rows are not touched in one order).
fn is_crossed(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    is_taken(error) || code.is_some_and(|code| code == DEADLOCK_DETECTED)
}

/// Migrations are only ever added, and leave what earlier versions of the services write in order: those may
/// still run beside this one, and start again. So may this one on a ledger of a later version, whose
/// migrations it does not know.
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
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.set_ignore_missing(true);
    migrator
}
