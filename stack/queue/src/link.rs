//! One connection to Redis that many tasks share and that comes back by itself.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisResult};
use tokio::sync::Mutex;

use crate::connect::{Connector, Found, Server};
use crate::error::{is_doubtful, is_lost};
use crate::replicas::{Replicas, Shortfall};
use crate::{Error, Pauses};

/// How long a failure to connect is repeated to others before the next attempt: at first, and after
/// many of them. Without it, each of a thousand waiting tasks would try for itself, one after the other.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a server stays the one with the queue when it seems that another may be.
pub(crate) const DOUBT: Duration = Duration::from_secs(1);

/// The shared connection: opened when first needed, replaced when lost.
#[derive(Debug)]
pub(crate) struct Link {
    connector: Connector,
    response_timeout: Duration,
    replicas: Replicas,
    slot: Mutex<Slot>,
}

/// The connection as it was at some time.
pub(crate) struct Connected {
    generation: u64,
    server: Server,
    connection: MultiplexedConnection,
}

/// What is known of the connection. `generation` tells a lost connection from its successor.
struct Slot {
    generation: u64,
    found: Option<Found>,
    opened: Instant,
    failure: Option<Failure>,
    pauses: Pauses,
}

/// The last attempt to connect.
struct Failure {
    error: Error,
    /// Until when nobody tries again.
    until: Instant,
}

impl Connected {
    fn of(generation: u64, found: &Found) -> Self {
        Self {
            generation,
            server: found.server,
            connection: found.connection.clone(),
        }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A link of which some commands are to reach `replicas` replicas.
    pub(crate) fn new(connector: Connector, response_timeout: Duration, replicas: usize) -> Self {
        Self {
            connector,
            response_timeout,
            replicas: Replicas::new(replicas),
            slot: Mutex::new(Slot {
                generation: 0,
                found: None,
                opened: Instant::now(),
                failure: None,
                pauses: Pauses::new(FIRST_PAUSE, LONGEST_PAUSE),
            }),
        }
    }

    /// Whether [`durably`](Self::durably) waits for any replica.
    pub(crate) fn needs_replicas(&self) -> bool {
        self.replicas.are_needed()
    }

    /// How many replicas [`durably`](Self::durably) waits for.
    pub(crate) fn replicas(&self) -> usize {
        self.replicas.needed()
    }

    /// Sends one command, pipelined with those of other tasks.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        self.send(self.connected().await?, command).await
    }

    /// The same, to the server that gave an entry out.
    pub(crate) async fn command_to<T: FromRedisValue>(
        &self,
        server: Server,
        command: &Cmd,
    ) -> Result<T, Error> {
        self.send(self.connected_to(server).await?, command).await
    }

    async fn send<T: FromRedisValue>(&self, mut to: Connected, command: &Cmd) -> Result<T, Error> {
        let reply = command.query_async(&mut to.connection).await;
        self.checked(to.generation, reply).await
    }

    /// Sends several commands at once; atomically when the pipeline says so.
    pub(crate) async fn pipeline<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, Error> {
        self.send_all(self.connected().await?, pipeline).await
    }

    /// The same, to the server that gave entries out.
    pub(crate) async fn pipeline_to<T: FromRedisValue>(
        &self,
        server: Server,
        pipeline: &Pipeline,
    ) -> Result<T, Error> {
        self.send_all(self.connected_to(server).await?, pipeline)
            .await
    }

    async fn send_all<T: FromRedisValue>(
        &self,
        mut to: Connected,
        pipeline: &Pipeline,
    ) -> Result<T, Error> {
        let reply = pipeline.query_async(&mut to.connection).await;
        self.checked(to.generation, reply).await
    }

    /// Sends one command, and waits until enough replicas have what it wrote.
    pub(crate) async fn durably<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let mut to = self.connected().await?;
        let reply = command.query_async(&mut to.connection).await;
        self.replicated(to, reply).await
    }

    /// Sends several commands at once `to` what [`connected`](Self::connected) gave, each of which may fail
    /// by itself, and waits until enough replicas have what they wrote.
    pub(crate) async fn each_durably<T: FromRedisValue>(
        &self,
        mut to: Connected,
        pipeline: &mut Pipeline,
    ) -> Result<Vec<Result<T, Error>>, Error> {
        let generation = to.generation;
        let pipeline = pipeline.ignore_errors();
        let reply = pipeline.query_async(&mut to.connection).await;
        let each: Vec<RedisResult<T>> = self.replicated(to, reply).await?;
        if let Some(error) = each.iter().find_map(|reply| reply.as_ref().err()) {
            self.heed(generation, error).await;
        }
        Ok(each.into_iter().map(|reply| Ok(reply?)).collect())
    }

    async fn replicated<T>(&self, to: Connected, reply: Result<T, RedisError>) -> Result<T, Error> {
        let Connected {
            generation,
            mut connection,
            ..
        } = to;
        let reply = self.checked(generation, reply).await?;
        match self.replicas.wait(generation, &mut connection).await {
            Ok(()) => Ok(reply),
            Err(Shortfall::Redis(error)) => self.checked(generation, Err(error)).await,
            Err(Shortfall::Few(error)) => {
                self.doubt(generation).await;
                Err(error)
            }
        }
    }

    /// The connection, once there is one. May be cancelled.
    pub(crate) async fn connected(&self) -> Result<Connected, Error> {
        let mut slot = self.slot.lock().await;
        if let Some(found) = &slot.found {
            return Ok(Connected::of(slot.generation, found));
        }
        if let Some(failure) = &slot.failure
            && Instant::now() < failure.until
        {
            return Err(failure.error.clone());
        }
        // In a place of its own: it takes more room than all that waits for it.
        match Box::pin(self.connector.open(self.response_timeout)).await {
            Ok(found) => {
                slot.generation += 1;
                slot.opened = Instant::now();
                slot.failure = None;
                slot.pauses.reset();
                let connected = Connected::of(slot.generation, &found);
                slot.found = Some(found);
                Ok(connected)
            }
            Err(error) => {
                let until = Instant::now() + slot.pauses.next_pause();
                slot.failure = Some(Failure {
                    error: error.clone(),
                    until,
                });
                Err(error)
            }
        }
    }

    /// The connection, if it is to `server`, after looking again who has the queue.
    async fn connected_to(&self, server: Server) -> Result<Connected, Error> {
        let to = self.connected().await?;
        if to.server == server {
            return Ok(to);
        }
        self.drop_if(to.generation, |_| true).await;
        let to = self.connected().await?;
        if to.server == server {
            return Ok(to);
        }
        Err(Error::Elsewhere)
    }

    async fn checked<T>(&self, generation: u64, reply: Result<T, RedisError>) -> Result<T, Error> {
        if let Err(error) = &reply {
            self.heed(generation, error).await;
        }
        Ok(reply?)
    }

    /// Drops the connection when an error tells that it is of no more use.
    async fn heed(&self, generation: u64, error: &RedisError) {
        if is_lost(error) {
            self.drop_if(generation, |_| true).await;
        } else if is_doubtful(error) {
            self.doubt(generation).await;
        }
    }

    /// Has the next command look again who has the queue, unless that was done just now.
    async fn doubt(&self, generation: u64) {
        self.drop_if(generation, |slot| slot.opened.elapsed() >= DOUBT)
            .await;
    }

    async fn drop_if(&self, generation: u64, is_over: impl Fn(&Slot) -> bool) {
        let mut slot = self.slot.lock().await;
        if slot.generation == generation && is_over(&slot) {
            slot.found = None;
        }
    }
}
