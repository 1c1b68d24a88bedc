//! Votes that may be sent again, on a real Redis server.

use std::error::Error as StdError;
use std::time::Duration;

use voteops_queue::test_support::RedisServer;
use voteops_queue::{Content, Entry, Error, Once, Page, Queue, Vote};

type TestResult = Result<(), Box<dyn StdError>>;

const WINDOW: Duration = Duration::from_mins(10);

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

/// Who goes back and forth between choices on one page casts a vote each time, whatever was chosen
/// before; what comes twice in a row is one vote, also when it comes ten times at once.
#[tokio::test]
async fn a_page_sends_one_vote_until_another_choice_is_made_on_it() -> TestResult {
    let redis = RedisServer::start()?;
    let queues = [Queue::connect(&redis.url())?, Queue::connect(&redis.url())?];
    let page = Page::new("ann", "p1")?;
    let mut cast = Vec::new();
    for choice in ["cats", "dogs", "cats"] {
        let sent = (0..10).map(|n| {
            let queue = queues[n % 2].clone();
            tokio::spawn(async move {
                let vote = Vote::cast("ann", choice).map_err(|error| error.to_string())?;
                let before = queue.enqueue_from_page(&vote, page, WINDOW).await;
                before
                    .map(|before| (vote, before))
                    .map_err(|error| error.to_string())
            })
        });
        let (mut taken, mut known) = (Vec::new(), Vec::new());
        for sent in sent.collect::<Vec<_>>() {
            match sent.await?? {
                (vote, None) => taken.push(vote),
                (_, Some(id)) => known.push(id),
            }
        }
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert_eq!(known, [taken[0].id; 9]);
        cast.append(&mut taken);
    }
    assert_eq!(votes_in(&queues[0].reader("w1").read(99).await?), cast);

    let vote = Vote::cast("bob", "cats")?;
    let page = Page::new("bob", "p1")?;
    let once = queues[0].enqueue_from_page(&vote, page, Duration::from_millis(1));
    assert_eq!(once.await?, None);
    while queues[0]
        .enqueue_from_page(&vote, page, WINDOW)
        .await?
        .is_some()
    {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    redis.fill()?;
    let page = Page::new("bob", "p2")?;
    let answer = queues[0].enqueue_from_page(&vote, page, WINDOW).await;
    assert!(matches!(answer, Err(Error::Full(_))), "{answer:?}");
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])?;
    let again = queues[0].enqueue_from_page(&vote, page, WINDOW).await;
    assert_eq!(again?, None);
    Ok(())
}

/// A voter's last vote stands, from whichever page it came: one that is answered as received is in the stream
/// after it.
#[tokio::test]
async fn a_choice_that_was_left_on_another_page_is_a_new_vote() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    let [first, second] = [Page::new("ann", "p1")?, Page::new("ann", "p2")?];
    let mut cast = Vec::new();
    // The last: something else may have been voted for meanwhile, by other means than pages.
    for (page, choice) in [
        (first, "cats"),
        (second, "dogs"),
        (first, "cats"),
        (second, "cats"),
    ] {
        let vote = Vote::cast("ann", choice)?;
        assert_eq!(queue.enqueue_from_page(&vote, page, WINDOW).await?, None);
        let again = Vote::cast("ann", choice)?;
        let known = queue.enqueue_from_page(&again, page, WINDOW).await?;
        assert_eq!(known, Some(vote.id));
        cast.push(vote);
    }
    // Another voter's page of the same id is another one.
    let bob = Vote::cast("bob", "cats")?;
    let page = Page::new("bob", "p1")?;
    assert_eq!(queue.enqueue_from_page(&bob, page, WINDOW).await?, None);
    cast.push(bob);
    assert_eq!(votes_in(&queue.reader("w1").read(99).await?), cast);
    Ok(())
}

/// What the stream refused was never taken, so that sending it again takes it.
#[tokio::test]
async fn a_vote_that_the_stream_refused_is_not_remembered() -> TestResult {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    redis.command(&[b"SET", b"votes", b"no stream"])?;
    let vote = Vote::cast_with_key("ann", "cats", "k")?;
    let page = Page::new("ann", "p1")?;
    assert!(queue.enqueue_once(&vote, WINDOW).await.is_err());
    let refused = queue.enqueue_from_page(&vote, page, WINDOW).await;
    assert!(refused.is_err(), "{refused:?}");
    redis.command(&[b"DEL", b"votes"])?;
    assert_eq!(queue.enqueue_once(&vote, WINDOW).await?, Once::Taken);
    let taken = queue.enqueue_from_page(&vote, page, WINDOW).await?;
    assert_eq!(taken, None);
    Ok(())
}
