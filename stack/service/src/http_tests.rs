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
