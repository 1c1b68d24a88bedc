//! Votes of many callers, put in the stream together.
//!
//! Votes that come in one turn of the runtime are one batch: one writing and one turn of Redis serve all
//! of it, and a vote that comes alone is sent at once. Several batches are on their way at once, so that
//! Redis works on some while the voters of others are answered; what comes to Redis while it syncs its
//! file is written and synced as one (group commit).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, Pipeline};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::yield_now;
use tokio::time::timeout_at;

use crate::link::Link;
use crate::{Error, STREAM, Vote};

/// Votes sent at once at most: some 40 kB, which do not hold up others in Redis for a millisecond.
const MOST: usize = 256;

/// Batches on their way at once at most. With more to send, votes gather.
const MOST_BATCHES: usize = 16;

/// What `XADD` of one vote takes, for most voters.
const COMMAND_ARGS: usize = 9;
const COMMAND_BYTES: usize = 128;

/// Whoever waits for the entry id of a vote.
struct Caller {
    done: oneshot::Sender<Result<String, Error>>,
    /// When the vote is given up.
    until: Instant,
}

impl Caller {
    fn tell(self, added: Result<String, Error>) {
        // Whoever has given up meanwhile has told so.
        let _ = self.done.send(added);
    }

    fn tell_late(self) {
        self.tell(Err(Error::Away("no answer in time".to_owned())));
    }
}

/// Where votes gather.
#[derive(Default)]
struct Gathered {
    votes: VecDeque<(Cmd, Caller)>,
    /// Whether a task sends them.
    is_sending: bool,
}

/// Puts votes at the end of the stream. Clones share what has gathered.
#[derive(Clone)]
pub(crate) struct Gatherer {
    link: Arc<Link>,
    gathered: Arc<Mutex<Gathered>>,
    /// One for each batch that may be on its way.
    places: Arc<Semaphore>,
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
            places: Arc::new(Semaphore::new(MOST_BATCHES)),
        }
    }

    /// Adds a vote; when this returns, Redis has it, and enough replicas. Returns its entry id. A vote that
    /// is given up before it was sent, by its caller or after `patience`, is never sent. One timer serves
    /// all: a vote with less patience than those before it may be told late.
    pub(crate) async fn add(&self, vote: &Vote, patience: Duration) -> Result<String, Error> {
        let (done, entry_id) = oneshot::channel();
        let until = Instant::now() + patience;
        let waiting = (command(vote), Caller { done, until });
        {
            let mut gathered = self.lock();
            gathered.votes.push_back(waiting);
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
            let Some(until) = self.oldest() else {
                return;
            };
            let place = self.0.places.clone().acquire_owned();
            match timeout_at(until.into(), place).await {
                Ok(Ok(place)) => {
                    let batch = self.next_batch();
                    if !batch.callers.is_empty() {
                        tokio::spawn(batch.send(self.0.link.clone(), place));
                    }
                }
                // There are always places: nobody closes them.
                Ok(Err(_)) => return,
                Err(_) => self.give_up_late(),
            }
        }
    }

    /// Until when the oldest vote waits; none when this is to end.
    fn oldest(&self) -> Option<Instant> {
        let mut gathered = self.0.lock();
        let until = gathered.votes.front().map(|(_, caller)| caller.until);
        gathered.is_sending = until.is_some();
        until
    }

    fn give_up_late(&self) {
        let now = Instant::now();
        let mut gathered = self.0.lock();
        let is_late = |(_, caller): &mut (Cmd, Caller)| caller.until <= now;
        while let Some((_, caller)) = gathered.votes.pop_front_if(is_late) {
            caller.tell_late();
        }
    }

    /// The oldest votes, without those that were given up.
    fn next_batch(&self) -> Batch {
        let mut gathered = self.0.lock();
        let count = gathered.votes.len().min(MOST);
        let mut batch = Batch::with_capacity(count);
        for (command, caller) in gathered.votes.drain(..count) {
            if !caller.done.is_closed() {
                batch.commands.add_command(command);
                batch.callers.push_back(caller);
            }
        }
        batch
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

/// Votes that are sent together.
struct Batch {
    commands: Pipeline,
    /// In the order of the commands.
    callers: VecDeque<Caller>,
}

impl Batch {
    fn with_capacity(count: usize) -> Self {
        Self {
            commands: Pipeline::with_capacity(count),
            callers: VecDeque::with_capacity(count),
        }
    }

    /// Sends the votes and tells the callers, each when its patience is over or there is an answer.
    async fn send(mut self, link: Arc<Link>, place: OwnedSemaphorePermit) {
        let mut sent = std::pin::pin!(link.each_durably(&mut self.commands));
        let mut given_up = 0;
        let added = loop {
            let Some(oldest) = self.callers.front() else {
                break sent.await;
            };
            match timeout_at(oldest.until.into(), sent.as_mut()).await {
                Ok(added) => break added,
                Err(_) => given_up += give_up_late(&mut self.callers),
            }
        };
        drop(place);
        match added {
            Ok(added) => {
                for (caller, added) in self
                    .callers
                    .into_iter()
                    .zip(added.into_iter().skip(given_up))
                {
                    caller.tell(added);
                }
            }
            Err(error) => {
                for caller in self.callers {
                    caller.tell(Err(error.clone()));
                }
            }
        }
    }
}

/// How many of the callers were told that their time is over.
fn give_up_late(callers: &mut VecDeque<Caller>) -> usize {
    let (now, before) = (Instant::now(), callers.len());
    while let Some(caller) = callers.pop_front_if(|caller| caller.until <= now) {
        caller.tell_late();
    }
    before - callers.len()
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

    const PATIENCE: Duration = Duration::from_mins(1);

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
            tokio::spawn(async move { (gatherer.add(&vote, PATIENCE).await, vote) })
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

    /// Has votes gather until what is returned is dropped.
    async fn hold_up(gatherer: &Gatherer) -> Result<OwnedSemaphorePermit, Box<dyn StdError>> {
        let all = u32::try_from(MOST_BATCHES)?;
        Ok(gatherer.places.clone().acquire_many_owned(all).await?)
    }

    #[tokio::test]
    async fn a_vote_given_up_before_it_was_sent_is_never_sent() -> TestResult {
        let redis = RedisServer::start()?;
        let (queue, gatherer) = queue_of(&redis)?;
        let held_up = hold_up(&gatherer).await?;
        let add = |voter| {
            let (gatherer, vote) = (gatherer.clone(), Vote::cast(voter, "cats"));
            tokio::spawn(async move { gatherer.add(&vote.unwrap(), PATIENCE).await })
        };
        let votes = (add("first"), add("given up"), add("last"));
        while gatherer.lock().votes.len() < 3 {
            yield_now().await;
        }
        votes.1.abort();
        assert!(votes.1.await.is_err_and(|error| error.is_cancelled()));
        drop(held_up);
        let ids = [votes.0.await??, votes.2.await??];
        let entries = queue.reader("w1").read(10).await?;
        let entries: Vec<_> = entries.into_iter().map(|entry| entry.id).collect();
        assert_eq!(ids.to_vec(), entries);
        Ok(())
    }

    #[tokio::test]
    async fn a_vote_whose_time_is_over_is_never_sent() -> TestResult {
        let redis = RedisServer::start()?;
        let (queue, gatherer) = queue_of(&redis)?;
        let held_up = hold_up(&gatherer).await?;
        let vote = Vote::cast("ann", "cats")?;
        let late = gatherer.add(&vote, Duration::from_millis(20)).await;
        assert!(matches!(&late, Err(Error::Away(why)) if why == "no answer in time"));
        drop(held_up);
        let id = gatherer.add(&vote, PATIENCE).await?;
        let entries = queue.reader("w1").read(10).await?;
        assert_eq!(
            vec![id],
            entries
                .into_iter()
                .map(|entry| entry.id)
                .collect::<Vec<_>>()
        );
        Ok(())
    }

    #[tokio::test]
    async fn each_is_told_when_its_own_time_is_over_and_the_rest_when_redis_answers() -> TestResult
    {
        let redis = RedisServer::start()?;
        let (queue, gatherer) = queue_of(&redis)?;
        queue.ping().await?;
        redis.command(&[b"CLIENT", b"PAUSE", b"60000", b"WRITE"])?;
        let (hasty, patient) = (Vote::cast("ann", "cats")?, Vote::cast("ben", "cats")?);
        let patient = gatherer.add(&patient, PATIENCE);
        let hasty = async {
            let late = gatherer.add(&hasty, Duration::from_millis(20)).await;
            redis.command(&[b"CLIENT", b"UNPAUSE"]).map(|_| late)
        };
        let (late, added) = tokio::join!(hasty, patient);
        assert!(matches!(late?, Err(Error::Away(_))));
        let entries = queue.reader("w1").read(10).await?;
        assert_eq!(entries.len(), 2, "both were sent");
        assert_eq!(entries[1].id, added?);
        Ok(())
    }

    #[tokio::test]
    async fn what_redis_refuses_is_told_to_each_and_the_next_are_taken() -> TestResult {
        let redis = RedisServer::start()?;
        let (queue, gatherer) = queue_of(&redis)?;
        redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"1"])?;
        let votes = ["ann", "ben", "cleo"].map(|voter| Vote::cast(voter, "cats").unwrap());
        for added in join_all(votes.iter().map(|vote| gatherer.add(vote, PATIENCE))).await {
            assert!(matches!(added, Err(Error::Full(_))), "{added:?}");
        }
        redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])?;
        gatherer.add(&votes[0], PATIENCE).await?;
        assert_eq!(queue.length().await?, 1);
        Ok(())
    }

    #[tokio::test]
    async fn a_refusal_of_one_that_was_primary_has_the_next_look_for_it_again() -> TestResult {
        let redis = RedisServer::start()?;
        let (queue, gatherer) = queue_of(&redis)?;
        let vote = Vote::cast("ann", "cats")?;
        gatherer.add(&vote, PATIENCE).await?;
        let mut client_id = Cmd::new();
        client_id.arg("CLIENT");
        client_id.arg("ID");
        let first: u64 = queue.link.command(&client_id).await?;
        redis.command(&[b"REPLICAOF", b"127.0.0.1", b"1"])?;
        let looked_again = async {
            while queue.link.command::<u64>(&client_id).await? == first {
                assert!(gatherer.add(&vote, PATIENCE).await.is_err());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok::<_, Error>(())
        };
        tokio::time::timeout(Duration::from_secs(30), looked_again).await??;
        Ok(())
    }
}
