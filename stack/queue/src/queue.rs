//! The commands of the queue.

use std::sync::Arc;
use std::time::Duration;

use redis::{cmd, pipe};

use crate::connect::Connector;
use crate::gather::Gatherer;
use crate::link::Link;
use crate::{Access, AccessError, Entry, Error, Reader, Vote};

/// The stream that holds every vote not yet recorded. All other keys have its name in braces, which has a
/// cluster keep them where the stream is: scripts and transactions touch several of them (Redis cluster
/// specification, "Hash tags").
pub const STREAM: &str = "votes";

/// The stream that holds what came out of [`STREAM`] and was no vote.
pub const DEAD_STREAM: &str = "{votes}:dead";

/// The consumer group of the workers.
pub const GROUP: &str = "workers";

/// The key under which the results are cached.
pub const RESULTS_KEY: &str = "{votes}:results";

/// A key that nobody ever writes.
const NO_RESULTS_KEY: &str = "{votes}:results:none";

/// How long a command waits for its answer. Longer than a busy Redis takes, shorter than a voter
/// waits.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a vote waits for its answer, unless another time is set. Longer than one batch takes
/// that is not answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// The queue of votes. Cheap to clone; clones share one pipelined connection, which is opened when
/// first needed and opened anew when lost.
#[derive(Debug, Clone)]
pub struct Queue {
    pub(crate) link: Arc<Link>,
    gatherer: Gatherer,
    patience: Duration,
    pub(crate) connector: Connector,
}

impl Queue {
    /// Names Redis by a URL alone, as [`Access::url`] tells.
    ///
    /// # Errors
    /// [`Error::Url`] when the URL does not name Redis.
    pub fn connect(url: &str) -> Result<Self, Error> {
        Self::open(&Access::of(url)).map_err(|error| Error::Url(error.reason))
    }

    /// Names Redis, and reads the files that are named. Does not talk to it: Redis may be away and come
    /// later.
    ///
    /// # Errors
    /// [`AccessError`] names the part that is not usable.
    pub fn open(access: &Access) -> Result<Self, AccessError> {
        let connector = access.connector()?;
        let link = Link::new(connector.clone(), RESPONSE_TIMEOUT, access.replicas);
        Ok(Self::over(link, connector))
    }

    /// The same queue, in which votes wait for their answer for `patience` at most, over a connection of its own
    /// that is not given up before.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        let timeout = RESPONSE_TIMEOUT.max(patience);
        let link = Link::new(self.connector.clone(), timeout, self.link.replicas());
        Self {
            patience,
            ..Self::over(link, self.connector)
        }
    }

    fn over(link: Link, connector: Connector) -> Self {
        let link = Arc::new(link);
        Self {
            gatherer: Gatherer::new(Arc::clone(&link)),
            link,
            patience: PATIENCE,
            connector,
        }
    }

    /// The place of one worker in the consumer group. Two live readers must not share a name.
    #[must_use]
    pub fn reader(&self, consumer: &str) -> Reader {
        Reader::new(self.clone(), consumer)
    }

    /// Puts a vote at the end of the stream; when this returns, Redis has it, and as many replicas as
    /// [`Access::replicas`] says. Returns its entry id. Votes that many tasks have at once go together. To be
    /// called in a runtime of tokio.
    ///
    /// # Errors
    /// [`Error::Full`] when Redis has no room; [`Error::Away`] when it cannot be reached, does not
    /// answer within 2 s or what [`with_patience`](Self::with_patience) says, or too few replicas have the
    /// vote within half a second, in which case the vote may still arrive: the voter casts it again, and the
    /// later one wins. One that was not yet sent never is.
    pub async fn enqueue(&self, vote: &Vote) -> Result<String, Error> {
        self.gatherer.add(vote, self.patience).await
    }

    /// Takes entries that were read together out of the stream and off the pending list. To be called once
    /// their votes are committed. Acknowledging twice is harmless.
    ///
    /// # Errors
    /// [`Error`] when Redis did not confirm; the entries may then still be pending. [`Error::Elsewhere`] is for
    /// good: the server that has the queue by now will give out what it has of them.
    pub async fn acknowledge(&self, entries: &[Entry]) -> Result<(), Error> {
        let Some(Entry { server, .. }) = entries.first() else {
            return Ok(());
        };
        if entries.iter().any(|entry| entry.server != *server) {
            return Err(Error::Elsewhere);
        }
        let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
        // Not MULTI, which a full Redis refuses: then it could never be drained. In this order what
        // a crash leaves half done, a deleted entry still pending, comes back as
        // [`Content::Deleted`](crate::Content::Deleted); the other way round it would stay forever.
        let mut both = pipe();
        both.cmd("XDEL").arg(STREAM).arg(&ids).ignore();
        both.cmd("XACK").arg(STREAM).arg(GROUP).arg(&ids).ignore();
        self.link.pipeline_to(*server, &both).await
    }

    /// How many votes wait: undelivered plus in flight.
    ///
    /// # Errors
    /// [`Error`] when Redis does not say.
    pub async fn length(&self) -> Result<u64, Error> {
        self.link.command(cmd("XLEN").arg(STREAM)).await
    }

    /// How many entries were buried.
    ///
    /// # Errors
    /// [`Error`] when Redis does not say.
    pub async fn dead_length(&self) -> Result<u64, Error> {
        self.link.command(cmd("XLEN").arg(DEAD_STREAM)).await
    }

    /// Asks Redis, and as many replicas as have to have a vote, for a sign of life.
    ///
    /// # Errors
    /// [`Error::Away`] when there is none, [`Error::Setup`] when Redis does not let this program in.
    pub async fn ping(&self) -> Result<(), Error> {
        self.link.durably(&cmd("PING")).await
    }

    /// The cached results, unless they have expired.
    ///
    /// # Errors
    /// [`Error`] when Redis does not say.
    pub async fn cached_results(&self) -> Result<Option<String>, Error> {
        self.link.command(cmd("GET").arg(RESULTS_KEY)).await
    }

    /// Looks for results that are never cached: a miss as Redis counts it, for a cache that is
    /// cold on purpose.
    ///
    /// # Errors
    /// [`Error`] when Redis does not say.
    pub async fn look_in_vain(&self) -> Result<(), Error> {
        let nothing: Option<String> = self.link.command(cmd("GET").arg(NO_RESULTS_KEY)).await?;
        debug_assert!(nothing.is_none(), "nobody writes this key");
        Ok(())
    }

    /// Caches the results for `ttl`, which is at least one millisecond.
    ///
    /// # Errors
    /// [`Error`] when Redis did not confirm.
    pub async fn cache_results(&self, results: &str, ttl: Duration) -> Result<(), Error> {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        self.link
            .command(
                cmd("SET")
                    .arg(RESULTS_KEY)
                    .arg(results)
                    .arg("PX")
                    .arg(ttl_ms),
            )
            .await
    }
}
