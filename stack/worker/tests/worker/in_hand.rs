//! What a worker does with the batches that it has in hand, while the ledger takes long.

use std::time::Duration;

use sqlx::{PgPool, Postgres, Transaction};
use voteops_ledger::test_support::PostgresServer;
use voteops_queue::Vote;

use crate::TestResult;
use crate::stack::{Stack, Worker, eventually};

/// What it has in hand for long is not abandoned.
#[tokio::test]
async fn a_worker_does_not_take_over_what_it_has_in_hand_itself() -> TestResult {
    let mut held = Held::begin(Duration::from_secs(1)).await?;
    held.is_pending_for("1500").await?;
    held.let_one_go().await?;
    held.let_the_others_go().await?;
    held.stack.drained(&held.votes).await?;
    assert_eq!(held.worker.metric("votes_reclaimed_total").await?, 0);
    held.worker.stop().await
}

/// On a new connection it asks for what is pending for it, which has to wait for what is in hand.
#[tokio::test]
async fn a_worker_whose_connection_was_cut_does_not_record_again_what_it_has_in_hand() -> TestResult
{
    let mut held = Held::begin(Duration::from_mins(10)).await?;
    held.is_pending_for("0").await?;
    held.stack
        .redis
        .command(&[b"CLIENT", b"KILL", b"TYPE", b"normal"])?;
    held.let_one_go().await?;
    held.worker
        .reaches("worker_errors_total{stage=\"read\"}", 1)
        .await?;
    // For what it would have in hand twice by now.
    tokio::time::sleep(Duration::from_millis(500)).await;
    held.let_the_others_go().await?;
    held.stack.drained(&held.votes).await?;
    let unchanged = "votes_processed_total{outcome=\"unchanged\"}";
    assert_eq!(held.worker.metric(unchanged).await?, 0);
    held.worker.stop().await
}

/// A worker with four batches of ten in hand, of each of which somebody has locked a row.
struct Held {
    stack: Stack,
    worker: Worker,
    votes: Vec<Vote>,
    /// Locks a row of the first batch.
    first: Option<Transaction<'static, Postgres>>,
    /// Locks rows of the three after it.
    others: Option<Transaction<'static, Postgres>>,
    _server: PostgresServer,
}

impl Held {
    async fn begin(reclaim_idle: Duration) -> Result<Self, Box<dyn std::error::Error>> {
        const LOCK: &str = "
            INSERT INTO votes (voter, vote_id, choice, cast_at_ms, recorded_at_ms)
            SELECT voter, voter, 'cats', 0, 0 FROM unnest($1::text[]) AS locked (voter)";
        let server = PostgresServer::start()?;
        let stack = Stack::with_ledger(server.url())?;
        stack.ledger.prepare().await?;
        let votes = stack.enqueue(60).await?;
        let pool = PgPool::connect(&server.url()).await?;
        let (mut first, mut others) = (pool.begin().await?, pool.begin().await?);
        let lock = |voters: &'static [&'static str]| sqlx::query(LOCK).bind(voters);
        lock(&["v00000"]).execute(&mut *first).await?;
        lock(&["v00010", "v00020", "v00030"])
            .execute(&mut *others)
            .await?;
        let adjust = |config: &mut voteops_worker::Config| {
            config.reclaim_idle = reclaim_idle;
            config.batch_size = 10;
        };
        let worker = stack.worker("w1", adjust).await?;
        Ok(Self {
            stack,
            worker,
            votes,
            first: Some(first),
            others: Some(others),
            _server: server,
        })
    }

    /// Waits until all four batches have been pending for as long.
    async fn is_pending_for(&self, idle_ms: &str) -> TestResult {
        eventually("four batches are pending", || async {
            let pending = format!("XPENDING votes workers IDLE {idle_ms} - + 100");
            let pending: Vec<_> = pending.split(' ').map(str::as_bytes).collect();
            let pending = self.stack.redis.command(&pending);
            matches!(pending, Ok(redis::Value::Array(pending)) if pending.len() == 40)
        })
        .await
    }

    /// Has the first batch be recorded, and waits until it is.
    async fn let_one_go(&mut self) -> TestResult {
        if let Some(first) = self.first.take() {
            first.rollback().await?;
        }
        eventually("one of them is done", || async {
            let length = self.stack.queue.length().await;
            length.is_ok_and(|length| length == 50)
        })
        .await
    }

    /// Has the other batches be recorded.
    async fn let_the_others_go(&mut self) -> TestResult {
        if let Some(others) = self.others.take() {
            others.rollback().await?;
        }
        Ok(())
    }
}
