//! Silences against a real Alertmanager and one that fails.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// An Alertmanager of this machine; dropping it stops it.
struct Server {
    child: Child,
    client: Alertmanager,
    _dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn server() -> Server {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("alertmanager.yml");
    std::fs::write(
        &config,
        "route:\n  receiver: none\nreceivers:\n- name: none\n",
    )
    .unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let programs = ["alertmanager", "prometheus-alertmanager"];
    let program = programs.into_iter().find(|program| {
        let mut version = Command::new(program);
        version.arg("--version").stderr(Stdio::null());
        version.stdout(Stdio::null()).status().is_ok()
    });
    let child = Command::new(program.unwrap())
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.path={}",
            dir.path().join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let client = Alertmanager::new(&format!("http://127.0.0.1:{port}").parse().unwrap()).unwrap();
    let server = Server {
        child,
        client,
        _dir: dir,
    };
    while server.client.status().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server
}

fn silence(matchers: &str) -> NewSilence {
    let now = Timestamp::now();
    NewSilence {
        matchers: parse(matchers).unwrap(),
        starts_at: now,
        ends_at: now + SignedDuration::from_hours(1),
        created_by: "ann".into(),
        comment: "it's a \"deploy\"".into(),
    }
}

#[tokio::test]
async fn a_silence_is_made_suppresses_and_is_ended() {
    let server = server().await;
    let client = &server.client;
    let alert = serde_json::json!([{"labels": {"alertname": "X", "job": "a\"b"}}]);
    let (status, _) = client
        .http
        .post_json("api/v2/alerts", &alert)
        .await
        .unwrap();
    assert!(status.is_success());
    let wanted = silence("alertname=\"X\", job=~\"a.b\", other!=\"y\"");
    let id = client.silence(&wanted).await.unwrap();
    let held = client.silences().await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!((&held[0].id, &held[0].matchers), (&id, &wanted.matchers));
    assert_eq!(held[0].status.state, SilenceState::Active);
    assert_eq!(held[0].comment, wanted.comment);
    let alerts = loop {
        let alerts = client.alerts().await.unwrap();
        if !alerts.is_empty() && alerts[0].status.state == "suppressed" {
            break alerts;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(matches(&wanted.matchers, &alerts[0].labels));
    assert_eq!(alerts[0].status.silenced_by, std::slice::from_ref(&id));

    client.expire(&id).await.unwrap();
    let held = client.silences().await.unwrap();
    assert_eq!(held[0].status.state, SilenceState::Expired);
    let nobody = client.expire("00000000-0000-4000-8000-000000000000").await;
    let again = nobody.unwrap_err();
    assert!(matches!(again, BackendError::Refused { .. }), "{again}");
    // What it refuses is told in its words.
    let mut past = wanted;
    past.ends_at = past.starts_at - SignedDuration::from_hours(1);
    let told = client.silence(&past).await.unwrap_err().to_string();
    assert!(told.contains("start"), "{told}");
}

#[tokio::test]
async fn failures_are_told() {
    for (response, told) in [
        (
            ResponseTemplate::new(500).set_body_string("oops"),
            "HTTP 500: oops",
        ),
        (
            ResponseTemplate::new(400).set_body_string("\"bad matcher\""),
            "HTTP 400: bad matcher",
        ),
        (
            ResponseTemplate::new(200).set_body_string("<html>"),
            "not its API",
        ),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(response)
            .mount(&server)
            .await;
        let client = Alertmanager::new(&server.uri().parse().unwrap()).unwrap();
        let error = client.silence(&silence("a=\"b\"")).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn matchers_mean_what_they_mean_to_alertmanager() {
    let labels: Labels = [("alertname", "Down"), ("job", "worker-1")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    for (text, expected) in [
        ("alertname=Down", true),
        ("alertname=\"Down\", job=\"worker\"", false),
        ("job=~\"worker\"", false),
        ("job=~\"worker-.*\"", true),
        ("alertname=Down, job!~\"redis|vote.*\"", true),
        ("alertname=Down, env=\"\"", true),
        ("alertname=Down, env!=\"prod\"", true),
        ("env=\"prod\"", false),
    ] {
        assert_eq!(matches(&parse(text).unwrap(), &labels), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_a_matcher_is_told() {
    for (text, told) in [
        ("", "at least one"),
        ("job", "= != =~ !~"),
        ("1job=x", "is no label"),
        ("job=\"x", "not closed"),
        ("job=~\"(\"", "unclosed group"),
        ("job=\"a\" env=\"b\"", "comma"),
        ("env=\"\"", "all alerts would match"),
        ("job=~\".*\"", "all alerts would match"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn the_amtool_line_holds_no_password() {
    let url = "http://ann:s3cret@am:9093".parse().unwrap();
    let line = silence("a=\"b\"").amtool(&url);
    assert!(!line.contains("s3cret"), "{line}");
    assert!(line.contains("--duration=3600s"), "{line}");
}

proptest! {
    #[test]
    fn matchers_are_read_as_they_are_written(value in "\\PC{1,20}", regex in any::<bool>(), equal in any::<bool>()) {
        let value = if regex { regex::escape(&value) } else { value };
        let matcher = Matcher { name: "a_1".into(), value, is_regex: regex, is_equal: equal };
        let text = format!("x=\"y\", {matcher}");
        let read = parse(&text).unwrap();
        prop_assert_eq!(&read[1], &matcher);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
        let _ = parse(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_shell_reads_the_words_that_were_meant(word in "[^\0\r]{0,20}") {
        let output = Command::new("sh").arg("-c").arg(format!("printf '%s' {}", quote(&word))).output().unwrap();
        prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
    }
}
