//! Users with the rights that docs/redis.md gives them, and no more, on real Redis servers.

use std::error::Error as StdError;
use std::time::Duration;

use redis::Value;
use voteops_queue::test_support::{Cluster, RedisServer, Sentinels, patiently};
use voteops_queue::{Access, DEAD_STREAM, DeadReason, Error, Once, Queue, Vote};

type TestResult = Result<(), Box<dyn StdError>>;

const DOCUMENT: &str = include_str!("../../../docs/redis.md");

const WINDOW: Duration = Duration::from_mins(10);

/// Gives a server the rules that the document has under one of the headings.
fn grant(redis: &RedisServer, heading: &str) -> TestResult {
    let lines = DOCUMENT.lines().skip_while(|line| *line != heading).skip(1);
    let rules: Vec<_> = lines
        .take_while(|line| line.starts_with("ACL SETUSER "))
        .collect();
    assert!(!rules.is_empty(), "{heading}");
    for rule in rules {
        let rule = rule.replace("PASSWORD", "pw");
        let words = words(&rule);
        redis.command(&words.iter().map(String::as_bytes).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// The words of a rule; parentheses keep words together.
fn words(rule: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in rule.split(' ') {
        match words.last_mut() {
            Some(last) if last.starts_with('(') && !last.ends_with(')') => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// The queue as one of the users.
fn user(url: &str, name: &str, replicas: usize) -> Result<Queue, Box<dyn StdError>> {
    let access = Access {
        replicas,
        ..Access::of(&url.replace("://", &format!("://{name}:pw@")))
    };
    Ok(Queue::open(&access)?)
}

fn users(redis: &RedisServer) -> Result<[Queue; 2], Box<dyn StdError>> {
    grant(redis, "```text")?;
    let url = redis.url();
    Ok([user(&url, "vote-app", 0)?, user(&url, "worker", 0)?])
}

/// What Redis has refused, in the order in which it did.
fn refusals(redis: &RedisServer) -> Result<String, Box<dyn StdError>> {
    Ok(format!("{:?}", redis.command(&[b"ACL", b"LOG"])?))
}

#[tokio::test]
async fn the_documented_rights_are_what_the_services_need() -> TestResult {
    let redis = RedisServer::start()?;
    let [vote_app, worker] = users(&redis)?;
    vote_app.ping().await?;
    vote_app.fill().await?;
    vote_app.cache_results("[]", WINDOW).await?;
    vote_app.cached_results().await?;
    vote_app.look_in_vain().await?;
    vote_app.enqueue(&Vote::cast("ann", "cats")?).await?;
    let keyed = Vote::cast_with_key("bob", "cats", "k")?;
    assert_eq!(vote_app.enqueue_once(&keyed, WINDOW).await?, Once::Taken);
    assert_eq!(vote_app.enqueue_once(&keyed, WINDOW).await?, Once::Repeated);

    worker.ping().await?;
    let mut reader = worker.reader("w");
    let entries = reader.read(10).await?;
    assert_eq!(entries.len(), 2);
    reader.reclaim(Duration::ZERO, 10).await?;
    worker.acknowledge(&entries[..1]).await?;
    assert!(worker.bury(&entries[1], DeadReason::LedgerRefused).await?);
    // One with more fields than a script can pass on.
    let mut long: Vec<&[u8]> = vec![b"XADD", b"votes", b"*"];
    long.extend(std::iter::repeat_n(&b"f"[..], 7000));
    redis.command(&long)?;
    let long = reader.read(1).await?;
    assert!(worker.bury(&long[0], DeadReason::Fields).await?);
    reader.leave().await?;
    assert_eq!(
        redis.command(&[b"XLEN", DEAD_STREAM.as_bytes()])?,
        Value::Int(2)
    );
    assert_eq!(refusals(&redis)?, "array([])");
    Ok(())
}

#[tokio::test]
async fn more_than_the_documented_rights_is_refused() -> TestResult {
    let redis = RedisServer::start()?;
    let [vote_app, worker] = users(&redis)?;
    let is_refused = |result: Result<(), Error>| {
        let told = format!("{result:?}");
        assert!(
            told.starts_with("Err(Setup(") && told.contains("docs/redis.md"),
            "{told}"
        );
    };
    // The vote app takes nothing out, the worker puts nothing in.
    vote_app.enqueue(&Vote::cast("ann", "cats")?).await?;
    let entries = worker.reader("w").read(1).await?;
    is_refused(vote_app.acknowledge(&entries).await);
    is_refused(vote_app.reader("w").read(1).await.map(drop));
    is_refused(vote_app.dead_length().await.map(drop));
    is_refused(worker.enqueue(&Vote::cast("ann", "cats")?).await.map(drop));
    is_refused(worker.cached_results().await.map(drop));
    let log = refusals(&redis)?;
    assert!(log.contains("vote-app") && log.contains("worker"), "{log}");
    Ok(())
}

/// Both users do what they do, through Sentinels or in a cluster.
async fn work(url: &str) -> TestResult {
    let (vote_app, worker) = (user(url, "vote-app", 1)?, user(url, "worker", 0)?);
    let keyed = Vote::cast_with_key("bob", "cats", "k")?;
    patiently(|| vote_app.enqueue_once(&keyed, WINDOW)).await?;
    let again = patiently(|| vote_app.enqueue_once(&keyed, WINDOW)).await?;
    assert_eq!(again, Once::Repeated);
    vote_app.cache_results("[]", WINDOW).await?;
    let entries = patiently(|| async { worker.reader("w").read(10).await }).await?;
    assert!(worker.bury(&entries[0], DeadReason::LedgerRefused).await?);
    Ok(worker.reader("w").leave().await?)
}

#[tokio::test]
async fn with_sentinels_and_replicas_the_rights_are_those_documented() -> TestResult {
    let servers = Sentinels::start()?;
    for heading in ["```text", "# Sentinels", "# --redis-replicas"] {
        grant(&servers.primary, heading)?;
    }
    work(&servers.url()).await?;
    assert_eq!(refusals(&servers.primary)?, "array([])");
    Ok(())
}

#[tokio::test]
async fn in_a_cluster_the_rights_are_those_documented() -> TestResult {
    let cluster = Cluster::start()?;
    for node in cluster.nodes.iter().chain([&cluster.replica]) {
        for heading in ["```text", "# a cluster", "# --redis-replicas"] {
            grant(node, heading)?;
        }
    }
    work(&cluster.url()).await?;
    assert_eq!(refusals(&cluster.nodes[cluster.owner])?, "array([])");
    Ok(())
}
