use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;

async fn server(router: Router) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = listen(([127, 0, 0, 1], 0).into(), "--listen")
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(serve(listener, router, shutdown.clone()));
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
        // It may be closed before all of it was sent.
        let _ = client.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer).await;
        let start = String::from_utf8_lossy(&answer[..answer.len().min(12)]);
        assert_eq!(start, format!("HTTP/1.1 {status}"));
        assert!(answer.len() >= min_bytes, "{}", answer.len());
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
