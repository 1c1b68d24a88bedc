//! Votes of many callers, put in the stream together.
//!
//! While a batch is on its way to Redis the votes that come meanwhile gather, and are the next batch
//! (group commit). One writing, one turn of Redis and one of its fsyncs then serve all of a batch, so
//! that a vote costs the less the more of them come, and one that comes alone is sent at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{Cmd, Pipeline};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::link::Link;
use crate::{Error, STREAM, Vote};

/// Votes sent at once at most: some 40 kB, which do not hold up others in Redis for a millisecond.
const MOST: usize = 256;

/// What `XADD` of one vote takes, for most voters.
const COMMAND_ARGS: usize = 9;
const COMMAND_BYTES: usize = 128;

/// A vote that waits to be sent, and whoever waits for its entry id.
type Waiting = (Cmd, oneshot::Sender<Result<String, Error>>);

/// Where votes gather.
#[derive(Default)]
struct Gathered {
    votes: Vec<Waiting>,
    /// Whether a task sends them.
    is_sending: bool,
}

/// Puts votes at the end of the stream. Clones share what has gathered.
#[derive(Clone)]
pub(crate) struct Gatherer {
    link: Arc<Link>,
    gathered: Arc<Mutex<Gathered>>,
}

impl std::fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gatherer").finish_non_exhaustive()
    }
}

impl Gatherer {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            gathered: Arc::default(),
        }
    }

    /// Adds a vote; when this returns, Redis has it, and enough replicas. Returns its entry id. A vote that is given up
    /// before it was sent is never sent.
    pub(crate) async fn add(&self, vote: &Vote) -> Result<String, Error> {
        let (done, entry_id) = oneshot::channel();
        {
            let mut gathered = self.lock();
            gathered.votes.push((command(vote), done));
            if !gathered.is_sending {
                gathered.is_sending = true;
                tokio::spawn(Sending(self.clone()).run());
            }
        }
        entry_id
            .await
            .unwrap_or_else(|_| Err(Error::Away("it was not sent".to_owned())))
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending of what has gathered, until nothing has.
struct Sending(Gatherer);

impl Sending {
    async fn run(self) {
        loop {
            // Tasks that are ready to add theirs come first.
            yield_now().await;
            let Some(mut batch) = self.next_batch() else {
                return;
            };
            batch.retain(|(_, done)| !done.is_closed());
            if !batch.is_empty() {
                self.send(batch).await;
            }
        }
    }

    /// The oldest votes, or none when this is to end.
    fn next_batch(&self) -> Option<Vec<Waiting>> {
        let mut gathered = self.0.lock();
        if gathered.votes.is_empty() {
            gathered.is_sending = false;
            return None;
        }
        let later = gathered.votes.len().min(MOST);
        let later = gathered.votes.split_off(later);
        Some(std::mem::replace(&mut gathered.votes, later))
    }

    async fn send(&self, batch: Vec<Waiting>) {
        let (commands, waiting): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        match self.0.link.each_durably(&mut pipeline).await {
            Ok(added) => {
                for (done, added) in waiting.into_iter().zip(added) {
                    // Whoever has given up meanwhile has told so.
                    let _ = done.send(added);
                }
            }
            Err(error) => {
                for done in waiting {
                    let _ = done.send(Err(error.clone()));
                }
            }
        }
    }
}

impl Drop for Sending {
    /// After a panic the next vote starts another.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().is_sending = false;
        }
    }
}

fn command(vote: &Vote) -> Cmd {
    let mut id = uuid::Uuid::encode_buffer();
    let id = vote.id.hyphenated().encode_lower(&mut id);
    let mut add = Cmd::with_capacity(COMMAND_ARGS, COMMAND_BYTES);
    add.arg("XADD").arg(STREAM).arg("*").arg("id").arg(&*id);
    add.arg("voter").arg(&vote.voter);
    add.arg("choice").arg(&vote.choice);
    add
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::error::Error as StdError;
    use std::time::Duration;

    use futures::future::join_all;

    use super::*;
    use crate::test_support::RedisServer;
    use crate::{Content, Queue};

    type TestResult = Result<(), Box<dyn StdError>>;

    fn queue_of(redis: &RedisServer) -> Result<(Queue, Gatherer), Error> {
        let queue = Queue::connect(&redis.url())?;
        let gatherer = Gatherer::new(Arc::clone(&queue.link));
        Ok((queue, gatherer))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn each_of_many_gets_the_id_of_its_own_entry() -> TestResult {
        let redis = RedisServer::start()?;
        let (queue, gatherer) = queue_of(&redis)?;
        let votes = (0..1000).map(|n| Vote::cast(&format!("voter {n}"), "cats"));
        let votes: Vec<_> = votes.collect::<Result<_, _>>()?;
        let adding = votes.iter().cloned().map(|vote| {
            let gatherer = gatherer.clone();
            tokio::spawn(async move { (gatherer.add(&vote).await, vote) })
        });
        let mut by_id = HashMap::new();
        for added in join_all(adding).await {
            let (id, vote) = added?;
            by_id.insert(id?, vote);
        }
        assert_eq!(by_id.len(), votes.len());
        for entry in queue.reader("w1").read(2000).await? {
            assert_eq!(
                by_id.remove(&entry.id).map(Content::Vote),
                Some(entry.content)
            );
        }
        assert_eq!(by_id, HashMap::new());
        assert!(!gatherer.lock().is_sending);
        Ok(())
    }

    #[tokio::test]
    async fn a_vote_given_up_before_it_was_sent_is_never_sent() -> TestResult {
        let redis = RedisServer::start()?;
        let (queue, gatherer) = queue_of(&redis)?;
        redis.command(&[b"CLIENT", b"PAUSE", b"60000", b"WRITE"])?;
        let add = |voter| {
            let (gatherer, vote) = (gatherer.clone(), Vote::cast(voter, "cats"));
            tokio::spawn(async move { gatherer.add(&vote.unwrap()).await })
        };
        let first = add("on its way");
        while !gatherer.lock().is_sending || !gatherer.lock().votes.is_empty() {
            yield_now().await;
        }
        let (given_up, last) = (add("given up"), add("last"));
        while gatherer.lock().votes.len() < 2 {
            yield_now().await;
        }
        given_up.abort();
        assert!(given_up.await.is_err_and(|error| error.is_cancelled()));
        redis.command(&[b"CLIENT", b"UNPAUSE"])?;
        let ids = [first.await??, last.await??];
        let entries = queue.reader("w1").read(10).await?;
        assert_eq!(
            ids.to_vec(),
            entries
                .into_iter()
                .map(|entry| entry.id)
                .collect::<Vec<_>>()
        );
        Ok(())
    }

    #[tokio::test]
    async fn what_redis_refuses_is_told_to_each_and_the_next_are_taken() -> TestResult {
        let redis = RedisServer::start()?;
        let (queue, gatherer) = queue_of(&redis)?;
        redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"1"])?;
        let votes = ["ann", "ben", "cleo"].map(|voter| Vote::cast(voter, "cats").unwrap());
        for added in join_all(votes.iter().map(|vote| gatherer.add(vote))).await {
            assert!(matches!(added, Err(Error::Full(_))), "{added:?}");
        }
        redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])?;
        gatherer.add(&votes[0]).await?;
        assert_eq!(queue.length().await?, 1);
        Ok(())
    }

    #[tokio::test]
    async fn a_refusal_of_one_that_was_primary_has_the_next_look_for_it_again() -> TestResult {
        let redis = RedisServer::start()?;
        let (queue, gatherer) = queue_of(&redis)?;
        let vote = Vote::cast("ann", "cats")?;
        gatherer.add(&vote).await?;
        let mut client_id = Cmd::new();
        client_id.arg("CLIENT");
        client_id.arg("ID");
        let first: u64 = queue.link.command(&client_id).await?;
        redis.command(&[b"REPLICAOF", b"127.0.0.1", b"1"])?;
        let looked_again = async {
            while queue.link.command::<u64>(&client_id).await? == first {
                assert!(gatherer.add(&vote).await.is_err());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok::<_, Error>(())
        };
        tokio::time::timeout(Duration::from_secs(30), looked_again).await??;
        Ok(())
    }
}
