//! The poller tasks against servers that fail in every way, up to what the frame says of it.

use std::time::Duration;

use regex::Regex;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use voteops_observability::grafana::Grafana;
use voteops_observability::logs::{LogSource, Loki};
use voteops_observability::snapshot::Sources;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::message::Message;
use crate::model::{Backend, Model};
use crate::poll;
use crate::settings::Settings;
use crate::tests::fixtures::{model, sources, text};
use crate::update::update;
use crate::wanted::{Wanted, wanted};

const DEADLINE: Duration = Duration::from_mins(1);
const REFRESH: Duration = Duration::from_millis(50);

/// A model fed by real pollers.
struct Fed {
    model: Model,
    messages: mpsc::Receiver<Message>,
    wanted: watch::Sender<Wanted>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Message>,
}

fn watch(prometheus: &str, alertmanager: Option<&str>) -> Fed {
    feed(sources(prometheus, alertmanager))
}

fn feed(sources: Sources) -> Fed {
    let settings = Settings {
        refresh: REFRESH,
        ..Settings::new(sources, "test")
    };
    let model = model(&settings, true);
    let (sender, messages) = mpsc::channel(64);
    let (wanted, needs) = watch::channel(Wanted::default());
    let mut tasks = JoinSet::new();
    poll::start(
        &mut tasks,
        &settings.sources,
        &model.setup,
        REFRESH,
        &sender,
        &needs,
    );
    Fed {
        model,
        messages,
        wanted,
        tasks,
        sender,
    }
}

impl Fed {
    /// Asks a Loki too, often.
    fn logs(&mut self, url: &str) {
        let loki = Loki::new(&url.parse().unwrap()).unwrap();
        self.model.setup.backends.push(Backend::Loki);
        self.model.setup.addresses.push(url.into());
        self.model.setup.log_source = Some("loki");
        let source = LogSource::Loki(loki);
        let needs = self.wanted.subscribe();
        poll::start_logs(&mut self.tasks, source, REFRESH, &self.sender, &needs);
    }

    /// Feeds the model until its frame contains all of the words.
    async fn shows(&mut self, words: &[&str]) -> String {
        let found = tokio::time::timeout(DEADLINE, async {
            loop {
                wanted(&self.model).tell(&self.wanted);
                let message = self.messages.recv().await.unwrap();
                update(&mut self.model, message);
                update(&mut self.model, Message::Now(jiff::Timestamp::now()));
                let frame = text(&self.model, (120, 36));
                if words.iter().all(|word| frame.contains(word)) {
                    return frame;
                }
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_| panic!("{words:?} not in\n{}", text(&self.model, (120, 36))))
    }
}

fn raw(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json")
}

/// Answers a query with a series for each of its parts.
fn vector(request: &Request, value: &str) -> ResponseTemplate {
    let query = url::form_urlencoded::parse(&request.body)
        .find(|(key, _)| key == "query")
        .map(|(_, query)| query.into_owned())
        .unwrap_or_default();
    let parts = Regex::new(r#""voteops_part", "([^"]*)""#).unwrap();
    let series: Vec<_> = parts
        .captures_iter(&query)
        .map(|part| json!({"metric": {"voteops_part": part[1]}, "value": [1_790_000_000, value]}))
        .collect();
    let result = if series.is_empty() {
        json!([{"metric": {}, "value": [1_790_000_000, value]}])
    } else {
        json!(series)
    };
    ResponseTemplate::new(200).set_body_json(
        json!({"status": "success", "data": {"resultType": "vector", "result": result}}),
    )
}

/// A Prometheus whose every signal is `value` and which has one rule.
async fn well(server: &MockServer, value: &'static str) {
    Mock::given(method("POST"))
        .and(path("/api/v1/query"))
        .respond_with(move |request: &Request| vector(request, value))
        .mount(server)
        .await;
    let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    let rules = r#"{"status":"success","data":{"groups":[{"name":"g","interval":15,"rules":[
        {"type":"alerting","name":"OnlyRule","query":"up > 1000","duration":300,"state":"inactive"}]}]}}"#;
    for (endpoint, verb, body) in [
        ("/api/v1/query_range", "POST", matrix),
        ("/api/v1/rules", "GET", rules),
    ] {
        Mock::given(method(verb))
            .and(path(endpoint))
            .respond_with(raw(body))
            .mount(server)
            .await;
    }
}

async fn answers(server: &MockServer, response: ResponseTemplate) {
    server.reset().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(response)
        .mount(server)
        .await;
}

#[tokio::test]
async fn errors_are_told_and_pass_by_themselves() {
    let server = MockServer::builder().start().await;
    well(&server, "7").await;
    let mut fed = watch(&server.uri(), None);
    fed.shows(&["queue 7", "OnlyRule", "● prometheus"]).await;

    answers(&server, ResponseTemplate::new(500).set_body_string("oops")).await;
    let broken = fed.shows(&["✗ prometheus HTTP 500", "retry in"]).await;
    assert!(
        broken.contains("queue 7"),
        "the last value stays:\n{broken}"
    );
    assert!(broken.contains("prometheus lost"), "{broken}");

    let html = ResponseTemplate::new(200).set_body_string("<html>login</html>");
    answers(&server, html).await;
    fed.shows(&["✗ prometheus not its API"]).await;

    server.reset().await;
    well(&server, "8").await;
    fed.shows(&["● prometheus", "queue 8", "prometheus is back after"])
        .await;
}

#[tokio::test]
async fn a_refused_connection_makes_values_stale_and_a_restart_brings_them_back() {
    let server = MockServer::builder().start().await;
    well(&server, "7").await;
    let address = *server.address();
    let mut fed = watch(&server.uri(), None);
    fed.shows(&["queue 7", "● prometheus"]).await;

    drop(server);
    let lost = fed.shows(&["✗ prometheus unreachable", "◌ stale"]).await;
    assert!(lost.contains("queue 7"), "{lost}");

    let listener = std::net::TcpListener::bind(address).unwrap();
    let server = MockServer::builder().listener(listener).start().await;
    well(&server, "9").await;
    let back = fed
        .shows(&["● prometheus", "queue 9", "is back after"])
        .await;
    assert!(!back.contains("stale"), "{back}");
}

#[tokio::test]
async fn a_server_that_hangs_is_called_silent() {
    let server = MockServer::builder().start().await;
    well(&server, "7").await;
    let mut fed = watch(&server.uri(), None);
    fed.shows(&["queue 7", "● prometheus"]).await;
    answers(&server, raw("{}").set_delay(DEADLINE)).await;
    // Nothing arrives while it hangs, so the clock moves as the loop's tick would move it. The
    // questions that were answered before the reset may still be under way.
    while let Ok(message) = tokio::time::timeout(REFRESH * 10, fed.messages.recv()).await {
        update(&mut fed.model, message.unwrap());
    }
    let later = jiff::Timestamp::now() + Duration::from_secs(8);
    update(&mut fed.model, Message::Now(later));
    let frame = text(&fed.model, (120, 36));
    assert!(frame.contains("◌ prometheus silent for"), "{frame}");
    assert!(frame.contains("◌ stale"), "{frame}");
}

#[tokio::test]
async fn one_backend_down_leaves_the_other_live() {
    let server = MockServer::builder().start().await;
    well(&server, "7").await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let mut fed = watch(&server.uri(), Some(&nobody));
    let frame = fed
        .shows(&["● prometheus", "✗ alertmanager unreachable", "queue 7"])
        .await;
    assert!(!frame.contains("stale"), "{frame}");
}

#[tokio::test]
async fn grafana_is_asked_lost_and_back_without_touching_prometheus() {
    let server = MockServer::builder().start().await;
    well(&server, "7").await;
    let grafana = MockServer::builder().start().await;
    let rules = r#"{"status":"success","data":{"groups":[{"name":"g","file":"f","interval":60,
        "rules":[{"type":"alerting","name":"Managed","query":"up","health":"ok","state":"firing"}]}]}}"#;
    answers(&grafana, raw(rules)).await;
    let mut all = sources(&server.uri(), None);
    all.grafana = Some(Grafana::new(&grafana.uri().parse().unwrap()).unwrap());
    let once = Settings::new(all.clone(), "test");
    let frame = crate::once(once, 120, 36).await;
    assert!(
        frame.contains("■ FIRING        Managed (grafana)"),
        "{frame}"
    );
    let mut fed = feed(all);
    fed.shows(&[
        "■ FIRING        Managed (grafana)",
        "● ok            OnlyRule",
    ])
    .await;

    let refused = ResponseTemplate::new(401).set_body_string(r#"{"message":"Unauthorized"}"#);
    answers(&grafana, refused).await;
    let lost = [
        "✗ grafana HTTP 401",
        "retry in",
        "■ was FIRING",
        "grafana lost",
    ];
    let frame = fed.shows(&lost).await;
    assert!(frame.contains("● ok            OnlyRule"), "{frame}");
    assert!(frame.contains("● prometheus"), "{frame}");

    answers(&grafana, raw(rules)).await;
    fed.shows(&[
        "● grafana",
        "■ FIRING        Managed (grafana)",
        "grafana is back",
    ])
    .await;
}

#[tokio::test]
async fn a_loki_that_goes_away_is_told_and_comes_back() {
    let prometheus = MockServer::builder().start().await;
    well(&prometheus, "7").await;
    let server = MockServer::builder().start().await;
    let mut fed = watch(&prometheus.uri(), None);
    fed.logs(&server.uri());
    let labels = r#"{"status":"success","data":["service"]}"#;
    answers(&server, raw(labels)).await;
    fed.shows(&["● loki", "● prometheus"]).await;
    answers(&server, ResponseTemplate::new(502)).await;
    fed.shows(&["✗ loki HTTP 502", "retry in", "loki lost", "● prometheus"])
        .await;
    answers(&server, raw(labels)).await;
    fed.shows(&["● loki", "loki is back after"]).await;
}

#[tokio::test]
async fn a_warning_of_the_api_is_shown() {
    let server = MockServer::builder().start().await;
    let warned = r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["partial answer: a block is gone"]}"#;
    Mock::given(path("/api/v1/query"))
        .respond_with(raw(warned))
        .with_priority(1)
        .mount(&server)
        .await;
    well(&server, "7").await;
    let mut fed = watch(&server.uri(), None);
    let frame = fed.shows(&["▲ prometheus", "1 warning"]).await;
    assert!(
        frame.contains("prometheus warns: partial answer"),
        "{frame}"
    );
    assert!(frame.contains("◌ no data"), "{frame}");
}

#[tokio::test]
async fn a_single_frame_is_bounded_and_complete() {
    let server = MockServer::builder().start().await;
    well(&server, "7").await;
    let settings = || Settings::new(sources(&server.uri(), None), "test");
    let frame = crate::once(settings(), 120, 36).await;
    assert!(
        frame.contains("queue 7") && frame.contains("OnlyRule"),
        "{frame}"
    );
    answers(&server, raw("{}").set_delay(DEADLINE)).await;
    let frame = crate::once(settings(), 80, 24).await;
    assert!(frame.contains("✗ prometheus timeout"), "{frame}");
}
