//! Calls that were given up since the server did not answer, and what comes after them on the same
//! connections.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::Url;
use voteops_ledger::test_support::PostgresServer;
use voteops_ledger::{Error, Ledger};

use crate::proxy::{Moment, Proxy};
use crate::{TestResult, vote, votes};

/// When a call is given up: later than a server answers that can.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// The end of a request that the server is to answer at once, and all of a sign of life that it is asked
/// for (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
const SYNC: &[u8] = b"S\0\0\0\x04";

/// Enough new voters for their votes to be copied.
const BATCH: usize = 40;

/// The requests after which a batch is given up, and whether the ledger asks who has voted before.
const MOMENTS: [(&str, Moment, bool); 6] = [
    ("begin", |_, now| now.ends_with(b"BEGIN\0"), true),
    ("copy", is_copy, true),
    ("copied", is_copied, true),
    ("commit", |_, now| now.ends_with(b"COMMIT\0"), true),
    ("copy all", is_copy, false),
    ("copied all", is_copied, false),
];

fn is_copy(_: &[u8], now: &[u8]) -> bool {
    now.ends_with(b"(FORMAT binary)\0")
}

/// Not the end of a row's field of four bytes, of which there is none.
fn is_copied(_: &[u8], now: &[u8]) -> bool {
    now.ends_with(b"c\0\0\0\x04")
}

/// The pool's question whether the connection that it was given back is alive.
fn is_given_back(before: &[u8], now: &[u8]) -> bool {
    now == SYNC && before.len() > SYNC.len() && before.ends_with(SYNC)
}

/// A ledger with a proxy before its server.
async fn behind_proxy(
    server: &PostgresServer,
) -> Result<(Ledger, Proxy), Box<dyn std::error::Error + Send + Sync>> {
    let mut url = Url::parse(&server.url())?;
    let port = url.port().ok_or("the server has no port")?;
    let proxy = Proxy::of(format!("127.0.0.1:{port}")).await?;
    let port = proxy.address().rsplit_once(':').ok_or("no port")?.1;
    url.set_port(Some(port.parse()?)).map_err(|()| "no port")?;
    let ledger = Ledger::connect(url.as_str())?.with_call_timeout(CALL_TIMEOUT);
    Ok((ledger, proxy))
}

/// Gives a batch up and records votes after it. Returns the ledger, and whose votes it said to have
/// recorded.
async fn records_after_one_given_up(
    (ledger, proxy): (Ledger, Proxy),
    (name, moment, asks): (&str, Moment, bool),
) -> Result<(Ledger, Vec<String>), Box<dyn std::error::Error + Send + Sync>> {
    let mut done = votes(&format!("{name}-before-"), BATCH)?;
    ledger.record(&done).await?;
    if asks {
        ledger.record(&done).await?;
    }
    // From here on every connection has its statements prepared, or prepares them again.
    for small in votes(&format!("{name}-few-"), 10)? {
        assert_eq!(
            ledger.record(std::slice::from_ref(&small)).await?.written,
            1
        );
        done.push(small);
    }
    proxy.hold_from(moment);
    let batch = votes(&format!("{name}-batch-"), BATCH)?;
    let given_up = ledger.record(&batch).await;
    assert!(
        matches!(given_up, Err(Error::Away(_))),
        "{name}: {given_up:?}"
    );
    proxy.holds().await;
    proxy.release();
    for n in 0..40 {
        let after = vote(&format!("{name}-after-{n}"))?;
        let recorded = ledger.record(std::slice::from_ref(&after)).await?;
        assert_eq!(recorded.written, 1, "{name} {n}");
        done.push(after);
    }
    ledger.record(&batch).await?;
    done.extend(batch);
    let voters = done.into_iter().map(|queued| queued.vote.voter);
    Ok((ledger, voters.collect()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_be_recorded_after_a_batch_that_was_given_up_is() -> TestResult {
    const LEFT: &str = "
        SELECT count(*) FROM pg_stat_activity WHERE application_name = 'voteops'
        AND (state LIKE 'idle in transaction%' OR state = 'active')";
    let server = PostgresServer::start()?;
    let mut recording = JoinSet::new();
    for moment in MOMENTS {
        recording.spawn(records_after_one_given_up(
            behind_proxy(&server).await?,
            moment,
        ));
    }
    let (mut ledgers, mut voters) = (Vec::new(), Vec::new());
    while let Some(recorded) = recording.join_next().await {
        let (ledger, done) = recorded??;
        ledgers.push(ledger);
        voters.extend(done);
    }
    let standing = Ledger::connect(&server.url())?.recorded("").await?;
    let standing: BTreeMap<_, _> = standing.into_iter().collect();
    voters.retain(|voter| !standing.contains_key(voter));
    assert_eq!(voters, Vec::<String>::new(), "are not recorded");

    let (pool, deadline) = (
        PgPool::connect(&server.url()).await?,
        Instant::now() + PATIENCE,
    );
    while sqlx::query_scalar::<_, i64>(LEFT).fetch_one(&pool).await? > 0 {
        assert!(Instant::now() < deadline, "something is left in the server");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(ledgers);
    Ok(())
}

#[tokio::test]
async fn closing_does_not_wait_for_a_server_that_is_silent() -> TestResult {
    let server = PostgresServer::start()?;
    let (ledger, proxy) = behind_proxy(&server).await?;
    proxy.hold_from(is_given_back);
    ledger.prepare().await?;
    proxy.holds().await;
    timeout(PATIENCE, ledger.close()).await?;
    Ok(())
}
