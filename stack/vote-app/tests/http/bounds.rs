//! What clients may take, and what happens beyond it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use voteops_vote_app::{ClientRate, Forwarding, PressureLimits, Proxies};

use crate::stack::{Stack, eventually};
use crate::{JSON, TestResult};

const VOTE: &str = r#"{"choice":"cats","voter":"ann"}"#;

/// Everything the server sends until it closes the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut told = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut told).await;
    String::from_utf8_lossy(&told).into_owned()
}

/// Waits until a vote is taken.
async fn taken_again(stack: &Stack, what: &str) -> TestResult {
    eventually(what, || async {
        let answer = stack.post(JSON, VOTE).await;
        answer.is_ok_and(|answer| answer.status() == 202)
    })
    .await
}

#[tokio::test]
async fn a_head_that_trickles_in_ends_the_connection() -> TestResult {
    let stack =
        Stack::start(|config| config.http.head_timeout = Duration::from_millis(300)).await?;
    let mut silent = TcpStream::connect(stack.address).await?;
    assert_eq!(until_closed(&mut silent).await, "");

    let (mut reads, mut writes) = TcpStream::connect(stack.address).await?.into_split();
    let lines = Arc::new(AtomicUsize::new(0));
    let sent = lines.clone();
    let trickle = tokio::spawn(async move {
        writes.write_all(b"POST /vote HTTP/1.1\r\n").await?;
        // Each line arrives in time; the head never does.
        loop {
            writes.write_all(b"x: y\r\n").await?;
            sent.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        #[expect(unreachable_code, reason = "the type of the block")]
        Ok::<(), std::io::Error>(())
    });
    let mut told = Vec::new();
    let _ = reads.read_to_end(&mut told).await;
    trickle.abort();
    assert_eq!(String::from_utf8_lossy(&told), "");
    // A head that is too large is told so, and this one was far from that.
    let lines = lines.load(Ordering::Relaxed);
    assert!(lines < 1000, "{lines} lines were waited for");
    assert_eq!(stack.post(JSON, VOTE).await?.status(), 202);
    Ok(())
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() -> TestResult {
    let stack = Stack::start(|config| config.request_timeout = Duration::from_millis(600)).await?;
    let mut stream = TcpStream::connect(stack.address).await?;
    let head = "POST /vote HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 31\r\n\r\n{";
    stream.write_all(head.as_bytes()).await?;
    let told = until_closed(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(told.contains("body_timeout"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_body_that_trickles_in_is_not_waited_for() -> TestResult {
    let stack = Stack::start(|config| config.request_timeout = Duration::from_millis(600)).await?;
    let (mut reads, mut writes) = TcpStream::connect(stack.address).await?.into_split();
    let trickle = tokio::spawn(async move {
        let head = "POST /vote HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
            content-type: application/json\r\ncontent-length: 1000\r\n\r\n";
        writes.write_all(head.as_bytes()).await?;
        for _ in 0..1000 {
            writes.write_all(b" ").await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<_, std::io::Error>(writes)
    });
    let mut told = [0; 13];
    reads.read_exact(&mut told).await?;
    assert_eq!(&told, b"HTTP/1.1 408 ");
    assert!(!trickle.is_finished(), "all of it was waited for");
    trickle.abort();
    Ok(())
}

/// Also when it does not say beforehand how long it is.
#[tokio::test]
async fn a_body_without_end_is_cut_off() -> TestResult {
    let stack = Stack::start(|config| config.max_body_bytes = 100).await?;
    let mut stream = TcpStream::connect(stack.address).await?;
    let head = "POST /vote HTTP/1.1\r\nhost: x\r\n\
        content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let chunk = format!("40\r\n{}\r\n", "x".repeat(0x40));
    let (mut reads, mut writes) = stream.into_split();
    let endless =
        tokio::spawn(async move { while writes.write_all(chunk.as_bytes()).await.is_ok() {} });
    let mut told = Vec::new();
    let _ = reads.read_to_end(&mut told).await;
    // Once the server has closed, writing fails.
    endless.await?;
    let told = String::from_utf8_lossy(&told);
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    Ok(())
}

/// Who asks for more and more and reads nothing has the only place, and not for ever.
#[tokio::test]
async fn an_answer_that_is_not_read_is_not_waited_for() -> TestResult {
    let stack = Stack::start(|config| {
        config.http.max_connections = 1;
        config.http.head_timeout = Duration::from_secs(1);
    })
    .await?;
    let (unread, mut asks) = TcpStream::connect(stack.address).await?.into_split();
    let asking = tokio::spawn(async move {
        let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
        while asks.write_all(&ask).await.is_ok() {}
    });
    let is_served = || async {
        let answer = stack.get("/healthz", "*/*").await;
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    eventually("it has the place", async || !is_served().await).await?;
    eventually("there is room again", is_served).await?;
    drop(unread);
    asking.abort();
    Ok(())
}

#[tokio::test]
async fn connections_beyond_the_limit_are_answered_and_closed_until_there_is_room() -> TestResult {
    let stack = Stack::start(|config| config.http.max_connections = 20).await?;
    let mut flood = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(stack.address).await?;
        // Answered once, so that it is known to be served and idle now.
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .await?;
        assert!(stream.read(&mut [0; 64]).await? > 0);
        flood.push(stream);
    }
    let mut late = TcpStream::connect(stack.address).await?;
    let told = until_closed(&mut late).await;
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert!(told.contains("retry-after: 2\r\n"), "{told}");
    drop(flood);
    taken_again(&stack, "there is room again").await
}

#[tokio::test]
async fn a_long_queue_refuses_votes_until_it_is_clearly_shorter() -> TestResult {
    let limits = PressureLimits {
        length: 40,
        memory_percent: 97,
    };
    let stack = Stack::start(|config| config.pressure = limits).await?;
    let series = "vote_app_backpressure{cause=\"queue_length\"}";
    assert_eq!(stack.metric(series).await?, 0);
    for _ in 0..40 {
        assert_eq!(stack.post(JSON, VOTE).await?.status(), 202);
    }
    eventually("the limit is seen", || async {
        stack.metric(series).await.is_ok_and(|value| value == 1)
    })
    .await?;
    let answer = stack.post(JSON, VOTE).await?;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()[RETRY_AFTER], "2");
    assert_eq!(answer.json::<Value>().await?["error"], "backpressure");
    assert_eq!(stack.queue.length().await?, 40);

    let mut reader = stack.queue.reader("w1");
    let entries = reader.read(10).await?;
    stack.queue.acknowledge(&entries).await?;
    eventually("votes are taken again", || async {
        stack
            .post(JSON, VOTE)
            .await
            .is_ok_and(|answer| answer.status() == 202)
    })
    .await?;
    assert_eq!(stack.metric(series).await?, 0);
    Ok(())
}

#[tokio::test]
async fn votes_are_refused_before_redis_is_full_and_taken_again_after() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    assert_eq!(stack.post(JSON, VOTE).await?.status(), 202);
    // So much that what connections take and give back does not matter.
    let padding = vec![b'x'; 32 << 20];
    stack.redis.command(&[b"SET", b"padding", &padding])?;
    let used = stack.queue.fill().await?.used_bytes;
    // Redis itself would still take votes: it is 98 per cent full.
    let limit = (used + used / 50).to_string();
    let set = |limit: &str| {
        stack
            .redis
            .command(&[b"CONFIG", b"SET", b"maxmemory", limit.as_bytes()])
    };
    set(&limit)?;
    let series = "vote_app_backpressure{cause=\"redis_memory\"}";
    eventually("the limit is seen", || async {
        stack.metric(series).await.is_ok_and(|value| value == 1)
    })
    .await?;
    let answer = stack.post(JSON, VOTE).await?;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.json::<Value>().await?["error"], "backpressure");
    set("0")?;
    taken_again(&stack, "votes are taken again").await
}

#[tokio::test]
async fn a_client_that_votes_too_fast_is_held_back_if_that_is_asked_for() -> TestResult {
    let (per_s, burst) = (NonZeroU32::MIN, NonZeroU32::MIN.saturating_add(2));
    let stack =
        Stack::start(|config| config.client_rate = Some(ClientRate { per_s, burst })).await?;
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 1000 {
        let answer = stack.post(JSON, VOTE).await?;
        statuses.push(answer.status().as_u16());
        if answer.status() == 429 {
            assert_eq!(answer.headers()[RETRY_AFTER], "2");
            assert_eq!(answer.json::<Value>().await?["error"], "rate_limited");
        }
    }
    assert_eq!(statuses[..3], [202, 202, 202]);
    assert_eq!(statuses.last(), Some(&429));
    assert_eq!(stack.get("/results", JSON).await?.status(), 200);
    taken_again(&stack, "it may vote again").await
}

#[tokio::test]
async fn clients_behind_a_known_proxy_are_held_back_each_for_itself() -> TestResult {
    let rate = ClientRate::new(1, 1);
    let known = Proxies::new(vec!["127.0.0.0/8".parse()?], Forwarding::XForwardedFor);
    for (proxies, each) in [(known, true), (Proxies::default(), false)] {
        let stack = Stack::start(|config| {
            config.client_rate = rate;
            config.proxies = proxies;
        })
        .await?;
        let send = async |said: &str| -> reqwest::Result<u16> {
            let vote = stack.client.post(stack.url("/vote"));
            let vote = vote.header(CONTENT_TYPE, JSON).body(VOTE);
            let answer = vote.header("x-forwarded-for", said).send().await?;
            Ok(answer.status().as_u16())
        };
        let mut statuses = Vec::new();
        for n in 0..60 {
            statuses.push(send(&format!("192.0.2.{n}")).await?);
        }
        assert_eq!(statuses.contains(&429), !each, "{statuses:?}");
        // What a client writes itself makes it no other client.
        let mut statuses = Vec::new();
        while !statuses.contains(&429) && statuses.len() < 1000 {
            let n = statuses.len();
            statuses.push(send(&format!("198.51.100.{}, 192.0.2.99", n % 256)).await?);
        }
        assert!(statuses.contains(&429));
    }
    Ok(())
}
