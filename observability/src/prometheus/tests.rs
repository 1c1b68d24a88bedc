use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

async fn answering(route: &str, answer: ResponseTemplate) -> (MockServer, Prometheus) {
    let server = MockServer::start().await;
    Mock::given(path(route))
        .respond_with(answer)
        .mount(&server)
        .await;
    let prometheus = Prometheus::new(&server.uri().parse().unwrap()).unwrap();
    (server, prometheus)
}

#[tokio::test]
async fn warnings_come_with_the_data() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"job":"worker"},"value":[1700000000.5,"NaN"]}]},"warnings":["partial"]}"#;
    let (_server, prometheus) = answering(
        "/api/v1/query",
        ResponseTemplate::new(200).set_body_string(body),
    )
    .await;
    let answer = prometheus.query("up", None).await.unwrap();
    assert_eq!(answer.warnings, ["partial"]);
    assert_eq!(answer.data[0].labels["job"], "worker");
    assert!(answer.data[0].samples[0].value.is_nan());
    assert_eq!(crate::signals::single_value(&answer.data), None);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words() {
    let body = r#"{"status":"error","errorType":"bad_data","error":"parse error: \u001b[31m"}"#;
    let (_server, prometheus) = answering(
        "/api/v1/query",
        ResponseTemplate::new(400).set_body_string(body),
    )
    .await;
    let error = prometheus.query("up(", None).await.unwrap_err();
    assert_eq!(error.short(), "bad_data");
    assert!(!error.to_string().chars().any(char::is_control));
}

#[tokio::test]
async fn a_server_that_is_too_slow_refuses_nothing_and_is_asked_once() {
    let signals = crate::signals::shipped(1.0).unwrap();
    let question = crate::signals::question(&signals);
    for (status, kind) in [(503, "timeout"), (500, "internal"), (499, "canceled")] {
        let body = format!(r#"{{"status":"error","errorType":"{kind}","error":"too\nslow"}}"#);
        let answer = ResponseTemplate::new(status).set_body_string(body);
        let (server, prometheus) = answering("/api/v1/query", answer).await;
        let error = crate::snapshot::read_signals(&prometheus, &question)
            .await
            .unwrap_err();
        let url = format!("{}/api/v1/query", server.uri());
        let excerpt = format!("{kind}: too slow");
        let expected = BackendError::Status {
            url,
            status,
            excerpt,
        };
        assert_eq!(error, expected);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_would_be_refused_again_is_refused() {
    for (status, kind) in [(400, "bad_data"), (422, "execution")] {
        let body = format!(r#"{{"status":"error","errorType":"{kind}","error":"no"}}"#);
        let answer = ResponseTemplate::new(status).set_body_string(body);
        let (_server, prometheus) = answering("/api/v1/query", answer).await;
        let error = prometheus.query("up", None).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused { .. }), "{error}");
        assert_eq!(error.short(), kind);
    }
}

#[tokio::test]
async fn garbage_html_errors_and_silence_each_get_their_own_words() {
    for (answer, short) in [
        (
            ResponseTemplate::new(200).set_body_string("<html>login</html>"),
            "not its API",
        ),
        (
            ResponseTemplate::new(200).set_body_string(r#"{"status":"success"}"#),
            "not its API",
        ),
        (ResponseTemplate::new(200), "not its API"),
        (
            ResponseTemplate::new(500).set_body_string("oops"),
            "HTTP 500",
        ),
        (
            ResponseTemplate::new(503).set_body_string(r#"{"status":"success","data":{}}"#),
            "HTTP 503",
        ),
        (
            ResponseTemplate::new(302).insert_header("location", "/api/v1/rules"),
            "unreachable",
        ),
    ] {
        let (_server, prometheus) = answering("/api/v1/rules", answer).await;
        let error = prometheus.rules().await.unwrap_err();
        assert_eq!(error.short(), short, "{error}");
    }
    let nobody = Prometheus::new(&"http://127.0.0.1:1".parse().unwrap()).unwrap();
    assert_eq!(nobody.rules().await.unwrap_err().short(), "unreachable");
}

#[tokio::test]
async fn rules_keep_state_error_and_alerts_and_need_nothing_optional() {
    let body = r#"{"status":"success","data":{"groups":[{"name":"g","interval":0.5,"rules":[
        {"type":"alerting","name":"A","query":"x > 1","duration":10,"state":"pending",
         "health":"err","lastError":"boom","lastEvaluation":"2026-11-22T10:00:00.25Z",
         "alerts":[{"labels":{"alertname":"A"},"state":"pending",
                    "activeAt":"2026-11-22T09:59:55Z","value":"1.5e+03"}]},
        {"type":"recording","name":"r"},
        {"type":"alerting","name":"B","state":"something new"}]}]}}"#;
    let (_server, prometheus) = answering(
        "/api/v1/rules",
        ResponseTemplate::new(200).set_body_string(body),
    )
    .await;
    let groups = prometheus.rules().await.unwrap().data;
    let statuses = crate::snapshot::alert_statuses(&groups);
    assert_eq!(statuses.len(), 2);
    let alert = &statuses[0];
    assert_eq!(
        (alert.name.as_str(), alert.state),
        ("A", AlertState::Pending)
    );
    assert_eq!(
        (alert.value, alert.error.as_deref()),
        (Some(1500.0), Some("boom"))
    );
    assert_eq!(alert.fires_at.unwrap().to_string(), "2026-11-22T10:00:05Z");
    assert_eq!(statuses[1].state, AlertState::Unknown);
}

#[tokio::test]
async fn queries_are_posted_so_that_long_ones_fit() {
    let server = MockServer::start().await;
    let body = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_string(body))
        .expect(1)
        .mount(&server)
        .await;
    let prometheus = Prometheus::new(&server.uri().parse().unwrap()).unwrap();
    let answer = prometheus
        .query(&"x + ".repeat(5000), Some(1.0))
        .await
        .unwrap();
    assert_eq!(crate::signals::single_value(&answer.data), Some(2.0));
}
