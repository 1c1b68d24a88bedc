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

use crate::link::{Connected, Link};
use crate::{Error, STREAM, Vote};

/// Votes sent at once at most: some 40 kB, which do not hold up others in Redis for a millisecond.
const MOST: usize = 256;

/// Batches on their way at once at most. With more to send, votes gather.
const MOST_BATCHES: usize = 16;

/// What `XADD` of one vote takes, for most voters.
const COMMAND_ARGS: usize = 9;
const COMMAND_BYTES: usize = 128;

/// How often to look whose time is over, when there was nobody whose time it could be.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

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

impl Gathered {
    /// Until when the oldest vote waits.
    fn oldest(&self) -> Option<Instant> {
        self.votes.front().map(|(_, caller)| caller.until)
    }
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
                Ok(Ok(place)) => self.send(until, place).await,
                // There are always places: nobody closes them.
                Ok(Err(_)) => return,
                Err(_) => self.give_up_late(),
            }
        }
    }

    /// Until when the oldest vote waits; none when this is to end.
    fn oldest(&self) -> Option<Instant> {
        let mut gathered = self.0.lock();
        let until = gathered.oldest();
        gathered.is_sending = until.is_some();
        until
    }

    /// Sends the oldest votes, the first of which waits `until` then.
    async fn send(&self, until: Instant, place: OwnedSemaphorePermit) {
        // First the connection: while it is opened, votes can be given up that then are not sent.
        let connected = self.connected(until).await;
        let batch = self.next_batch();
        match connected {
            Ok(_) if batch.callers.is_empty() => {}
            Ok(to) => {
                tokio::spawn(batch.send(self.0.link.clone(), to, place));
            }
            Err(error) => tell_all(batch.callers, &error),
        }
    }

    /// The connection, once there is one. Whose time is over by then is told so.
    async fn connected(&self, mut until: Instant) -> Result<Connected, Error> {
        let mut connected = std::pin::pin!(self.0.link.connected());
        loop {
            if let Ok(connected) = timeout_at(until.into(), connected.as_mut()).await {
                return connected;
            }
            self.give_up_late();
            let oldest = self.0.lock().oldest();
            until = oldest.unwrap_or_else(|| Instant::now() + LOOK_INTERVAL);
        }
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
        let now = Instant::now();
        let mut gathered = self.0.lock();
        let count = gathered.votes.len().min(MOST);
        let mut batch = Batch::with_capacity(count);
        for (command, caller) in gathered.votes.drain(..count) {
            if caller.done.is_closed() {
                continue;
            }
            if caller.until <= now {
                caller.tell_late();
                continue;
            }
            batch.commands.add_command(command);
            batch.callers.push_back(caller);
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
    async fn send(mut self, link: Arc<Link>, to: Connected, place: OwnedSemaphorePermit) {
        let mut sent = std::pin::pin!(link.each_durably(to, &mut self.commands));
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
            Err(error) => tell_all(self.callers, &error),
        }
    }
}

fn tell_all(callers: VecDeque<Caller>, error: &Error) {
    for caller in callers {
        caller.tell(Err(error.clone()));
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
#[path = "gather_tests.rs"]
mod tests;
