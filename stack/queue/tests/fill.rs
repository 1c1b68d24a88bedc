//! How full a real Redis server is.

use std::error::Error as StdError;

use voteops_queue::test_support::RedisServer;
use voteops_queue::{Queue, Vote};

#[tokio::test]
async fn redis_tells_how_full_it_is() -> Result<(), Box<dyn StdError>> {
    let redis = RedisServer::start()?;
    let queue = Queue::connect(&redis.url())?;
    queue.enqueue(&Vote::cast("ann", "cats")?).await?;
    let fill = queue.fill().await?;
    assert_eq!((fill.length, fill.limit_bytes), (1, Some(256 << 20)));
    assert!(
        fill.used_bytes > 100_000 && fill.used_bytes < 20 << 20,
        "{fill:?}"
    );
    redis.command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])?;
    assert_eq!(queue.fill().await?.limit_bytes, None);
    Ok(())
}
