//! Other transactions that come in between.

use sqlx::{AssertSqlSafe, PgPool};
use voteops_ledger::test_support::PostgresServer;
use voteops_ledger::{Error, Ledger};

use crate::{TestResult, vote, votes};

/// Has the first row that is next to be inserted or updated fail, as it does when another transaction
/// comes in between.
async fn fail_once(pool: &PgPool, event: &str, condition: &str) -> Result<(), sqlx::Error> {
    let setup = format!(
        "CREATE SEQUENCE {event}s;
        CREATE FUNCTION {event}_fails_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('{event}s') = 1 THEN RAISE {condition}; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER {event}_fails_once BEFORE {event} ON votes
            FOR EACH ROW EXECUTE FUNCTION {event}_fails_once()"
    );
    sqlx::raw_sql(AssertSqlSafe(setup)).execute(pool).await?;
    Ok(())
}

/// Two workers have the same entry when one took it over from the other. That the first one's vote has the
/// id of the second's is then no reason to bury it.
#[tokio::test]
async fn a_vote_that_two_workers_record_at_once_is_not_refused() -> TestResult {
    let server = PostgresServer::start()?;
    let ledger = Ledger::connect(&server.url())?;
    ledger.prepare().await?;
    let pool = PgPool::connect(&server.url()).await?;
    fail_once(&pool, "insert", "unique_violation").await?;
    assert_eq!(ledger.record(&[vote("ann")?]).await?.written, 1);
    Ok(())
}

#[tokio::test]
async fn a_deadlock_is_no_failure() -> TestResult {
    let server = PostgresServer::start()?;
    let ledger = Ledger::connect(&server.url())?;
    let first = votes("v", 40)?;
    ledger.record(&first).await?;
    let pool = PgPool::connect(&server.url()).await?;
    fail_once(&pool, "update", "deadlock_detected").await?;
    // Some have voted before: first the new ones are copied.
    let second = votes("v", 80)?;
    assert_eq!(ledger.record(&second).await?.written, 80);
    let again = "ALTER SEQUENCE updates RESTART";
    sqlx::query(again).execute(&pool).await?;
    assert_eq!(ledger.record(&votes("v", 2)?).await?.written, 2);
    Ok(())
}

#[tokio::test]
async fn a_migration_that_failed_holds_up_nobody() -> TestResult {
    let server = PostgresServer::start()?;
    Ledger::connect(&server.url())?.prepare().await?;
    let pool = PgPool::connect(&server.url()).await?;
    let spoil = "UPDATE _sqlx_migrations SET checksum = checksum || '\\x00'::bytea";
    sqlx::query(spoil).execute(&pool).await?;
    let failed = Ledger::connect(&server.url())?;
    let error = failed.prepare().await;
    assert!(matches!(error, Err(Error::Open(_))), "{error:?}");
    let mend = "UPDATE _sqlx_migrations SET checksum = substr(checksum, 1, length(checksum) - 1)";
    sqlx::query(mend).execute(&pool).await?;
    Ledger::connect(&server.url())?.prepare().await?;
    drop(failed);
    Ok(())
}
