//! One worker's place in the consumer group.

use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, RedisError, Value, cmd};

use crate::connect::{Found, Server};
use crate::entry::{from_claim, from_read};
use crate::error::{is_doubtful, is_lost};
use crate::link::DOUBT;
use crate::{Entry, Error, GROUP, Queue, STREAM};

/// How long [`Reader::read`] waits for new entries. Short, so that a reader sees a shutdown soon
/// without cutting a wait short.
pub const BLOCK: Duration = Duration::from_millis(500);

/// A blocked read must outlast [`BLOCK`], or its answer would be dropped on the floor while Redis
/// counts the entries as delivered.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(2500);

/// How long a server is taken for the one with the queue, where Sentinels say who is: a primary that they have
/// replaced may not know it, and answer for ever.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The id before all others, and the cursor of a scan that is done.
const START: &str = "0-0";

/// A script, so that nothing can become pending between the question and the deletion.
const LEAVE: &str = "
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
    if #pending == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end";

/// One worker's place in the consumer group, on a connection of its own: a blocking read would hold
/// up every command behind it.
///
/// Entries delivered to this reader whose answer was lost are pending for it. So on every new
/// connection it first reads what is pending for it, until there is nothing more.
#[derive(Debug)]
pub struct Reader {
    queue: Queue,
    consumer: String,
    connection: Option<Opened>,
    /// The last pending entry read again, while there may be more of them.
    replay_after: Option<String>,
    /// Where the next scan for abandoned entries goes on.
    claim_cursor: String,
}

/// A connection, to whom, and since when it is open.
#[derive(Debug)]
struct Opened {
    connection: MultiplexedConnection,
    server: Server,
    since: Instant,
    /// When it was last asked who has the queue.
    looked: Instant,
}

impl Reader {
    pub(crate) fn new(queue: Queue, consumer: &str) -> Self {
        Self {
            queue,
            consumer: consumer.to_owned(),
            connection: None,
            replay_after: Some(START.to_owned()),
            claim_cursor: START.to_owned(),
        }
    }

    /// Reads at most `count` entries: first those pending for this reader, then new ones, waiting up
    /// to [`BLOCK`] for them. Empty when none came.
    ///
    /// Not to be cancelled: the entries of a dropped answer stay pending until the next connection.
    ///
    /// # Errors
    /// [`Error`] when Redis did not answer with entries; the next call starts afresh.
    pub async fn read(&mut self, count: usize) -> Result<Vec<Entry>, Error> {
        if let Some(after) = self.replay_after.clone() {
            let entries = from_read(self.send(&self.read_command(count, &after)).await?)?;
            self.replay_after = entries.last().map(|entry| entry.id.clone());
            if !entries.is_empty() {
                return Ok(self.given_out(entries));
            }
        }
        let entries = from_read(self.send(&self.read_command(count, ">")).await?)?;
        let entries = self.given_out(entries);
        self.look_again().await;
        Ok(entries)
    }

    /// The entries, which came over this connection, with the server that it leads to.
    fn given_out(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let server = self.connection.as_ref().map(|opened| opened.server);
        for entry in &mut entries {
            entry.server = server.unwrap_or_default();
        }
        entries
    }

    /// Gives the connection up when Sentinels say that another server has the queue.
    async fn look_again(&mut self) {
        let Some(opened) = &mut self.connection else {
            return;
        };
        if opened.looked.elapsed() < LOOK_AGAIN {
            return;
        }
        opened.looked = Instant::now();
        // Without an answer nothing is known, and what is there is as good as any.
        if let Ok(Some(primary)) = self.queue.connector.primary().await
            && primary != opened.server
        {
            self.give_up();
        }
    }

    /// What is pending is read again first, whatever opens the next connection, a scan for abandoned entries
    /// perhaps.
    fn give_up(&mut self) {
        self.connection = None;
        self.replay_after = Some(START.to_owned());
    }

    /// Takes over at most `count` entries that some reader has held unacknowledged for `min_idle`.
    /// Each call goes on where the last one stopped, round and round.
    ///
    /// Not to be cancelled, as [`read`](Self::read).
    ///
    /// # Errors
    /// [`Error`] when Redis did not answer with entries.
    pub async fn reclaim(&mut self, min_idle: Duration, count: usize) -> Result<Vec<Entry>, Error> {
        let mut claim = cmd("XAUTOCLAIM");
        claim.arg(STREAM).arg(GROUP).arg(&self.consumer);
        claim.arg(u64::try_from(min_idle.as_millis()).unwrap_or(u64::MAX));
        claim.arg(&self.claim_cursor).arg("COUNT").arg(count);
        let (cursor, entries) = from_claim(self.send(&claim).await?)?;
        self.claim_cursor = cursor;
        Ok(self.given_out(entries))
    }

    /// Whether a scan for abandoned entries has more to look at.
    #[must_use]
    pub fn is_reclaiming(&self) -> bool {
        self.claim_cursor != START
    }

    /// Whether the next entries that are read may be some that this reader was given before.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.replay_after.is_some()
    }

    /// Takes this reader's name out of the group, unless entries are pending for it: with the name
    /// they would go out of everyone's reach.
    ///
    /// # Errors
    /// [`Error`] when Redis did not confirm; the name then stays, which does no harm.
    pub async fn leave(mut self) -> Result<(), Error> {
        let mut leave = cmd("EVAL");
        leave
            .arg(LEAVE)
            .arg(1)
            .arg(STREAM)
            .arg(GROUP)
            .arg(&self.consumer);
        self.send_once(&leave).await??;
        Ok(())
    }

    fn read_command(&self, count: usize, after: &str) -> Cmd {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP")
            .arg(GROUP)
            .arg(&self.consumer)
            .arg("COUNT")
            .arg(count);
        if after == ">" {
            read.arg("BLOCK").arg(BLOCK.as_millis().to_string());
        }
        read.arg("STREAMS").arg(STREAM).arg(after);
        read
    }

    /// Sends a command; without the group (first start, or the stream was deleted) makes it and
    /// sends again.
    async fn send(&mut self, command: &Cmd) -> Result<Value, Error> {
        match self.send_once(command).await? {
            Err(error) if error.code() == Some("NOGROUP") => {
                self.create_group().await?;
                Ok(self.send_once(command).await??)
            }
            reply => Ok(reply?),
        }
    }

    /// The outer error is that there is no connection.
    async fn send_once(&mut self, command: &Cmd) -> Result<Result<Value, RedisError>, Error> {
        let opened = match &mut self.connection {
            Some(opened) => opened,
            none => {
                let Found { connection, server } =
                    self.queue.connector.open(RESPONSE_TIMEOUT).await?;
                none.insert(Opened {
                    connection,
                    server,
                    since: Instant::now(),
                    looked: Instant::now(),
                })
            }
        };
        let reply = opened
            .connection
            .req_packed_command(command)
            .await
            .and_then(Value::extract_error);
        if let Err(error) = &reply
            && (is_lost(error) || is_doubtful(error) && opened.since.elapsed() >= DOUBT)
        {
            self.give_up();
        }
        Ok(reply)
    }

    /// From the stream's beginning: votes may have come before the first worker.
    async fn create_group(&mut self) -> Result<(), Error> {
        let mut create = cmd("XGROUP");
        create
            .arg("CREATE")
            .arg(STREAM)
            .arg(GROUP)
            .arg("0")
            .arg("MKSTREAM");
        match self.send_once(&create).await? {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error.into()),
            _ => Ok(()),
        }
    }
}
