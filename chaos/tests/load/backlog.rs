use voteops_chaos::load::{Backlog, LoadError};
use voteops_queue::test_support::RedisServer;
use voteops_queue::{Queue, Vote};

#[tokio::test(flavor = "multi_thread")]
async fn the_length_of_the_queue_is_that_of_redis() {
    let redis = RedisServer::start().unwrap();
    let queue = Queue::connect(&redis.url()).unwrap();
    let backlog = Backlog::begin(&redis.url().parse().unwrap()).unwrap();
    assert_eq!(backlog.first().await.unwrap(), 0);
    let voting = async {
        for number in 0..5 {
            let vote = Vote::cast(&format!("voter-{number}"), "cats").unwrap();
            queue.enqueue(&vote).await.unwrap();
        }
    };
    let (reached, ()) = tokio::join!(backlog.reached(5), voting);
    assert_eq!(reached.unwrap(), 5);
    assert_eq!(backlog.length(), Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_is_told_by_its_address_without_its_password() {
    let url = "redis://:s3cret@127.0.0.1:1/".parse().unwrap();
    let backlog = Backlog::begin(&url).unwrap();
    for refused in [backlog.first().await, backlog.reached(1).await] {
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("cannot ask redis://127.0.0.1:1/"), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    assert_eq!(backlog.length(), None);
    let http = "http://127.0.0.1:1".parse().unwrap();
    let refused = Backlog::begin(&http).unwrap_err();
    assert!(matches!(refused, LoadError::Queue { .. }), "{refused}");
}
