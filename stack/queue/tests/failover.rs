//! Votes while real servers take each other's place.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;
use voteops_queue::test_support::{Cluster, MASTER, RedisServer, Sentinels, patiently};
use voteops_queue::{
    Access, Content, DEAD_STREAM, DeadReason, Entry, Error, Once, Queue, Reader, Vote,
};

type TestResult = Result<(), Box<dyn StdError>>;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

const VOTERS: usize = 8;

/// Votes that are accepted before something is done to the servers, and after.
const VOTES: usize = 300;

fn access(url: &str, replicas: usize) -> Access {
    Access {
        replicas,
        ..Access::of(url)
    }
}

/// Voters who cast one vote after the other, each until it is accepted. Nobody reads meanwhile: what was read
/// of a server that is lost would be there however little the next one has.
struct Votes {
    access: Access,
    over: Arc<AtomicBool>,
    accepted: watch::Receiver<usize>,
    refusal: watch::Receiver<String>,
    voters: JoinSet<Vec<Uuid>>,
}

impl Votes {
    fn begin(access: &Access) -> Result<Self, Box<dyn StdError>> {
        let over = Arc::new(AtomicBool::new(false));
        let (count, accepted) = watch::channel(0);
        let (told, refusal) = watch::channel(String::new());
        let mut voters = JoinSet::new();
        for voter in 0..VOTERS {
            let (queue, over, count) = (Queue::open(access)?, over.clone(), count.clone());
            let told = told.clone();
            voters.spawn(async move {
                let mut mine = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    match vote(&queue, voter, mine.len()).await {
                        Ok(id) => {
                            mine.push(id);
                            count.send_modify(|count| *count += 1);
                        }
                        Err(error) => {
                            told.send_replace(error.to_string());
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    }
                }
                mine
            });
        }
        Ok(Self {
            access: access.clone(),
            over,
            accepted,
            refusal,
            voters,
        })
    }

    /// Waits until as many more are accepted.
    async fn go_on(&mut self) -> TestResult {
        let so_far = *self.accepted.borrow();
        let enough = self.accepted.wait_for(|count| *count >= so_far + VOTES);
        let waited = tokio::time::timeout(PATIENCE, enough).await;
        if let Ok(enough) = waited.map(|enough| enough.map(drop)) {
            return Ok(enough?);
        }
        let (now, refusal) = (*self.accepted.borrow(), self.refusal.borrow().clone());
        Err(format!("{so_far} votes were accepted, now {now}: {refusal}").into())
    }

    /// Waits until one is refused.
    async fn refused(&mut self) -> TestResult {
        self.refusal.mark_unchanged();
        Ok(tokio::time::timeout(PATIENCE, self.refusal.changed()).await??)
    }

    /// Ends the voting, and sees that everything that was accepted can be read.
    async fn all_are_there(self) -> TestResult {
        let (lost, accepted) = self.lost().await?;
        assert_eq!(lost, 0, "of {accepted} accepted votes");
        Ok(())
    }

    /// Ends the voting. How many cannot be read of those that were accepted, and how many these were.
    async fn lost(mut self) -> Result<(usize, usize), Box<dyn StdError>> {
        self.over.store(true, Ordering::Relaxed);
        let mut accepted = BTreeSet::new();
        while let Some(mine) = self.voters.join_next().await {
            accepted.extend(mine?);
        }
        let queue = Queue::open(&self.access)?;
        let read = tokio::time::timeout(PATIENCE, drain(&queue)).await??;
        Ok((accepted.difference(&read).count(), accepted.len()))
    }
}

/// Every second vote has a key, and is sent again until it is known to be there.
async fn vote(queue: &Queue, voter: usize, number: usize) -> Result<Uuid, Error> {
    let (name, key) = (format!("v{voter}"), number.to_string());
    let is_keyed = number % 2 == 1;
    let vote = if is_keyed {
        Vote::cast_with_key(&name, "cats", &key)
    } else {
        Vote::cast(&name, "cats")
    };
    let vote = vote.map_err(|error| Error::Other(error.to_string()))?;
    if is_keyed {
        queue.enqueue_once(&vote, PATIENCE).await?;
    } else {
        queue.enqueue(&vote).await?;
    }
    Ok(vote.id)
}

/// Reads and acknowledges until nothing is left.
async fn drain(queue: &Queue) -> Result<BTreeSet<Uuid>, Error> {
    let mut reader = queue.reader("w");
    let mut read = BTreeSet::new();
    loop {
        match step(queue, &mut reader, &mut read).await {
            Ok(()) if queue.length().await? == 0 => return Ok(read),
            Ok(()) => {}
            Err(Error::Away(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => return Err(error),
        }
    }
}

async fn step(queue: &Queue, reader: &mut Reader, read: &mut BTreeSet<Uuid>) -> Result<(), Error> {
    let entries = reader.read(100).await?;
    for entry in &entries {
        if let Content::Vote(vote) = &entry.content {
            read.insert(vote.id);
        }
    }
    // Nobody reads them to this reader again while its connection holds. Another server will.
    let acknowledged = async || match queue.acknowledge(&entries).await {
        Err(Error::Elsewhere) => Ok(()),
        told => told,
    };
    patiently(acknowledged).await
}

/// Has the primary alone what it takes from now on: so much is on its way to the replica before that, which
/// stands still, that the system has no room for more.
fn outrun_replica(servers: &Sentinels) -> TestResult {
    const MORE_THAN_SOCKETS_HOLD_BYTES: usize = 32 << 20;
    servers.replica.pause()?;
    let filler = vec![b'x'; MORE_THAN_SOCKETS_HOLD_BYTES];
    servers.primary.command(&[b"SET", b"filler", &filler])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_vote_is_lost_when_the_primary_of_sentinels_is_killed() -> TestResult {
    let mut servers = Sentinels::start()?;
    let mut votes = Votes::begin(&access(&servers.url(), 1))?;
    votes.go_on().await?;
    outrun_replica(&servers)?;
    votes.refused().await?;
    servers.primary.kill()?;
    servers.replica.resume()?;
    // Nothing is accepted until the old primary is a replica again: the new one has none.
    let took_over = || servers.name(&servers.replica);
    until("the replica takes over", took_over).await?;
    servers.primary.restart()?;
    votes.go_on().await?;
    votes.all_are_there().await
}

/// It takes itself for the primary for a while once it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_vote_is_lost_when_the_primary_of_sentinels_hangs() -> TestResult {
    let servers = Sentinels::start()?;
    let mut votes = Votes::begin(&access(&servers.url(), 1))?;
    votes.go_on().await?;
    servers.primary.pause()?;
    let took_over = || servers.name(&servers.replica);
    until("the replica takes over", took_over).await?;
    servers.primary.resume()?;
    votes.go_on().await?;
    votes.all_are_there().await
}

/// As `docs/redis.md` says of those who do not ask for replicas. Were it otherwise, the test above would show
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_votes_that_no_replica_has_are_lost_with_the_primary() -> TestResult {
    let mut servers = Sentinels::start()?;
    let mut votes = Votes::begin(&access(&servers.url(), 0))?;
    votes.go_on().await?;
    outrun_replica(&servers)?;
    votes.go_on().await?;
    servers.primary.kill()?;
    servers.replica.resume()?;
    let took_over = || servers.name(&servers.replica);
    until("the replica takes over", took_over).await?;
    votes.go_on().await?;
    let (lost, accepted) = votes.lost().await?;
    assert!(lost >= VOTES, "{lost} of {accepted}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_vote_is_lost_when_a_node_of_a_cluster_is_killed() -> TestResult {
    let mut cluster = Cluster::start()?;
    let mut votes = Votes::begin(&access(&cluster.url(), 1))?;
    votes.go_on().await?;
    let owner = cluster.owner;
    cluster.nodes[owner].kill()?;
    let replica = &cluster.replica;
    let took_over = || replica.command(&[b"XLEN", b"votes"]).is_ok();
    until("the replica takes over", took_over).await?;
    cluster.nodes[owner].restart()?;
    votes.go_on().await?;
    votes.all_are_there().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_queue_is_in_one_slot_and_may_move() -> TestResult {
    let cluster = Cluster::start()?;
    let mut votes = Votes::begin(&access(&cluster.url(), 0))?;
    votes.go_on().await?;
    let queue = Queue::connect(&cluster.url())?;
    patiently(|| queue.cache_results("[]", PATIENCE)).await?;
    let owner = &cluster.nodes[cluster.owner];
    let now = &cluster.nodes[cluster.move_queue()?];
    votes.go_on().await?;
    votes.all_are_there().await?;
    assert!(owner.command(&[b"XLEN", b"votes"]).is_err());
    assert!(now.command(&[b"XLEN", b"votes"]).is_ok());

    // What is no vote is buried by a script of two keys.
    now.command(&[b"XADD", b"votes", b"*", b"a", b"b"])?;
    let poison = patiently(|| async { queue.reader("w").read(1).await }).await?;
    let buried = patiently(|| queue.bury(&poison[0], DeadReason::Fields)).await?;
    assert!(buried);
    assert_eq!(queue.dead_length().await?, 1);
    assert!(now.command(&[b"XLEN", DEAD_STREAM.as_bytes()]).is_ok());
    assert_eq!(queue.cached_results().await?.as_deref(), Some("[]"));
    queue.look_in_vain().await?;
    queue.fill().await?;
    Ok(())
}

#[tokio::test]
async fn a_vote_counts_once_as_many_replicas_as_asked_for_have_it() -> TestResult {
    let primary = RedisServer::start()?;
    let port = primary.port().to_string();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port])?;
    let is_attached = || {
        primary
            .info("connected_slaves")
            .is_ok_and(|count| count == 1)
    };
    until("the replica is there", is_attached).await?;
    let queue = |replicas| Queue::open(&access(&primary.url(), replicas));
    let (one, two) = (queue(1)?, queue(2)?);
    patiently(|| one.ping()).await?;
    let vote = Vote::cast_with_key("ann", "cats", "k")?;
    let first = Vote::cast("ann", "cats")?;
    patiently(|| one.enqueue(&first)).await?;
    let told = two.enqueue_once(&vote, PATIENCE).await;
    let told = told.err().ok_or("there are no two replicas")?.to_string();
    assert!(told.contains("of 2 replicas have"), "{told}");
    // In the primary it is, but a replica that is stopped does not know it, whoever asks.
    replica.pause()?;
    let other = Vote::cast_with_key("ann", "cats", "other")?;
    for queue in [&one, &queue(1)?] {
        let told = queue.enqueue_once(&other, PATIENCE).await;
        assert!(matches!(told, Err(Error::Away(_))), "{told:?}");
    }
    assert!(one.ping().await.is_err());
    queue(0)?.enqueue(&Vote::cast("ann", "cats")?).await?;
    replica.resume()?;
    until("the replica is there again", is_attached).await?;
    let again = patiently(|| one.enqueue_once(&other, PATIENCE)).await?;
    assert_eq!(again, Once::Repeated);
    Ok(())
}

/// It may be one whose replica has taken its place.
#[tokio::test]
async fn a_server_without_its_replicas_is_away_and_the_queue_is_looked_for_again() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    queue.enqueue(&Vote::cast("ann", "cats")?).await?;
    let mut reader = queue.reader("w");
    let entries = reader.read(1).await?;
    let first = reading(&redis)?;
    assert_eq!(first.len(), 1, "{first:?}");
    redis.command(&[b"CONFIG", b"SET", b"min-replicas-to-write", b"1"])?;
    let told = queue.acknowledge(&entries).await;
    assert!(matches!(told, Err(Error::Away(_))), "{told:?}");
    let looked_again = async {
        while reading(&redis)? == first {
            let told = reader.read(1).await;
            assert!(matches!(told, Err(Error::Away(_))), "{told:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<_, Box<dyn StdError>>(())
    };
    tokio::time::timeout(PATIENCE, looked_again).await??;
    redis.command(&[b"CONFIG", b"SET", b"min-replicas-to-write", b"0"])?;
    assert_eq!(reader.read(1).await?, entries, "nothing is forgotten");
    Ok(())
}

/// Its ids are not those of its successor, which gave some of them to other votes.
#[tokio::test]
async fn a_primary_that_was_replaced_unawares_is_left() -> TestResult {
    const ID: &[u8] = b"9000000000000-0";
    let servers = Sentinels::start()?;
    let queue = Queue::connect(&servers.url())?;
    let mut reader = queue.reader("w");
    assert_eq!(reader.read(1).await?, []);
    assert_eq!(queue.length().await?, 0);
    servers.replace_unawares()?;
    let votes = [("ann", &servers.primary), ("bob", &servers.replica)];
    for (voter, server) in votes {
        let id = Uuid::now_v7().to_string();
        let vote: [&[u8]; 6] = [
            b"id",
            id.as_bytes(),
            b"voter",
            voter.as_bytes(),
            b"choice",
            b"cats",
        ];
        let add: [&[u8]; 3] = [b"XADD", b"votes", ID];
        server.command(&[&add[..], &vote].concat())?;
    }
    let of = |entries: &[Entry], voter: &str| matches!(&entries[0].content, Content::Vote(vote) if vote.voter == voter);
    let replaced = reader.read(1).await?;
    assert!(of(&replaced, "ann"), "{replaced:?}");
    let successor = Queue::connect(&servers.url())?;
    let told = successor.acknowledge(&replaced).await;
    assert!(matches!(told, Err(Error::Elsewhere)), "{told:?}");
    let told = successor.bury(&replaced[0], DeadReason::Fields).await;
    assert!(matches!(told, Err(Error::Elsewhere)), "{told:?}");

    let deadline = Instant::now() + PATIENCE;
    let mut entries = Vec::new();
    while entries.is_empty() && Instant::now() < deadline {
        entries = reader.read(1).await?;
    }
    assert!(of(&entries, "bob"), "{entries:?}");
    // Although it is connected to the primary of before.
    queue.acknowledge(&entries).await?;
    assert_eq!(successor.length().await?, 0);
    Ok(())
}

/// The ids of the connections over which the last command was a reader's.
fn reading(redis: &RedisServer) -> Result<Vec<String>, Box<dyn StdError>> {
    let clients: String = redis::from_redis_value(redis.command(&[b"CLIENT", b"LIST"])?)?;
    let reading = clients
        .lines()
        .filter(|line| line.contains("cmd=xreadgroup"));
    let ids = reading.filter_map(|line| line.split(' ').next());
    Ok(ids.map(str::to_owned).collect())
}

#[tokio::test]
async fn sentinels_that_cannot_help_are_told() -> TestResult {
    let servers = Sentinels::start()?;
    let url = servers.url();
    let other = url.replace(&format!("/{MASTER}"), "/nobody");
    let other = Queue::connect(&other)?;
    let told = patiently(|| other.ping()).await;
    let Err(Error::Setup(reason)) = told else {
        return Err(format!("{told:?}").into());
    };
    assert!(reason.contains("no master called \"nobody\""), "{reason}");
    // A server that is none.
    let port = servers.primary.port();
    let none = Queue::connect(&format!("redis+sentinel://127.0.0.1:{port}/{MASTER}"))?;
    let told = none
        .ping()
        .await
        .err()
        .ok_or("it is no Sentinel")?
        .to_string();
    assert!(told.contains(&format!("127.0.0.1:{port}")), "{told}");
    // One Sentinel that is there is enough.
    let (_, hosts) = url.split_once("://").ok_or("no scheme")?;
    let some = Queue::connect(&format!("redis+sentinel://127.0.0.1:1,{hosts}"))?;
    patiently(|| some.ping()).await?;
    Ok(())
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) -> TestResult {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > deadline {
            return Err(format!("not in time: {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
