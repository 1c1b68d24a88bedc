//! The queue on a real Redis server.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::time::Duration;

use redis::Value;
use uuid::Uuid;
use voteops_queue::test_support::RedisServer;
use voteops_queue::{Content, DEAD_STREAM, DeadReason, Entry, Error, Queue, Reader, Vote};

type TestResult = Result<(), Box<dyn StdError>>;

fn vote(voter: &str) -> Result<Vote, Box<dyn StdError>> {
    Ok(Vote::cast(voter, "cats")?)
}

fn votes_in(entries: &[Entry]) -> Vec<Vote> {
    let votes = entries.iter().filter_map(|entry| match &entry.content {
        Content::Vote(vote) => Some(vote.clone()),
        Content::Poison(_) | Content::Deleted => None,
    });
    votes.collect()
}

/// Reads and acknowledges until the queue is empty.
async fn drain(queue: &Queue, reader: &mut Reader) -> Result<Vec<Vote>, Error> {
    let mut drained = Vec::new();
    while queue.length().await? > 0 {
        let entries = reader.read(100).await?;
        drained.extend(votes_in(&entries));
        queue.acknowledge(&entries).await?;
    }
    Ok(drained)
}

#[tokio::test]
async fn a_vote_stays_until_it_is_acknowledged() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    let vote = vote("ann")?;
    queue.enqueue(&vote).await?;

    let entries = queue.reader("w1").read(10).await?;
    assert_eq!(votes_in(&entries), [vote]);
    assert_eq!(queue.length().await?, 1);
    queue.acknowledge(&entries).await?;
    queue.acknowledge(&entries).await?;
    assert_eq!(queue.length().await?, 0);
    Ok(())
}

#[tokio::test]
async fn many_votes_share_one_connection() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    queue.ping().await?;
    let connections = || -> Result<u64, Box<dyn StdError>> {
        let info: String = redis::from_redis_value(redis.command(&[b"INFO", b"stats"])?)?;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        Ok(line.ok_or("no such line")?.parse()?)
    };
    let before = connections()?;
    let casts = (0..500).map(|n| {
        let queue = queue.clone();
        tokio::spawn(async move {
            let vote =
                Vote::cast(&format!("v{n}"), "cats").map_err(|e| Error::Other(e.to_string()));
            queue.enqueue(&vote?).await
        })
    });
    for cast in casts.collect::<Vec<_>>() {
        cast.await??;
    }
    // One more: the connection that asks.
    assert_eq!(connections()?, before + 1);
    assert_eq!(queue.length().await?, 500);
    Ok(())
}

#[tokio::test]
async fn a_successor_of_the_same_name_first_gets_what_is_pending() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    for voter in ["a", "b", "c"] {
        queue.enqueue(&vote(voter)?).await?;
    }
    let abandoned = queue.reader("w1").read(2).await?;
    let mut successor = queue.reader("w1");
    // One at a time, so that the pending ones take several reads.
    let mut again = Vec::new();
    for _ in 0..3 {
        again.extend(successor.read(1).await?);
    }
    assert_eq!(again[..2], abandoned);
    assert_eq!(votes_in(&again).len(), 3);
    assert_eq!(
        again.iter().map(|e| &e.id).collect::<BTreeSet<_>>().len(),
        3
    );
    Ok(())
}

#[tokio::test]
async fn others_take_over_what_a_dead_reader_left() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    for n in 0..30 {
        queue.enqueue(&vote(&format!("v{n}"))?).await?;
    }
    let abandoned = queue.reader("dead").read(100).await?;
    let mut alive = queue.reader("alive");
    assert_eq!(alive.reclaim(Duration::from_hours(1), 100).await?, []);
    let mut claimed = Vec::new();
    while claimed.len() < abandoned.len() {
        claimed.extend(alive.reclaim(Duration::ZERO, 7).await?);
    }
    assert_eq!(claimed, abandoned);
    Ok(())
}

#[tokio::test]
async fn killing_redis_among_votes_loses_none_and_doubles_none() -> TestResult {
    let mut redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    let voters = (0..8).map(|task| {
        let queue = queue.clone();
        tokio::spawn(async move {
            let mut confirmed = Vec::new();
            for n in 0.. {
                let Ok(vote) = Vote::cast(&format!("v{task}-{n}"), "cats") else {
                    break;
                };
                match queue.enqueue(&vote).await {
                    Ok(_) => confirmed.push(vote.id),
                    Err(_) => break,
                }
            }
            confirmed
        })
    });
    let voters: Vec<_> = voters.collect();
    while queue.length().await.is_ok_and(|length| length < 2000) {
        tokio::task::yield_now().await;
    }
    redis.kill()?;
    let mut confirmed = BTreeSet::new();
    for voter in voters {
        confirmed.extend(voter.await?);
    }
    assert!(matches!(
        queue.enqueue(&vote("late")?).await,
        Err(Error::Away(_))
    ));
    redis.restart()?;

    // The same queue object finds its way back; failures are remembered for a moment.
    while queue.ping().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let drained = drain(&queue, &mut queue.reader("w1")).await?;
    let unique: BTreeSet<Uuid> = drained.iter().map(|vote| vote.id).collect();
    assert_eq!(unique.len(), drained.len(), "doubled");
    assert!(confirmed.len() >= 1900, "{}", confirmed.len());
    assert_eq!(confirmed.difference(&unique).count(), 0, "lost");
    Ok(())
}

#[tokio::test]
async fn a_reader_outlives_its_server_and_reads_its_pending_entries_again() -> TestResult {
    let mut redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    let mut reader = queue.reader("w1");
    queue.enqueue(&vote("ann")?).await?;
    let before = reader.read(10).await?;
    redis.kill()?;
    assert!(matches!(reader.read(10).await, Err(Error::Away(_))));
    redis.restart()?;
    assert_eq!(reader.read(10).await?, before);
    assert_eq!(reader.read(10).await?, []);
    Ok(())
}

/// A scan for abandoned entries may be what opens the new connection; what is pending for the
/// reader itself must not wait until it counts as abandoned.
#[tokio::test]
async fn what_is_pending_is_read_again_although_a_scan_came_first() -> TestResult {
    let mut redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    let mut reader = queue.reader("w1");
    queue.enqueue(&vote("ann")?).await?;
    let before = reader.read(10).await?;
    assert_eq!(reader.read(10).await?, []);
    redis.kill()?;
    assert!(matches!(reader.read(10).await, Err(Error::Away(_))));
    redis.restart()?;
    assert_eq!(reader.reclaim(Duration::from_mins(1), 10).await?, []);
    assert_eq!(reader.read(10).await?, before);
    Ok(())
}

#[tokio::test]
async fn poison_is_buried_whole_and_blocks_nothing() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    redis.command(&[b"XADD", b"votes", b"*", b"\xff\0", b"\xfe"])?;
    queue.enqueue(&vote("ann")?).await?;
    let entries = queue.reader("w1").read(10).await?;
    assert_eq!(entries[0].content, Content::Poison(DeadReason::Fields));
    assert_eq!(votes_in(&entries).len(), 1);

    queue.bury(&entries[0], DeadReason::Fields).await?;
    assert_eq!((queue.length().await?, queue.dead_length().await?), (1, 1));
    let dead = redis.command(&[b"XRANGE", DEAD_STREAM.as_bytes(), b"-", b"+"])?;
    let dead: Vec<(String, Vec<Vec<u8>>)> = redis::from_redis_value(dead)?;
    let id = entries[0].id.as_bytes();
    let expected: [&[u8]; 6] = [b"reason", b"fields", b"entry", id, b"\xff\0", b"\xfe"];
    assert_eq!(dead[0].1, expected);
    Ok(())
}

#[tokio::test]
async fn entries_deleted_while_pending_come_back_as_deleted() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    let id = queue.enqueue(&vote("ann")?).await?;
    queue.reader("w1").read(10).await?;
    redis.command(&[b"XDEL", b"votes", id.as_bytes()])?;

    let entries = queue.reader("w1").read(10).await?;
    assert_eq!(entries[0].id, id);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].content, Content::Deleted);
    queue.acknowledge(&entries).await?;
    assert_eq!(queue.reader("w1").read(10).await?, []);
    Ok(())
}

#[tokio::test]
async fn a_deleted_stream_and_its_group_are_made_again() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    let mut reader = queue.reader("w1");
    assert_eq!(reader.read(10).await?, []);
    redis.command(&[b"DEL", b"votes"])?;
    let vote = vote("ann")?;
    queue.enqueue(&vote).await?;
    assert_eq!(votes_in(&reader.read(10).await?), [vote]);
    redis.command(&[b"DEL", b"votes"])?;
    assert_eq!(reader.reclaim(Duration::ZERO, 10).await?, []);
    Ok(())
}

#[tokio::test]
async fn a_full_redis_refuses_votes_and_still_gives_them_out() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    queue.enqueue(&vote("ann")?).await?;
    redis.command(&[b"XADD", b"votes", b"*", b"not", b"a vote"])?;
    let mut reader = queue.reader("w1");
    // The group is made while there is room.
    let entries = reader.read(10).await?;
    redis.fill()?;

    assert!(matches!(
        queue.enqueue(&vote("bob")?).await,
        Err(Error::Full(_))
    ));
    let buried = queue.bury(&entries[1], DeadReason::Fields).await;
    assert!(matches!(buried, Err(Error::Full(_))), "{buried:?}");
    queue.acknowledge(&entries[..1]).await?;
    assert_eq!(queue.reader("w1").read(10).await?, entries[1..]);
    Ok(())
}

#[tokio::test]
async fn a_paused_redis_is_away_and_comes_back() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    queue.ping().await?;
    redis.pause()?;
    assert!(matches!(
        queue.enqueue(&vote("ann")?).await,
        Err(Error::Away(_))
    ));
    redis.resume()?;
    while queue.ping().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    queue.enqueue(&vote("bob")?).await?;
    let drained = drain(&queue, &mut queue.reader("w1")).await?;
    assert_eq!(drained.last().map(|vote| vote.voter.as_str()), Some("bob"));
    Ok(())
}

#[tokio::test]
async fn a_reader_leaves_its_name_only_while_votes_are_pending_for_it() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    let names = || -> Result<usize, Box<dyn StdError>> {
        match redis.command(&[b"XINFO", b"CONSUMERS", b"votes", b"workers"])? {
            Value::Array(consumers) => Ok(consumers.len()),
            other => Err(format!("{other:?}").into()),
        }
    };
    queue.enqueue(&vote("ann")?).await?;
    let mut reader = queue.reader("w1");
    let entries = reader.read(10).await?;
    reader.leave().await?;
    assert_eq!(names()?, 1);
    queue.acknowledge(&entries).await?;
    queue.reader("w1").leave().await?;
    assert_eq!(names()?, 0);
    Ok(())
}

#[tokio::test]
async fn cached_results_expire() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    assert_eq!(queue.cached_results().await?, None);
    queue.cache_results("{}", Duration::from_hours(1)).await?;
    assert_eq!(queue.cached_results().await?.as_deref(), Some("{}"));
    queue.cache_results("{}", Duration::from_millis(1)).await?;
    while queue.cached_results().await?.is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

#[test]
fn a_url_that_is_not_of_redis_is_refused() {
    for url in [
        "",
        "http://x",
        "rediss://",
        "redis+sentinel://x",
        "redis://",
        "redis://x:port",
    ] {
        assert!(matches!(Queue::connect(url), Err(Error::Url(_))), "{url:?}");
    }
}
