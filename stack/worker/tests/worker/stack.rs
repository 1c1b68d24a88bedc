//! A queue and a ledger, and workers between them.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use voteops_ledger::Ledger;
use voteops_queue::test_support::RedisServer;
use voteops_queue::{Queue, Vote};
use voteops_worker::{Cli, Config, Error, run};

/// How long to wait for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// A queue and a ledger.
pub(crate) struct Stack {
    pub(crate) redis: RedisServer,
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    pub(crate) ledger_url: String,
    _dir: tempfile::TempDir,
}

/// A worker in this process.
pub(crate) struct Worker {
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<Result<(), Error>>,
    address: SocketAddr,
}

impl Stack {
    /// With a ledger in SQLite.
    pub(crate) fn start() -> Result<Self, Box<dyn StdError>> {
        let dir = tempfile::tempdir()?;
        let url = format!("sqlite://{}", dir.path().join("votes.db").display());
        Self::with_ledger_in(dir, url)
    }

    /// With a ledger somewhere else.
    pub(crate) fn with_ledger(ledger_url: String) -> Result<Self, Box<dyn StdError>> {
        Self::with_ledger_in(tempfile::tempdir()?, ledger_url)
    }

    fn with_ledger_in(dir: tempfile::TempDir, url: String) -> Result<Self, Box<dyn StdError>> {
        let redis = RedisServer::start()?;
        let (queue, ledger) = (Queue::connect(&redis.url())?, Ledger::connect(&url)?);
        Ok(Self {
            redis,
            queue,
            ledger,
            ledger_url: url,
            _dir: dir,
        })
    }

    pub(crate) async fn worker(
        &self,
        name: &str,
        adjust: impl FnOnce(&mut Config),
    ) -> Result<Worker, Box<dyn StdError>> {
        let mut config = Config::load(Cli {
            redis_url: Some(self.redis.url()),
            ledger_url: Some(self.ledger_url.clone()),
            instance: Some(name.to_owned()),
            ..Cli::default()
        })?;
        adjust(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(config, listener, shutdown.clone()));
        Ok(Worker {
            shutdown,
            running,
            address,
        })
    }

    /// Enqueues one vote of each of `count` voters.
    pub(crate) async fn enqueue(&self, count: usize) -> Result<Vec<Vote>, Box<dyn StdError>> {
        let votes = (0..count).map(|n| Vote::cast(&format!("v{n:05}"), "cats"));
        let votes: Vec<Vote> = votes.collect::<Result<_, _>>()?;
        for vote in &votes {
            self.queue.enqueue(vote).await?;
        }
        Ok(votes)
    }

    /// Waits until every vote is in the ledger and none is in the queue.
    pub(crate) async fn drained(&self, votes: &[Vote]) -> Result<(), Box<dyn StdError>> {
        let queue = &self.queue;
        eventually("the queue is empty", || async {
            queue.length().await.is_ok_and(|n| n == 0)
        })
        .await?;
        let recorded = self.ledger.recorded("v").await?;
        let expected = votes
            .iter()
            .map(|vote| (vote.voter.clone(), vote.id))
            .collect::<Vec<_>>();
        assert_eq!(recorded, expected);
        Ok(())
    }
}

impl Worker {
    /// The value of one series of `/metrics`.
    pub(crate) async fn metric(&self, series: &str) -> Result<u64, Box<dyn StdError>> {
        let metrics = self.get("/metrics").await?.text().await?;
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        Ok(line
            .ok_or_else(|| format!("{series} is not in\n{metrics}"))?
            .trim()
            .parse()?)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<reqwest::Response, Box<dyn StdError>> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(reqwest::get(format!("http://{}{path}", self.address)).await?)
    }

    /// Waits until a series is at least at `value`.
    pub(crate) async fn reaches(&self, series: &str, value: u64) -> Result<(), Box<dyn StdError>> {
        eventually(series, || async {
            self.metric(series).await.is_ok_and(|now| now >= value)
        })
        .await
    }

    /// Shuts the worker down and waits until it is.
    pub(crate) async fn stop(self) -> Result<(), Box<dyn StdError>> {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.running).await???;
        Ok(())
    }
}

/// Waits until something is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    what: &str,
    is_so: impl Fn() -> F,
) -> Result<(), Box<dyn StdError>> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        if Instant::now() > deadline {
            return Err(format!("not within {} s: {what}", PATIENCE.as_secs()).into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
