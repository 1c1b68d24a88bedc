//! Finds the server that has the queue, and connects to it.
//!
//! Sentinels are asked as <https://redis.io/docs/latest/develop/reference/sentinel-clients/> says, all at
//! once, and whom most of them name has to say itself that it is the primary. In a cluster every key of the queue
//! is in one slot, so that one node has all of it: whichever is asked names it
//! (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>, "MOVED Redirection").

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, Value, cmd,
};
use tokio::net::lookup_host;
use tokio::task::JoinSet;

use crate::tls::{self, Files};
use crate::url::{Kind, Node, Target};
use crate::{Error, STREAM};

/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a Sentinel may take to answer.
const SENTINEL_TIMEOUT: Duration = Duration::from_secs(1);

/// Commands that may wait to be written before senders are held back.
const PIPELINE_BUFFER: usize = 1024;

/// How often a node of a cluster may name another one: more is two that name each other.
const MAX_HOPS: usize = 4;

/// How long a peer may leave what was sent unacknowledged before the connection counts as lost. A
/// machine that vanishes says no goodbye, and callers that give up early never see a timeout here.
#[cfg(target_os = "linux")]
const PEER_TIMEOUT: Duration = Duration::from_secs(5);

/// Which server it is, where it may be one of several: each gives ids of its own to entries that the others
/// do not have yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Server(Option<SocketAddr>);

/// A connection to the server that has the queue.
pub(crate) struct Found {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) server: Server,
}

/// Connects to the server that has the queue now.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    target: Arc<Target>,
    files: Arc<Files>,
}

/// Who has the queue, as one node of a cluster sees it.
enum Owner {
    Itself(Found),
    Other(Node),
}

impl Connector {
    pub(crate) fn new(target: Target, files: Files) -> Self {
        Self {
            target: Arc::new(target),
            files: Arc::new(files),
        }
    }

    /// Opens a connection whose every command fails after `response_timeout`.
    pub(crate) async fn open(&self, response_timeout: Duration) -> Result<Found, Error> {
        match &self.target.kind {
            Kind::Single => self.to(&self.target.nodes[0], response_timeout).await,
            Kind::Sentinel { master } => self.by_sentinels(master, response_timeout).await,
            Kind::Cluster => self.by_nodes(response_timeout).await,
        }
    }

    /// The server that Sentinels call the primary; none where there are no Sentinels.
    pub(crate) async fn primary(&self) -> Result<Option<Server>, Error> {
        match &self.target.kind {
            Kind::Sentinel { master } => {
                let named = self.named(master).await?;
                self.server(&named).await.map(Some)
            }
            Kind::Single | Kind::Cluster => Ok(None),
        }
    }

    async fn by_sentinels(&self, master: &str, response_timeout: Duration) -> Result<Found, Error> {
        let primary = self.named(master).await?;
        let mut found = self.to(&primary, response_timeout).await?;
        let role: Vec<Value> = self
            .query(&mut found.connection, &primary, &cmd("ROLE"))
            .await?;
        match role.first() {
            Some(Value::BulkString(role)) if role == b"master" => Ok(found),
            _ => Err(Error::Away(format!(
                "{}:{} is called the primary, and is not",
                primary.0, primary.1
            ))),
        }
    }

    /// Whom more than half of the Sentinels call the primary, or else most of those that answer: one that is
    /// cut off, together with a primary that was replaced, goes on naming that.
    async fn named(&self, master: &str) -> Result<Node, Error> {
        let sentinels = self.target.nodes.iter().cloned();
        let mut asked: JoinSet<_> = sentinels
            .map(|sentinel| self.clone().named_by(sentinel, master.to_owned()))
            .collect();
        let (mut named, mut failure) = (BTreeMap::<Node, usize>::new(), None);
        while let Some(told) = asked.join_next().await {
            match told {
                Ok(Ok(node)) => {
                    let times = named.entry(node.clone()).or_default();
                    *times += 1;
                    if *times > self.target.nodes.len() / 2 {
                        return Ok(node);
                    }
                }
                Ok(Err(error)) => failure = Some(graver(failure, error)),
                // A panic was reported when it happened.
                Err(_) => {}
            }
        }
        let most = named.into_iter().max_by_key(|(_, times)| *times);
        most.map(|(node, _)| node)
            .ok_or_else(|| failure.unwrap_or_else(nobody))
    }

    /// Whom one Sentinel calls the primary.
    async fn named_by(self, sentinel: Node, master: String) -> Result<Node, Error> {
        let login = &self.target.sentinel_login;
        let mut asked = self.connect(&sentinel, login, SENTINEL_TIMEOUT).await?;
        let mut ask = cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(&master);
        let named: Option<Node> = self.query(&mut asked, &sentinel, &ask).await?;
        named.ok_or_else(|| {
            let (host, port) = &sentinel;
            Error::Setup(format!(
                "the Sentinel at {host}:{port} watches no master called {master:?}; name one that it \
                 does, after the last slash of the URL"
            ))
        })
    }

    /// The first node of a cluster that leads to the one with the queue.
    async fn by_nodes(&self, response_timeout: Duration) -> Result<Found, Error> {
        let nodes = self.target.nodes.iter().cloned();
        let mut leads: JoinSet<_> = nodes
            .map(|node| self.clone().by_cluster(node, response_timeout))
            .collect();
        let mut failure = None;
        while let Some(led) = leads.join_next().await {
            match led {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) => failure = Some(graver(failure, error)),
                Err(_) => {}
            }
        }
        Err(failure.unwrap_or_else(nobody))
    }

    async fn by_cluster(self, mut node: Node, response_timeout: Duration) -> Result<Found, Error> {
        for _ in 0..MAX_HOPS {
            match self.owner(&node, response_timeout).await? {
                Owner::Itself(found) => return Ok(found),
                Owner::Other(other) => node = other,
            }
        }
        Err(Error::Away(
            "the nodes of the cluster do not agree who has the queue".to_owned(),
        ))
    }

    async fn owner(&self, node: &Node, response_timeout: Duration) -> Result<Owner, Error> {
        let mut found = self.to(node, response_timeout).await?;
        let mut length = cmd("XLEN");
        let length = length.arg(STREAM).query_async(&mut found.connection);
        let reply: Result<Value, RedisError> = length.await;
        match reply {
            Ok(_) => Ok(Owner::Itself(found)),
            Err(error) => match error.redirect_node().and_then(|(to, _)| moved(node, to)) {
                Some(other) => Ok(Owner::Other(other)),
                None => Err(self.explained(node, &error)),
            },
        }
    }

    /// Connects to a server of the queue itself.
    async fn to(&self, node: &Node, response_timeout: Duration) -> Result<Found, Error> {
        let login = &self.target.login;
        Ok(Found {
            connection: self.connect(node, login, response_timeout).await?,
            server: self.server(node).await?,
        })
    }

    /// By address, for one server may have several names. Of several addresses always the same.
    async fn server(&self, (host, port): &Node) -> Result<Server, Error> {
        if let Kind::Single = self.target.kind {
            return Ok(Server::default());
        }
        let addresses = lookup_host((host.as_str(), *port)).await;
        let addresses = addresses.map_err(|error| Error::Away(format!("{host}: {error}")))?;
        Ok(Server(addresses.min()))
    }

    async fn connect(
        &self,
        node: &Node,
        login: &RedisConnectionInfo,
        response_timeout: Duration,
    ) -> Result<MultiplexedConnection, Error> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(response_timeout))
            .set_pipeline_buffer_size(PIPELINE_BUFFER);
        let connect = async {
            let client = self.client(node, login)?;
            client
                .get_multiplexed_async_connection_with_config(&config)
                .await
        };
        connect.await.map_err(|error| self.explained(node, &error))
    }

    fn client(&self, node: &Node, login: &RedisConnectionInfo) -> Result<Client, RedisError> {
        let (host, port) = node.clone();
        let address = if self.target.is_tls {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let info = address.into_connection_info()?;
        let info = info
            .set_redis_settings(login.clone())
            .set_tcp_settings(tcp_settings());
        if self.target.is_tls {
            Client::build_with_tls(info, self.files.certificates.clone())
        } else {
            Client::open(info)
        }
    }

    async fn query<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        node: &Node,
        command: &Cmd,
    ) -> Result<T, Error> {
        let reply = command.query_async(connection).await;
        reply.map_err(|error| self.explained(node, &error))
    }

    /// The error with the server that it came from.
    fn explained(&self, node: &Node, error: &RedisError) -> Error {
        let (host, port) = node;
        let authorities = &self.files.authorities;
        let tls = tls::cause(error).and_then(|cause| tls::tls_reason(cause, authorities));
        if let Some(reason) = tls {
            return Error::Setup(format!("{host}:{port}: {reason}"));
        }
        if self.target.is_tls && error.is_timeout() {
            // A server without TLS waits for the end of what it takes for a command.
            return Error::Away(format!("{host}:{port}: {error}; does this port speak TLS?"));
        }
        Error::of(error, &format!("{host}:{port}: "))
    }
}

/// Of two errors the one that tells most: what no waiting cures comes before what it may.
fn graver(before: Option<Error>, error: Error) -> Error {
    match before {
        Some(before) if !matches!(error, Error::Setup(_)) => before,
        _ => error,
    }
}

fn nobody() -> Error {
    Error::Away("nobody was asked".to_owned())
}

/// Where a node says that the queue is. Without a host it means its own.
fn moved(from: &Node, to: &str) -> Option<Node> {
    let (host, port) = to.rsplit_once(':')?;
    let host = if host.is_empty() { &from.0 } else { host };
    Some((host.to_owned(), port.parse().ok()?))
}

/// Sends at once: a vote does not wait for others to fill a packet with.
fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(PEER_TIMEOUT);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_names_no_host_means_its_own() {
        let from = ("a".to_owned(), 1);
        let node = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(moved(&from, "b:7001"), node("b", 7001));
        assert_eq!(moved(&from, ":7001"), node("a", 7001));
        assert_eq!(moved(&from, "::1:7001"), node("::1", 7001));
        assert_eq!(moved(&from, "b"), None);
    }
}
