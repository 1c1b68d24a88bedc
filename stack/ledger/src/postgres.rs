//! The ledger in a PostgreSQL database.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, SqlSafeStr};

use crate::Error;
use crate::ledger::Row;

/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections per process.
const MAX_CONNECTIONS: u32 = 4;

/// A vote stands unless the voter has cast a later one.
const UPSERT: &str = "
    INSERT INTO votes (voter, vote_id, choice, cast_at_ms, recorded_at_ms)
    SELECT voter, vote_id, choice, cast_at_ms, $5
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
        AS cast_votes (voter, vote_id, choice, cast_at_ms)
    ON CONFLICT (voter) DO UPDATE SET
        vote_id = excluded.vote_id,
        choice = excluded.choice,
        cast_at_ms = excluded.cast_at_ms,
        recorded_at_ms = excluded.recorded_at_ms
    WHERE excluded.vote_id > votes.vote_id";

#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    pool: PgPool,
}

impl Postgres {
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url
            .parse()
            .map_err(|error: sqlx::Error| Error::Url(error.to_string()))?;
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(options.application_name("voteops"));
        Ok(Self { pool })
    }

    /// The migrator takes an advisory lock, so several processes may do this at once.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        Ok(migrator().run(&self.pool).await?)
    }

    pub(crate) async fn record(&self, rows: &[Row<'_>], now_ms: i64) -> Result<u64, Error> {
        // One statement is one transaction.
        let done = sqlx::query(UPSERT)
            .bind(rows.iter().map(|row| row.voter).collect::<Vec<_>>())
            .bind(
                rows.iter()
                    .map(|row| row.vote_id.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(rows.iter().map(|row| row.choice).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.cast_at_ms).collect::<Vec<_>>())
            .bind(now_ms)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
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

fn migrator() -> Migrator {
    let sql = include_str!("../migrations/postgres/0001_votes.sql").into_sql_str();
    Migrator::with_migrations(vec![Migration::new(
        1,
        "votes".into(),
        MigrationType::Simple,
        sql,
        false,
    )])
}
