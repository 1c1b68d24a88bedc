use std::io::Write;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;

type Served = (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>);

async fn server(router: Router) -> Served {
    server_within(Limits::default(), router).await
}

async fn server_within(limits: Limits, router: Router) -> Served {
    let listener = listen(([127, 0, 0, 1], 0).into(), "--listen")
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(serve_within(limits, listener, router, shutdown.clone()));
    (address, shutdown, served)
}

#[tokio::test]
async fn a_request_in_flight_is_answered_after_shutdown_began() {
    let (entered, release) = (
        std::sync::Arc::new(Notify::new()),
        std::sync::Arc::new(Notify::new()),
    );
    let slow = {
        let (entered, release) = (entered.clone(), release.clone());
        move || async move {
            entered.notify_one();
            release.notified().await;
            "done"
        }
    };
    let (address, shutdown, served) = server(Router::new().route("/", get(slow))).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    entered.notified().await;
    shutdown.cancel();
    release.notify_one();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    served.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn heads_are_bounded_and_pages_are_not() {
    const PAGE_BYTES: usize = 1 << 20;
    let page = || async { "x".repeat(PAGE_BYTES) };
    let (address, shutdown, served) = server(Router::new().route("/", get(page))).await;
    for (filling, status, min_bytes) in [(20, "200", PAGE_BYTES), (100, "431", 0)] {
        let mut client = TcpStream::connect(address).await.unwrap();
        let filling = "x".repeat(filling * 1024);
        let head =
            format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx: {filling}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        let start = String::from_utf8_lossy(&answer[..answer.len().min(12)]);
        assert_eq!(start, format!("HTTP/1.1 {status}"));
        assert!(answer.len() >= min_bytes, "{}", answer.len());
    }
    shutdown.cancel();
    served.await.unwrap();
}

/// Takes the only place of a server, and is answered there.
async fn taking_the_place(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    let ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    client.write_all(ask).await.unwrap();
    assert!(client.read(&mut [0; 1024]).await.unwrap() > 0);
    client
}

/// A client that has sent all of `request` before the server knows of it: the runtime has no other thread.
fn sent_at_once(address: SocketAddr, request: &[u8]) -> TcpStream {
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client.write_all(request).unwrap();
    client.set_nonblocking(true).unwrap();
    TcpStream::from_std(client).unwrap()
}

/// All that is answered until the connection is closed, and not reset.
async fn answer(client: &mut TcpStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

const ONE: Limits = Limits {
    head_timeout: Duration::from_hours(1),
    max_connections: 1,
};

#[tokio::test]
async fn one_too_many_is_told_so_with_what_every_answer_has() {
    let router = Router::new().route("/", get(|| async { "served" }));
    let (address, shutdown, served) = server_within(ONE, router).await;
    let first = taking_the_place(address).await;
    let mut late = sent_at_once(address, &[b'x'; 10_000]);
    let told = answer(&mut late).await;
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    for header in [
        "retry-after: 2",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "cache-control: no-store",
        &format!("content-length: {}", body.len()),
    ] {
        assert!(head.lines().any(|line| line == header), "{head}");
    }
    let id = head
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "));
    assert_eq!(id.map(str::len), Some(32), "{head}");
    assert!(body.contains("too many connections") && body.contains("terlalu banyak"));
    drop(first);
    shutdown.cancel();
    served.await.unwrap();
}

#[tokio::test]
async fn an_answer_is_not_lost_by_a_body_that_nobody_asked_for() {
    let refuse = || async { (StatusCode::TOO_MANY_REQUESTS, "not now") };
    let (address, shutdown, served) = server(Router::new().route("/", post(refuse))).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n";
    client.write_all(head).await.unwrap();
    // It was answered and closed by now; and most clients send all before they read.
    client.readable().await.unwrap();
    for _ in 0..90 {
        client.write_all(&[b'x'; 10_000]).await.unwrap();
    }
    let told = answer(&mut client).await;
    assert!(told.starts_with("HTTP/1.1 429 "), "{told}");
    assert!(told.ends_with("not now"), "{told}");
    shutdown.cancel();
    served.await.unwrap();
}

#[tokio::test]
async fn a_client_that_was_answered_does_not_keep_its_place_by_sending_on() {
    let router = Router::new().route("/", post(|| async { "served" }));
    let (address, shutdown, served) = server_within(ONE, router).await;
    for sends in [true, false] {
        let (mut reads, mut writes) = TcpStream::connect(address).await.unwrap().into_split();
        let head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000000\r\n\r\n";
        writes.write_all(head).await.unwrap();
        let sending = tokio::spawn(async move {
            while sends && writes.write_all(&[b'x'; 1000]).await.is_ok() {}
            std::future::pending::<()>().await;
        });
        let mut told = String::new();
        let _ = reads.read_to_string(&mut told).await;
        assert!(told.ends_with("served"), "{told}");
        loop {
            let ask = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            let told = answer(&mut sent_at_once(address, ask)).await;
            if told.starts_with("HTTP/1.1 200 ") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sending.abort();
    }
    shutdown.cancel();
    served.await.unwrap();
}

#[tokio::test]
async fn a_taken_address_is_named_with_the_way_out() {
    let first = listen(([127, 0, 0, 1], 0).into(), "--listen")
        .await
        .unwrap();
    let address = first.local_addr().unwrap();
    let error = listen(address, "--admin-listen")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&address.to_string()) && error.ends_with("--admin-listen"),
        "{error}"
    );
}

#[test]
fn one_failed_check_is_not_ready() {
    let checks = [("redis", Ok(())), ("ledger", Err("away"))];
    assert_eq!(readiness(&checks).status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(readiness(&checks[..1]).status(), StatusCode::OK);
}
