//! Votes with a key, on a real Redis server.

use std::error::Error as StdError;
use std::time::Duration;

use voteops_queue::test_support::RedisServer;
use voteops_queue::{Content, Entry, Error, Once, Queue, Vote};

type TestResult = Result<(), Box<dyn StdError>>;

fn votes_in(entries: &[Entry]) -> Vec<Vote> {
    let votes = entries.iter().filter_map(|entry| match &entry.content {
        Content::Vote(vote) => Some(vote.clone()),
        Content::Poison(_) | Content::Deleted => None,
    });
    votes.collect()
}

/// Sent again by ten tasks over two connections at once, and after Redis was killed.
#[tokio::test]
async fn a_vote_with_a_key_is_taken_once_however_often_it_is_sent() -> TestResult {
    const WINDOW: Duration = Duration::from_mins(10);
    let mut redis = RedisServer::start()?;
    let queues = [Queue::connect(&redis.url())?, Queue::connect(&redis.url())?];
    let vote = Vote::cast_with_key("ann", "cats", "k")?;
    let sent = (0..10).map(|n| {
        let (queue, vote) = (queues[n % 2].clone(), vote.clone());
        tokio::spawn(async move { queue.enqueue_once(&vote, WINDOW).await })
    });
    let mut taken = 0;
    for sent in sent.collect::<Vec<_>>() {
        taken += usize::from(sent.await?? == Once::Taken);
    }
    assert_eq!(taken, 1);
    redis.kill()?;
    redis.restart()?;
    let queue = Queue::connect(&redis.url())?;
    assert_eq!(queue.enqueue_once(&vote, WINDOW).await?, Once::Repeated);
    let other = Vote::cast_with_key("ann", "dogs", "k")?;
    assert_eq!(queue.enqueue_once(&other, WINDOW).await?, Once::OtherChoice);
    assert_eq!(votes_in(&queue.reader("w1").read(10).await?), [vote]);

    let short = Vote::cast_with_key("ann", "cats", "short")?;
    queue.enqueue_once(&short, Duration::from_millis(1)).await?;
    while queue.enqueue_once(&short, WINDOW).await? != Once::Taken {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    redis.fill()?;
    let refused = Vote::cast_with_key("ann", "cats", "full")?;
    let answer = queue.enqueue_once(&refused, WINDOW).await;
    assert!(matches!(answer, Err(Error::Full(_))), "{answer:?}");
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])?;
    assert_eq!(queue.enqueue_once(&refused, WINDOW).await?, Once::Taken);
    Ok(())
}
