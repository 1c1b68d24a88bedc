use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::logs::{Feed, Level, LogSource};

/// What a real Loki answered: the parameters and the answer.
fn recorded(name: &str) -> (Value, ResponseTemplate) {
    let file = format!(
        "{}/tests/recordings/loki/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let all: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let response = &all["response"];
    let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
    let body = match response["text"].as_str() {
        Some(text) => text.to_owned(),
        None => response["json"].to_string(),
    };
    let kind = response["content_type"].as_str().unwrap();
    let answer = ResponseTemplate::new(status).set_body_raw(body, kind);
    (all["request"]["params"].clone(), answer)
}

async fn loki(answer: ResponseTemplate) -> (MockServer, Loki) {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/loki/api/v1/query_range"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let loki = Loki::new(&server.uri().parse().unwrap()).unwrap();
    (server, loki)
}

fn entered(logql: &str) -> LogQuery {
    LogQuery {
        entered: Some(logql.into()),
        ..LogQuery::default()
    }
}

#[tokio::test]
async fn recorded_streams_are_read_oldest_first() {
    for name in [
        "query_range_streams_backward",
        "query_range_streams_forward",
        "query_range_json_stage",
        "query_range_json_error_label",
        "query_range_structured_metadata",
        "query_range_line_filter",
        "query_range_line_format",
        "query_range_regex_filter",
    ] {
        let (parameters, answer) = recorded(name);
        let (_server, loki) = loki(answer).await;
        let query = entered(parameters["query"].as_str().unwrap());
        let lines = loki.oldest(&query, 0, 1).await.unwrap();
        assert!(!lines.is_empty(), "{name}");
        assert!(lines.is_sorted_by_key(|line| line.at_ns), "{name}");
        assert!(
            lines
                .iter()
                .all(|line| line.at_ns > 1_795_000_000_000_000_000)
        );
    }
    let (_server, loki) = loki(recorded("query_range_streams_backward").1).await;
    let lines = loki.oldest(&LogQuery::default(), 0, 1).await.unwrap();
    assert!(lines.iter().any(|line| line.level == Level::Error
        && line.service() == Some("vote-app")
        && line.message() == "redis: connection refused (os error 111)"));
}

#[tokio::test]
async fn an_empty_answer_has_no_lines() {
    let (_server, loki) = loki(recorded("query_range_empty").1).await;
    let lines = loki.oldest(&LogQuery::default(), 0, 1).await.unwrap();
    assert!(lines.is_empty());
}

#[tokio::test]
async fn errors_are_told_as_loki_words_them() {
    for (name, words) in [
        (
            "error_parse",
            "parse error at line 0, col 16: syntax error: unexpected |=, expecting } or ,",
        ),
        ("error_bad_regex", "missing closing )"),
        ("error_limit_too_big", "max entries limit"),
        ("error_empty_selector", "at least one"),
    ] {
        let (_server, loki) = loki(recorded(name).1).await;
        let error = loki.oldest(&LogQuery::default(), 0, 1).await.unwrap_err();
        assert!(error.to_string().contains(words), "{name}: {error}");
        assert!(matches!(error, BackendError::Refused { .. }), "{name}");
    }
}

#[tokio::test]
async fn a_query_that_gives_numbers_says_what_would_give_lines() {
    let (_server, loki) = loki(recorded("query_range_matrix_rate_by_level").1).await;
    let error = loki.oldest(&LogQuery::default(), 0, 1).await.unwrap_err();
    assert!(
        error.to_string().contains("the query gives numbers"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_loki_is_told() {
    for (answer, words) in [
        (
            ResponseTemplate::new(200).set_body_string("<html>"),
            "not its API",
        ),
        (
            ResponseTemplate::new(200).set_body_string("{\"data\":"),
            "not its API",
        ),
        (
            ResponseTemplate::new(502).set_body_string("bad gateway"),
            "answered 502",
        ),
        (
            ResponseTemplate::new(404).set_body_string("404 page not found"),
            "404 page not found",
        ),
    ] {
        let (_server, loki) = loki(answer).await;
        let error = loki.oldest(&LogQuery::default(), 0, 1).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// A Loki that holds lines and answers like one: limits, directions, an end that is outside.
#[derive(Clone)]
struct Held(std::sync::Arc<std::sync::Mutex<Vec<(i64, String)>>>);

impl wiremock::Respond for Held {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let parameter = |name: &str| {
            let mut pairs = request.url.query_pairs();
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        let number = |name: &str| parameter(name).parse::<i64>().unwrap();
        let (start, end) = (number("start"), number("end"));
        let held = self.0.lock().unwrap();
        let mut all: Vec<_> = held
            .iter()
            .filter(|(at, _)| (start..end).contains(at))
            .map(|(at, text)| serde_json::json!([at.to_string(), text]))
            .collect();
        if parameter("direction") == "backward" {
            all.reverse();
        }
        all.truncate(usize::try_from(number("limit")).unwrap());
        ResponseTemplate::new(200).set_body_json(serde_json::json!({
            "status": "success",
            "data": {"resultType": "streams", "result": [{"stream": {"service": "x"}, "values": all}]},
        }))
    }
}

async fn holding(count: i64) -> (MockServer, Loki, Held) {
    // Three lines to a nanosecond, so that pages end between equal times.
    let lines = (0..count).map(|n| (1 + n / 3, format!("line {n}")));
    let held = Held(std::sync::Arc::new(std::sync::Mutex::new(lines.collect())));
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(held.clone())
        .mount(&server)
        .await;
    let loki = Loki::new(&server.uri().parse().unwrap()).unwrap();
    (server, loki, held)
}

#[tokio::test]
async fn pages_hold_every_line_once() {
    let (_server, loki, _) = holding(12_001).await;
    let found = loki
        .newest(&LogQuery::default(), 0, 1_000_000, 20_000)
        .await
        .unwrap();
    assert_eq!(found.cut_ns, None);
    let some = loki
        .newest(&LogQuery::default(), 0, 1_000_000, 7000)
        .await
        .unwrap();
    assert_eq!(some.cut_ns, some.lines.first().map(|line| line.at_ns));
    assert!(some.cut_ns.is_some());
    let lines = found.lines;
    let texts: BTreeSet<_> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!((lines.len(), texts.len()), (12_001, 12_001));
    assert!(lines.is_sorted_by_key(|line| line.at_ns));
}

async fn all_of(feed: &mut Feed, now_ns: i64) -> Vec<LogLine> {
    let mut lines = feed.next(now_ns).await.unwrap();
    while feed.has_more() {
        lines.extend(feed.next(now_ns).await.unwrap());
    }
    lines
}

#[tokio::test]
async fn a_feed_that_is_sent_back_asks_from_there_and_tells_nothing_twice() {
    const SECOND_NS: i64 = 1_000_000_000;
    let (_server, loki, held) = holding(0).await;
    let mut feed = Feed::new(LogSource::Loki(loki), LogQuery::default(), 0);
    let store = |at_s: i64, text: &str| {
        let line = (at_s * SECOND_NS, text.to_owned());
        held.0.lock().unwrap().push(line);
    };
    store(8, "told");
    assert_eq!(all_of(&mut feed, 9 * SECOND_NS).await.len(), 1);
    // Too late for a feed that only looks back as far as lines may be late.
    held.0
        .lock()
        .unwrap()
        .insert(0, (2 * SECOND_NS, "left out".to_owned()));
    assert!(all_of(&mut feed, 9 * SECOND_NS).await.is_empty());
    feed.rewind(SECOND_NS);
    let lines = all_of(&mut feed, 9 * SECOND_NS).await;
    let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["left out"]);
}

#[tokio::test]
async fn an_answer_that_fails_between_two_pages_costs_no_line() {
    let (server, loki, _) = holding(11_000).await;
    let mut feed = Feed::new(LogSource::Loki(loki), LogQuery::default(), 0);
    let mut told = feed.next(100_000).await.unwrap();
    assert!(feed.has_more());
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(502))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    feed.next(100_000).await.unwrap_err();
    told.extend(all_of(&mut feed, 100_000).await);
    let texts: BTreeSet<_> = told.iter().map(|line| line.text.clone()).collect();
    assert_eq!((told.len(), texts.len()), (11_000, 11_000));
}

#[tokio::test]
async fn a_feed_loses_nothing_and_tells_nothing_twice() {
    let (_server, loki, held) = holding(11_000).await;
    let mut feed = Feed::new(LogSource::Loki(loki), LogQuery::default(), 0);
    let mut told = Vec::new();
    for round in 0..4 {
        told.extend(all_of(&mut feed, 10_000).await);
        let mut held = held.0.lock().unwrap();
        let newest = held.last().unwrap().0;
        // One that comes late, among the times that were told already, and a thousand new ones.
        held.push((newest - 1, format!("late {round}")));
        held.extend((0..1000).map(|n| (newest + 1, format!("new {round} {n}"))));
        held.sort_by_key(|(at, _)| *at);
    }
    told.extend(all_of(&mut feed, 1_000_000).await);
    let texts: BTreeSet<_> = told.iter().map(|line| line.text.clone()).collect();
    assert_eq!(told.len(), texts.len(), "nothing twice");
    let held: BTreeSet<_> = held
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|(_, text)| text.clone())
        .collect();
    assert_eq!(texts, held);
}

proptest! {
    #[test]
    fn any_answer_is_read_or_refused(text in any::<String>(), at in any::<i64>()) {
        let entry = serde_json::json!([at.to_string(), text, {"a": "b"}]);
        let all = serde_json::json!({"data": {"resultType": "streams", "result": [{"stream": {}, "values": [entry]}]}});
        let answer: Envelope = serde_json::from_value(all).unwrap();
        prop_assert_eq!(lines(answer.data).unwrap().len(), 1);
        let _ = serde_json::from_str::<Envelope>(&text).map(|answer| lines(answer.data));
    }
}
