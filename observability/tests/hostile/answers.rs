//! Every client against a server that answers anything: no panic, no endless wait, and an error
//! of one line that cannot steer a terminal.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use url::Url;
use voteops_observability::BackendError;
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::grafana::Grafana;
use voteops_observability::logs::{LogQuery, LogSource, Loki};
use voteops_observability::prometheus::Prometheus;
use voteops_observability::snapshot::alert_statuses;
use voteops_observability::text::clean_line;

/// Answers of the real servers, to be broken.
const ANSWERS: [&str; 8] = [
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1790000000.1,"1"]}]},"warnings":["w"]}"#,
    r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"],[2,"+Inf"]]}]}}"#,
    r#"{"status":"error","errorType":"bad_data","error":"1:1: parse error"}"#,
    r#"{"status":"success","data":{"groups":[{"name":"g","interval":15,"rules":[{"type":"alerting","name":"A","query":"up < 1","duration":60,"state":"pending","alerts":[{"labels":{"alertname":"A"},"annotations":{},"state":"pending","activeAt":"2026-11-22T09:59:55Z","value":"1e+03"}]}]}]}}"#,
    r#"{"status":"success","data":{"activeTargets":[{"labels":{"job":"x"},"scrapeUrl":"http://h/metrics","health":"up","lastError":"","lastScrape":"2026-11-22T09:59:55Z","lastScrapeDuration":0.1,"scrapeInterval":"15s"}]}}"#,
    r#"[{"labels":{"alertname":"A"},"annotations":{},"startsAt":"2026-11-22T09:59:55Z","endsAt":"2026-11-22T10:59:55Z","fingerprint":"f","receivers":[{"name":"r"}],"status":{"state":"active","silencedBy":[],"inhibitedBy":[]}}]"#,
    r#"[{"id":"i","matchers":[{"name":"alertname","value":"A","isRegex":false,"isEqual":true}],"startsAt":"2026-11-22T09:59:55Z","endsAt":"2026-11-22T10:59:55Z","createdBy":"a","comment":"c","status":{"state":"active"}}]"#,
    r#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{"service":"worker"},"values":[["1790000000000000000","line",{"structuredMetadata":{"id":"1"}}]]}]}}"#,
];

/// What the server sends after each request, before it closes.
type Reply = Arc<Mutex<Vec<u8>>>;

async fn serve(reply: Reply) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let reply = Arc::clone(&reply);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let bytes = reply.lock().unwrap().clone();
                let _ = stream.write_all(&bytes).await;
            });
        }
    });
    url.parse().unwrap()
}

/// A whole HTTP answer around a body.
fn whole(status: u16, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Asks every question; gives what went wrong.
async fn ask_all(url: &Url) -> Vec<BackendError> {
    let prometheus = Prometheus::new(url).unwrap();
    let alertmanager = Alertmanager::new(url).unwrap();
    let loki = Loki::new(url).unwrap();
    let logs = LogSource::Loki(loki.clone());
    let grafana = Grafana::new(url).unwrap();
    let query = LogQuery::default();
    let step = std::time::Duration::from_secs(1);
    let errors = [
        prometheus.query("up", None).await.err(),
        prometheus.query_range("up", 0.0, 1.0, step).await.err(),
        match prometheus.rules().await {
            Ok(groups) => {
                drop(alert_statuses(&groups.data));
                None
            }
            Err(error) => Some(error),
        },
        prometheus.targets().await.err(),
        prometheus.ready().await.err(),
        alertmanager.alerts().await.err(),
        alertmanager.silences().await.err(),
        alertmanager.status().await.err(),
        alertmanager.route_timing().await.err(),
        alertmanager.aggregation_groups().await.err(),
        grafana.rules().await.err(),
        grafana.live().await.err(),
        grafana.definitions().await.err(),
        loki.labels().await.err(),
        logs.newest(&query, 0, 1, 10).await.err(),
        logs.oldest(&query, 0, 1).await.err(),
    ];
    errors.into_iter().flatten().collect()
}

fn is_told_well(error: &BackendError) -> bool {
    let (told, short) = (error.to_string(), error.short());
    let is_clean = |text: &str| clean_line(text) == text;
    is_clean(&told) && is_clean(&short) && told.len() < 2000 && !short.is_empty()
}

/// Text with what steers a terminal in it: `any::<String>()` holds no control characters.
fn wild_text() -> impl Strategy<Value = String> {
    let steering = prop::sample::select(&['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\n'][..]);
    let wild = prop::collection::vec(prop_oneof![any::<char>(), steering], 0..40);
    prop_oneof![any::<String>(), wild.prop_map(String::from_iter)]
}

/// Any JSON.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        wild_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{0,8}|status|data|result", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Puts `by` in the place of the `at`-th value inside `of`.
fn replace(of: &mut Value, at: &mut usize, by: &Value) {
    if *at == 0 {
        *of = by.clone();
    }
    *at = at.wrapping_sub(1);
    match of {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, by)),
        Value::Object(items) => items.values_mut().for_each(|item| replace(item, at, by)),
        _ => {}
    }
}

/// A body: anything, or a real answer with something in it broken.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let answer = || prop::sample::select(&ANSWERS[..]);
    prop_oneof![
        any::<Vec<u8>>(),
        wild_text().prop_map(String::into_bytes),
        json().prop_map(|json| json.to_string().into_bytes()),
        (answer(), 0..30_usize, json()).prop_map(|(answer, mut at, by)| {
            let mut value: Value = serde_json::from_str(answer).unwrap();
            replace(&mut value, &mut at, &by);
            value.to_string().into_bytes()
        }),
        (answer(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(answer, at, byte)| {
            let mut bytes = answer.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        (answer(), any::<prop::sample::Index>())
            .prop_map(|(answer, at)| { answer.as_bytes()[..at.index(answer.len())].to_vec() }),
    ]
}

/// What a server sends: an answer with a body, or anything at all.
fn reply() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (prop::sample::select(&[200_u16, 204, 301, 400, 401, 404, 429, 500, 503][..]), body())
            .prop_map(|(status, body)| whole(status, &body)),
        1 => any::<Vec<u8>>(),
    ]
}

#[tokio::test]
async fn whatever_word_of_an_answer_steers_a_terminal_no_error_does() {
    let sent: Reply = Arc::default();
    let url = serve(Arc::clone(&sent)).await;
    let by = Value::from("\u{1b}]0;title\u{7}\u{9b}31m\u{202e}");
    for answer in ANSWERS {
        let whole_value: Value = serde_json::from_str(answer).unwrap();
        for at in 1.. {
            let (mut value, mut left) = (whole_value.clone(), at);
            replace(&mut value, &mut left, &by);
            if value == whole_value {
                break;
            }
            for status in [200, 400, 503] {
                *sent.lock().unwrap() = whole(status, value.to_string().as_bytes());
                for error in ask_all(&url).await {
                    assert!(is_told_well(&error), "{error:?}");
                }
            }
        }
    }
}

#[test]
fn any_answer_is_read_or_refused() {
    let runtime = Runtime::new().unwrap();
    let sent: Reply = Arc::default();
    let url = runtime.block_on(serve(Arc::clone(&sent)));
    proptest!(|(bytes in reply())| {
        (*sent.lock().unwrap()).clone_from(&bytes);
        for error in runtime.block_on(ask_all(&url)) {
            prop_assert!(is_told_well(&error), "{error:?}");
        }
    });
}

#[tokio::test]
async fn what_is_no_answer_has_a_message_of_its_own() {
    let sent: Reply = Arc::default();
    let url = serve(Arc::clone(&sent)).await;
    let whole_body = whole(200, ANSWERS[0].as_bytes());
    let half = whole_body[..whole_body.len() - 20].to_vec();
    let elsewhere = format!("HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n");
    let login = whole(200, b"<!doctype html><title>Sign in</title>");
    for (bytes, told) in [
        (half, "end of file before message length reached"),
        (elsewhere.into_bytes(), "too many redirects"),
        (login, "Sign in"),
        (Vec::new(), "connection closed before message completed"),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
            "invalid HTTP version parsed",
        ),
        (whole(500, b"goroutine 1 [running]"), "goroutine 1"),
    ] {
        *sent.lock().unwrap() = bytes;
        let error = Prometheus::new(&url).unwrap().rules().await.unwrap_err();
        assert!(error.to_string().contains(told), "{told} not in {error}");
        assert!(is_told_well(&error));
    }
}
