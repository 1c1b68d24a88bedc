//! A queue and a ledger, and workers between them.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use voteops_ledger::Ledger;
use voteops_queue::test_support::RedisServer;
use voteops_queue::{Queue, Vote};
use voteops_service::admin::Admin;
use voteops_worker::{Cli, Config, Error, run};

/// What opens the admin listener.
pub(crate) const TOKEN: &str = "a-token-for-tests";

/// How long to wait for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// A queue and a ledger.
pub(crate) struct Stack {
    pub(crate) redis: RedisServer,
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    pub(crate) ledger_url: String,
    /// A file with [`TOKEN`].
    pub(crate) token_file: PathBuf,
    _dir: tempfile::TempDir,
}

/// A worker in this process.
pub(crate) struct Worker {
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<Result<(), Error>>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
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
        let token_file = dir.path().join("admin.token");
        std::fs::write(&token_file, TOKEN)?;
        let redis = RedisServer::start()?;
        let (queue, ledger) = (Queue::connect(&redis.url())?, Ledger::connect(&url)?);
        Ok(Self {
            redis,
            queue,
            ledger,
            ledger_url: url,
            token_file,
            _dir: dir,
        })
    }

    pub(crate) async fn worker(
        &self,
        name: &str,
        adjust: impl FnOnce(&mut Config),
    ) -> Result<Worker, Box<dyn StdError>> {
        self.launch(name, None, adjust).await
    }

    /// A worker with an admin listener.
    pub(crate) async fn worker_with_faults(
        &self,
        name: &str,
        adjust: impl FnOnce(&mut Config),
    ) -> Result<Worker, Box<dyn StdError>> {
        self.launch(name, Some("127.0.0.1:0".to_owned()), adjust)
            .await
    }

    async fn launch(
        &self,
        name: &str,
        admin_listen: Option<String>,
        adjust: impl FnOnce(&mut Config),
    ) -> Result<Worker, Box<dyn StdError>> {
        let mut config = Config::load(Cli {
            admin_listen,
            admin_token_file: Some(self.token_file.display().to_string()),
            redis_url: Some(self.redis.url()),
            ledger_url: Some(self.ledger_url.clone()),
            instance: Some(name.to_owned()),
            ..Cli::default()
        })?;
        adjust(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let admin = match &config.admin {
            Some(admin) => Some(admin.listen().await?),
            None => None,
        };
        let admin_address = admin.as_ref().map(Admin::address).transpose()?;
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(config, listener, admin, shutdown.clone()));
        Ok(Worker {
            shutdown,
            running,
            address,
            admin: admin_address,
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

    /// Holds every batch up, for an hour unless it is ended.
    pub(crate) async fn slow_down(&self, latency_ms: u64) -> Result<(), Box<dyn StdError>> {
        slow_down(self.admin.ok_or("there is no admin listener")?, latency_ms).await
    }

    /// Ends what [`Worker::slow_down`] began.
    pub(crate) async fn end_slowness(&self) -> Result<(), Box<dyn StdError>> {
        let admin = self.admin.ok_or("there is no admin listener")?;
        let url = format!("http://{admin}/faults/slow-worker");
        let request = reqwest::Client::new().delete(url).bearer_auth(TOKEN);
        assert_eq!(request.send().await?.status(), 204);
        Ok(())
    }

    /// Shuts the worker down and waits until it is.
    pub(crate) async fn stop(self) -> Result<(), Box<dyn StdError>> {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.running).await???;
        Ok(())
    }
}

/// Makes the worker with this admin listener hold every batch up, for an hour unless it is ended.
pub(crate) async fn slow_down(admin: SocketAddr, latency_ms: u64) -> Result<(), Box<dyn StdError>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("http://{admin}/faults/slow-worker");
    let request = reqwest::Client::new().put(url).bearer_auth(TOKEN);
    let body = format!(r#"{{"lease_ms":3600000,"latency_ms":{latency_ms}}}"#);
    let answer = request.body(body).send().await?;
    assert_eq!(answer.status(), 201, "{}", answer.text().await?);
    Ok(())
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
