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
async fn a_vote_whose_time_is_over_before_there_is_a_connection_is_never_sent() -> TestResult {
    let redis = RedisServer::start()?;
    // Only a login is answered before there is a connection; of this user any password is right.
    let queue = Queue::connect(&redis.url().replace("//", "//default:any@"))?;
    let gatherer = Gatherer::new(Arc::clone(&queue.link));
    redis.pause()?;
    let vote = Vote::cast("ann", "cats")?;
    let late = gatherer.add(&vote, Duration::from_millis(20)).await;
    assert!(matches!(&late, Err(Error::Away(why)) if why == "no answer in time"));
    redis.resume()?;
    let id = loop {
        // An attempt to connect that began in the pause may fail by now.
        if let Ok(id) = gatherer.add(&vote, PATIENCE).await {
            break id;
        }
    };
    let entries = queue.reader("w1").read(10).await?;
    let entries: Vec<_> = entries.into_iter().map(|entry| entry.id).collect();
    assert_eq!(entries, [id]);
    Ok(())
}

#[tokio::test]
async fn each_is_told_when_its_own_time_is_over_and_the_rest_when_redis_answers() -> TestResult {
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
