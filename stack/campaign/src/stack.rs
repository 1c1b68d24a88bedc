//! The stack under test: real servers, services as processes, and proxies in between.

use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Client;
use tempfile::TempDir;
use voteops_ledger::Ledger;
use voteops_ledger::test_support::PostgresServer;
use voteops_queue::Queue;
use voteops_queue::test_support::{RedisServer, free_port};

use crate::patience::{PATIENCE, POLL_INTERVAL};
use crate::proxy::Proxy;
use crate::service::Service;

/// How many vote apps and how many workers there are.
pub const REPLICAS: usize = 2;

/// How long a stalled worker keeps its votes from the others. Short, so that many a batch is
/// written twice.
const RECLAIM_IDLE: &str = "700ms";

/// How long a vote may take: long enough to outlast what is done to it most of the time.
const REQUEST_TIMEOUT: &str = "3s";

/// Which database holds the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LedgerKind {
    /// A file.
    Sqlite,
    /// A server of its own.
    Postgres,
}

impl LedgerKind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// What it is called on the command line.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A whole stack. Ended when dropped.
#[derive(Debug)]
pub struct Stack {
    /// The vote apps; the even ones and the odd ones are each other's replicas.
    pub vote_apps: Vec<Service>,
    /// The workers.
    pub workers: Vec<Service>,
    /// Redis, with the project's `redis.conf`.
    pub redis: RedisServer,
    /// The server of the ledger, when it is one.
    pub postgres: Option<PostgresServer>,
    /// Between voters and each of the vote apps.
    pub voters_links: Vec<Proxy>,
    /// Between vote apps and Redis.
    pub votes_link: Proxy,
    /// Between workers and Redis.
    pub workers_link: Proxy,
    /// Between everything and PostgreSQL.
    pub ledger_link: Option<Proxy>,
    /// Redis without a proxy.
    pub queue: Queue,
    /// The ledger without a proxy.
    pub ledger: Ledger,
    pub(crate) client: Client,
    dir: TempDir,
}

impl Stack {
    /// Starts everything and waits until it is ready. `program` is this crate's own.
    ///
    /// # Errors
    /// When a server is not installed or does not come up.
    pub async fn start(program: &Path, kind: LedgerKind) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let redis = RedisServer::start()?;
        let redis_port = port_of(&redis.url())?;
        let votes_link = Proxy::start(local(redis_port)).await?;
        let workers_link = Proxy::start(local(redis_port)).await?;
        let file = format!("sqlite://{}", dir.path().join("votes.db").display());
        let (postgres, ledger_link, direct_url, ledger_url) = match kind {
            LedgerKind::Sqlite => (None, None, file.clone(), file),
            LedgerKind::Postgres => {
                let server = PostgresServer::start()?;
                let direct = server.url();
                let link = Proxy::start(local(port_of(&direct)?)).await?;
                let through = format!("postgres://postgres@{}/postgres", link.address());
                (Some(server), Some(link), direct, through)
            }
        };
        let service = |kind: &str, number: usize, link: &Proxy| -> Result<Service> {
            let name = format!("{kind}-{number}");
            let address = local(free_port()?);
            Ok(Service::new(program, kind, &name, address, dir.path())
                .with("--redis-url", format!("redis://{}", link.address()))
                .with("--ledger-url", &ledger_url))
        };
        let vote_apps = (1..=REPLICAS).map(|number| {
            let app = service("vote-app", number, &votes_link)?;
            Ok(app.with("--request-timeout", REQUEST_TIMEOUT))
        });
        let vote_apps = vote_apps.collect::<Result<Vec<_>>>()?;
        let mut voters_links = Vec::new();
        for app in &vote_apps {
            voters_links.push(Proxy::start(app.address).await?);
        }
        let workers = (1..=REPLICAS).map(|number| {
            let worker = service("worker", number, &workers_link)?;
            Ok(worker.with("--reclaim-idle", RECLAIM_IDLE))
        });
        let workers = workers.collect::<Result<Vec<_>>>()?;
        let mut stack = Self {
            queue: Queue::connect(&redis.url()).map_err(Error::other)?,
            ledger: Ledger::connect(&direct_url).map_err(Error::other)?,
            vote_apps,
            workers,
            redis,
            postgres,
            voters_links,
            votes_link,
            workers_link,
            ledger_link,
            client: client()?,
            dir,
        };
        for service in stack.vote_apps.iter_mut().chain(&mut stack.workers) {
            service.start(0)?;
        }
        if let Err(error) = stack.until_ready().await {
            let kept = stack.keep();
            return Err(Error::new(error.kind(), format!("{error}; {kept}")));
        }
        Ok(stack)
    }

    /// Where voters find each of the vote apps.
    #[must_use]
    pub fn doors(&self) -> Vec<SocketAddr> {
        self.voters_links.iter().map(Proxy::address).collect()
    }

    /// Waits until every service says that it is ready.
    ///
    /// # Errors
    /// When one does not say so within five minutes.
    pub async fn until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for service in self.vote_apps.iter().chain(&self.workers) {
            let url = format!("http://{}/readyz", service.address);
            loop {
                let told = match self.client.get(&url).send().await {
                    Ok(answer) if answer.status().is_success() => break,
                    Ok(answer) => answer.text().await.unwrap_or_default(),
                    Err(error) => error.to_string(),
                };
                if Instant::now() > deadline {
                    let name = &service.name;
                    return Err(Error::other(format!("{name} does not get ready: {told}")));
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
        Ok(())
    }

    /// Leaves all files where they are when it is dropped, and tells where.
    pub fn keep(&mut self) -> String {
        self.dir.disable_cleanup(true);
        let (dir, redis) = (self.dir.path().display(), self.redis.keep());
        let redis = redis.display();
        match self.postgres.as_mut().map(PostgresServer::keep) {
            None => format!("logs and the ledger are kept in {dir}, Redis's files in {redis}"),
            Some(data) => {
                let data = data.display();
                format!("logs are kept in {dir}, Redis's files in {redis}, PostgreSQL's in {data}")
            }
        }
    }
}

/// A client that gives up some time after a vote app does.
///
/// # Errors
/// When there is none to be had.
pub fn client() -> Result<Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().timeout(Duration::from_secs(6)).no_proxy();
    client.build().map_err(Error::other)
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn port_of(url: &str) -> Result<u16> {
    let after = url.rsplit(':').next().unwrap_or_default();
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().map_err(Error::other)
}
