//! Dead letters on a real Redis server.

use std::error::Error as StdError;
use std::time::Duration;

use voteops_queue::test_support::RedisServer;
use voteops_queue::{DeadReason, Queue};

/// Found by the crash campaign: a worker that was slow, and another that took its entry over.
#[tokio::test]
async fn two_workers_with_the_same_entry_leave_one_dead_letter() -> Result<(), Box<dyn StdError>> {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    redis.command(&[b"XADD", b"votes", b"*", b"not", b"a vote"])?;
    let slow = queue.reader("slow").read(10).await?;
    let taken_over = queue.reader("w2").reclaim(Duration::ZERO, 10).await?;
    assert_eq!(slow, taken_over);
    assert!(queue.bury(&taken_over[0], DeadReason::Fields).await?);
    assert!(!queue.bury(&slow[0], DeadReason::Fields).await?);
    assert_eq!((queue.length().await?, queue.dead_length().await?), (0, 1));
    assert_eq!(redis.pending()?, 0);
    Ok(())
}

#[tokio::test]
async fn an_entry_of_any_size_can_be_buried() -> Result<(), Box<dyn StdError>> {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    let names: Vec<String> = (0..5000).map(|n| format!("f{n}")).collect();
    for fields in [2999, 5000] {
        let mut words: Vec<&[u8]> = vec![b"XADD", b"votes", b"*"];
        words.extend(
            names[..fields]
                .iter()
                .flat_map(|name| [name.as_bytes(), b"v"]),
        );
        redis.command(&words)?;
    }
    for entry in queue.reader("w1").read(10).await? {
        assert!(queue.bury(&entry, DeadReason::Fields).await?);
    }
    assert_eq!((queue.length().await?, queue.dead_length().await?), (0, 2));
    Ok(())
}
