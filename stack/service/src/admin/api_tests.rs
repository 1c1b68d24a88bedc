use std::time::Duration;

use reqwest::{Client, Method};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::admin::{FailureStatus, Kind, LatencyMs, Share};
use crate::http;
use crate::metrics::Metrics;

const TOKEN: &str = "0123456789abcdef";

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    latency_ms: LatencyMs,
    share: Share,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fail {
    status: FailureStatus,
}

impl Kind for Slow {
    const NAME: &'static str = "slow";
}

impl Kind for Fail {
    const NAME: &'static str = "fail";
}

/// An admin listener, and the metrics of its service.
struct Server {
    url: String,
    client: Client,
    metrics: Metrics,
    _stop: tokio_util::sync::DropGuard,
}

impl Server {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let shutdown = CancellationToken::new();
        let metrics = Metrics::new("test", "test-1", "0").unwrap();
        let mut faults = Faults::new(&metrics, shutdown.clone()).unwrap();
        let _ = (faults.kind::<Slow>(), faults.kind::<Fail>());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = router(faults, Token::new(TOKEN).unwrap());
        tokio::spawn(http::serve(listener, router, shutdown.clone()));
        Self {
            url,
            client: Client::builder()
                .timeout(Duration::from_secs(30))
                .build()
                .unwrap(),
            metrics,
            _stop: shutdown.drop_guard(),
        }
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: &str) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = if token.is_empty() {
            request
        } else {
            request.bearer_auth(token)
        };
        let answer = request.body(body.to_owned()).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn put(&self, kind: &str, body: &str) -> (u16, Value) {
        self.ask(Method::PUT, &format!("/faults/{kind}"), TOKEN, body)
            .await
    }

    async fn delete(&self, kind: &str) -> (u16, Value) {
        self.ask(Method::DELETE, &format!("/faults/{kind}"), TOKEN, "")
            .await
    }

    async fn faults(&self) -> Value {
        let (status, told) = self.ask(Method::GET, "/faults", TOKEN, "").await;
        assert_eq!(status, 200);
        assert_eq!(told["kinds"], json!(["slow", "fail"]));
        told["faults"].clone()
    }

    /// What the service's own `/metrics` tells of `slow`.
    async fn metric(&self) -> u8 {
        let body = self.metrics.answer().into_body();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(
            text.contains("voteops_fault_active{fault=\"fail\"} 0\n"),
            "{text}"
        );
        let series = "voteops_fault_active{fault=\"slow\"} ";
        let value = text.lines().find_map(|line| line.strip_prefix(series));
        value.unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn a_stranger_is_told_nothing_and_changes_nothing() {
    let server = Server::start().await;
    let body = r#"{"lease_ms":3600000,"latency_ms":1,"share":1}"#;
    for token in [
        "",
        "0123456789abcdeF",
        "0123456789abcde",
        "0123456789abcdef0",
    ] {
        for (method, path) in [
            (Method::GET, "/faults"),
            (Method::PUT, "/faults/slow"),
            (Method::DELETE, "/faults/slow"),
            (Method::PUT, "/faults/none"),
            (Method::POST, "/faults"),
            (Method::GET, "/"),
        ] {
            let (status, told) = server.ask(method, path, token, body).await;
            assert_eq!(
                (status, &told["error"]),
                (401, &json!("unauthorized")),
                "{path}"
            );
            assert!(!told.to_string().contains("slow"), "{told}");
        }
    }
    let url = format!("{}/faults", server.url);
    let answer = server.client.get(url).send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    assert_eq!(server.faults().await, json!([]));
}

#[tokio::test]
async fn a_fault_is_injected_renewed_listed_and_ended() {
    let server = Server::start().await;
    assert_eq!(server.metric().await, 0);
    let (status, begun) = server
        .put(
            "slow",
            r#"{"lease_ms":3600000,"latency_ms":20,"share":0.2}"#,
        )
        .await;
    assert_eq!((status, server.metric().await), (201, 1));
    let expires_at: jiff::Timestamp = begun["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(expires_at > jiff::Timestamp::now());

    let (status, renewed) = server
        .put("slow", r#"{"lease_ms":3600000,"latency_ms":30,"share":1}"#)
        .await;
    assert_eq!((status, &renewed["id"]), (200, &begun["id"]));
    assert_ne!(renewed["expires_at"], begun["expires_at"]);
    assert_eq!(server.faults().await, json!([renewed]));
    assert_eq!(renewed["kind"], "slow");
    assert_eq!(
        renewed["parameters"],
        json!({ "latency_ms": 30, "share": 1.0 })
    );

    assert_eq!(server.delete("slow").await, (204, Value::Null));
    assert_eq!(
        (server.faults().await, server.metric().await),
        (json!([]), 0)
    );
    assert_eq!(server.delete("slow").await, (204, Value::Null));
}

#[tokio::test]
async fn a_lease_that_nobody_renews_expires() {
    let server = Server::start().await;
    server
        .put("slow", r#"{"lease_ms":200,"latency_ms":20,"share":1}"#)
        .await;
    // Not by the list, which would find an expired lease without the timer.
    while server.metric().await == 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.faults().await, json!([]));
}

#[tokio::test]
async fn what_cannot_be_injected_is_refused_with_the_reason() {
    let server = Server::start().await;
    for (body, reason) in [
        ("", "the body is no JSON object: EOF"),
        ("[]", "the body is no JSON object: invalid type: sequence"),
        (
            r#"{"latency_ms":1,"share":1}"#,
            "lease_ms must be a whole number from 1 to 3600000, not null",
        ),
        (
            r#"{"lease_ms":0,"latency_ms":1,"share":1}"#,
            "lease_ms must be",
        ),
        (
            r#"{"lease_ms":3600001,"latency_ms":1,"share":1}"#,
            "lease_ms must be",
        ),
        (r#"{"lease_ms":1,"latency_ms":1}"#, "missing field `share`"),
        (
            r#"{"lease_ms":1,"latency_ms":0,"share":1}"#,
            "latency_ms must be",
        ),
        (
            r#"{"lease_ms":1,"latency_ms":1,"share":0}"#,
            "share must be a number from 0.000001 to 1, not 0",
        ),
        (
            r#"{"lease_ms":1,"latency_ms":1,"share":1,"x":1}"#,
            "unknown field `x`, expected `latency_ms` or `share`",
        ),
    ] {
        let (status, told) = server.put("slow", body).await;
        assert_eq!(
            (status, &told["error"]),
            (422, &json!("invalid_parameters")),
            "{body}"
        );
        let message = told["message"].as_str().unwrap();
        assert!(message.starts_with(reason), "{message}");
    }
    let (status, told) = server.put("fail", r#"{"lease_ms":1,"status":404}"#).await;
    assert_eq!(status, 422);
    assert_eq!(
        told["message"],
        "status must be a whole number from 500 to 599, not 404"
    );
    assert_eq!(server.faults().await, json!([]));
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let server = Server::start().await;
    for (status, told) in [server.put("none", "{}").await, server.delete("none").await] {
        assert_eq!(status, 404);
        assert_eq!(
            told["message"],
            r#"this service has no fault "none"; it has: slow, fail"#
        );
    }
    let (status, told) = server.ask(Method::GET, "/metrics", TOKEN, "").await;
    assert_eq!((status, &told["error"]), (404, &json!("not_found")));
    let (status, told) = server.ask(Method::POST, "/faults/slow", TOKEN, "").await;
    assert_eq!(
        (status, &told["error"]),
        (405, &json!("method_not_allowed"))
    );
    let (status, told) = server.put("slow", &"x".repeat(MAX_BODY_BYTES + 1)).await;
    assert_eq!((status, &told["error"]), (413, &json!("unreadable_body")));
}
