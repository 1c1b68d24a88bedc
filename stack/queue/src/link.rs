//! One connection to Redis that many tasks share and that comes back by itself.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError};
use tokio::sync::Mutex;

use crate::Error;

/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a failure to connect is repeated to others before the next attempt. Without it, each of
/// a thousand waiting tasks would try for itself, one after the other.
const FAILURE_REMEMBERED: Duration = Duration::from_millis(100);

/// Commands that may wait to be written before senders are held back.
const PIPELINE_BUFFER: usize = 1024;

/// Opens a connection whose every command fails after `response_timeout`.
pub(crate) async fn open(
    client: &Client,
    response_timeout: Duration,
) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(response_timeout))
        .set_pipeline_buffer_size(PIPELINE_BUFFER);
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

/// Whether a connection is of no more use after this error. A timeout counts: the peer may be gone
/// without a word, and only a new connection can find out.
pub(crate) fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error()
}

/// The shared connection: opened when first needed, replaced when lost.
#[derive(Debug)]
pub(crate) struct Link {
    client: Client,
    response_timeout: Duration,
    slot: Mutex<Slot>,
}

/// What is known of the connection. `generation` tells a lost connection from its successor.
#[derive(Default)]
struct Slot {
    generation: u64,
    connection: Option<MultiplexedConnection>,
    failure: Option<(Instant, Error)>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(client: Client, response_timeout: Duration) -> Self {
        Self {
            client,
            response_timeout,
            slot: Mutex::default(),
        }
    }

    /// Sends one command, pipelined with those of other tasks.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let (generation, mut connection) = self.connection().await?;
        let reply = command.query_async(&mut connection).await;
        self.checked(generation, reply).await
    }

    /// Sends several commands at once; atomically when the pipeline says so.
    pub(crate) async fn pipeline<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, Error> {
        let (generation, mut connection) = self.connection().await?;
        let reply = pipeline.query_async(&mut connection).await;
        self.checked(generation, reply).await
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), Error> {
        let mut slot = self.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok((slot.generation, connection.clone()));
        }
        if let Some((at, error)) = &slot.failure
            && at.elapsed() < FAILURE_REMEMBERED
        {
            return Err(error.clone());
        }
        match open(&self.client, self.response_timeout).await {
            Ok(connection) => {
                slot.generation += 1;
                slot.connection = Some(connection.clone());
                slot.failure = None;
                Ok((slot.generation, connection))
            }
            Err(error) => {
                let error = Error::from(error);
                slot.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn checked<T>(&self, generation: u64, reply: Result<T, RedisError>) -> Result<T, Error> {
        if let Err(error) = &reply
            && is_lost(error)
        {
            let mut slot = self.slot.lock().await;
            if slot.generation == generation {
                slot.connection = None;
            }
        }
        Ok(reply?)
    }
}
