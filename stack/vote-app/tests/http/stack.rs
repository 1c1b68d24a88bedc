//! A vote app to test.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use voteops_ledger::Ledger;
use voteops_queue::test_support::RedisServer;
use voteops_queue::{Content, Queue, Vote};
use voteops_vote_app::{Cli, Config, run};

/// A vote app in this process, with a Redis server and a ledger of its own.
pub(crate) struct Stack {
    pub(crate) redis: RedisServer,
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    pub(crate) client: Client,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) app: tokio::task::JoinHandle<Result<(), voteops_vote_app::Error>>,
    _dir: tempfile::TempDir,
}

impl Stack {
    pub(crate) async fn start(adjust: impl FnOnce(&mut Config)) -> Result<Self, Box<dyn StdError>> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redis = RedisServer::start()?;
        let dir = tempfile::tempdir()?;
        let mut config = Config::load(Cli {
            redis_url: Some(redis.url()),
            ledger_url: Some(format!(
                "sqlite://{}",
                dir.path().join("votes.db").display()
            )),
            results_ttl: Some("1h".to_owned()),
            ..Cli::default()
        })?;
        adjust(&mut config);
        let (queue, ledger) = (
            Queue::connect(&redis.url())?,
            Ledger::connect(&config.ledger_url)?,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shutdown = CancellationToken::new();
        let app = tokio::spawn(run(config, listener, shutdown.clone()));
        let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self {
            redis,
            queue,
            ledger,
            client,
            address,
            shutdown,
            app,
            _dir: dir,
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str, accept: &str) -> reqwest::Result<Response> {
        self.client
            .get(self.url(path))
            .header(ACCEPT, accept)
            .send()
            .await
    }

    pub(crate) async fn post(
        &self,
        kind: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<Response> {
        self.client
            .post(self.url("/vote"))
            .header(CONTENT_TYPE, kind)
            .body(body)
            .send()
            .await
    }

    /// The value of one series of `/metrics`.
    pub(crate) async fn metric(&self, series: &str) -> Result<u64, Box<dyn StdError>> {
        let metrics = self.get("/metrics", "*/*").await?.text().await?;
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        Ok(line
            .ok_or_else(|| format!("{series} is not in\n{metrics}"))?
            .trim()
            .parse()?)
    }

    pub(crate) async fn enqueued(&self) -> Result<Vec<Vote>, Box<dyn StdError>> {
        let entries = self.queue.reader("test").read(100).await?;
        let votes = entries.into_iter().filter_map(|entry| match entry.content {
            Content::Vote(vote) => Some(vote),
            Content::Poison(_) | Content::Deleted => None,
        });
        Ok(votes.collect())
    }
}
