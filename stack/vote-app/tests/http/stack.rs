//! A vote app to test.

use std::error::Error as StdError;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use voteops_ledger::Ledger;
use voteops_queue::test_support::RedisServer;
use voteops_queue::{Content, InvalidVote, Position, Queue, Queued, Vote};
use voteops_service::admin::Admin;
use voteops_vote_app::{Cli, Config, run};

/// What opens the admin listener.
const TOKEN: &str = "a-token-for-tests";

/// A vote app in this process, with a Redis server and a ledger of its own.
pub(crate) struct Stack {
    pub(crate) redis: RedisServer,
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    pub(crate) client: Client,
    pub(crate) address: std::net::SocketAddr,
    admin: Option<std::net::SocketAddr>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) app: tokio::task::JoinHandle<Result<(), voteops_vote_app::Error>>,
    _dir: tempfile::TempDir,
}

impl Stack {
    pub(crate) async fn start(adjust: impl FnOnce(&mut Config)) -> Result<Self, Box<dyn StdError>> {
        Self::launch(None, adjust).await
    }

    /// Another vote app in front of the other's Redis server.
    pub(crate) async fn beside(other: &Self) -> Result<Self, Box<dyn StdError>> {
        Self::start(|config| config.redis.url = other.redis.url()).await
    }

    /// With an admin listener.
    pub(crate) async fn with_faults() -> Result<Self, Box<dyn StdError>> {
        Self::launch(Some("127.0.0.1:0".to_owned()), |_| ()).await
    }

    async fn launch(
        admin_listen: Option<String>,
        adjust: impl FnOnce(&mut Config),
    ) -> Result<Self, Box<dyn StdError>> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redis = RedisServer::start()?;
        let dir = tempfile::tempdir()?;
        let token_file = dir.path().join("admin.token");
        std::fs::write(&token_file, TOKEN)?;
        let mut config = Config::load(Cli {
            admin_listen,
            admin_token_file: Some(token_file.display().to_string()),
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
            Queue::open(&config.redis)?,
            Ledger::connect(&config.ledger_url)?,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let admin = match &config.admin {
            Some(admin) => Some(admin.listen().await?),
            None => None,
        };
        let admin_address = admin.as_ref().map(Admin::address).transpose()?;
        let shutdown = CancellationToken::new();
        let app = tokio::spawn(run(config, listener, admin, shutdown.clone()));
        let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self {
            redis,
            queue,
            ledger,
            client,
            address,
            admin: admin_address,
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

    /// Injects a fault, which has to succeed.
    pub(crate) async fn inject(&self, kind: &str, body: &Value) -> Result<(), Box<dyn StdError>> {
        let request = self.client.put(self.fault_url(kind)?).bearer_auth(TOKEN);
        let answer = request.json(body).send().await?;
        assert_eq!(answer.status(), 201, "{}", answer.text().await?);
        Ok(())
    }

    /// Ends a fault.
    pub(crate) async fn end(&self, kind: &str) -> Result<(), Box<dyn StdError>> {
        let request = self.client.delete(self.fault_url(kind)?).bearer_auth(TOKEN);
        assert_eq!(request.send().await?.status(), 204);
        Ok(())
    }

    fn fault_url(&self, kind: &str) -> Result<String, &'static str> {
        let admin = self.admin.ok_or("there is no admin listener")?;
        Ok(format!("http://{admin}/faults/{kind}"))
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

/// A vote as the worker finds it in the queue.
pub(crate) fn queued(voter: &str, choice: &str) -> Result<Queued, InvalidVote> {
    Ok(Queued {
        vote: Vote::cast(voter, choice)?,
        position: Position::new(1, 0),
    })
}

/// How long to wait for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);

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
