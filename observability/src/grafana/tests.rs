use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::types::Envelope;
use super::*;
use crate::prometheus::AlertState::{self, Firing, Inactive, Pending, Unknown};
use crate::promql::Comparison;
use crate::signals::Threshold;
use crate::snapshot::Origin;

pub(super) async fn answering(answer: ResponseTemplate) -> (MockServer, Grafana) {
    let server = MockServer::start().await;
    Mock::given(path(format!("/sub/{RULES}")))
        .respond_with(answer)
        .mount(&server)
        .await;
    let base = format!("{}/sub", server.uri()).parse().unwrap();
    (server, Grafana::new(&base).unwrap())
}

async fn told(body: &Value) -> Vec<AlertStatus> {
    let (_server, grafana) = answering(ResponseTemplate::new(200).set_body_json(body)).await;
    grafana.rules().await.unwrap()
}

/// An instance of a rule as Grafana writes it.
pub(super) fn instance(state: &str, active_at: &Value, value: &str) -> Value {
    json!({
        "labels": {
            "alertname": "A", "grafana_folder": "Votes", "__alert_rule_uid__": "u1", "state": state
        },
        "annotations": {"summary": "slow", "__dashboardUid__": "d1"},
        "state": state,
        "activeAt": active_at,
        "value": value,
    })
}

/// A rule as Grafana writes it.
pub(super) fn rule(state: &str, alerts: &[Value]) -> Value {
    json!({
        "state": state,
        "name": "Slow votes",
        "folderUid": "f1",
        "uid": "u1",
        "query": "rate(votes_total[5m]) > 3",
        "queriedDatasourceUIDs": ["P1"],
        "duration": 300,
        "keepFiringFor": 60,
        "annotations": {"summary": "slow", "__panelId__": "4"},
        "activeAt": "2026-11-25T10:00:00Z",
        "alerts": alerts,
        "totals": {"alerting": 1},
        "totalsFiltered": {"alerting": 1},
        "labels": {"severity": "warning", "__converted_prometheus_rule__": "true"},
        "health": "ok",
        "isPaused": false,
        "type": "alerting",
        "lastEvaluation": "2026-11-25T10:05:00+01:00",
        "evaluationTime": 0.0123,
    })
}

pub(super) fn answer(rules: &[Value]) -> Value {
    json!({
        "status": "success",
        "data": {
            "groups": [{
                "name": "votes", "file": "Votes", "folderUid": "f1", "rules": rules,
                "totals": {"firing": 1}, "interval": 60,
                "lastEvaluation": "2026-11-25T10:05:00Z", "evaluationTime": 0.01,
            }],
            "totals": {"firing": 1},
        },
    })
}

pub(super) fn with(mut rule: Value, changes: &Value) -> Value {
    let all = rule.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        all.insert(key.clone(), value.clone());
    }
    rule
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_firing_rule_tells_its_longest_alert_and_nothing_internal() {
    let alerts = [
        instance("Normal", &json!("2026-11-25T08:00:00Z"), ""),
        instance("Pending", &json!("2026-11-25T09:00:00Z"), "9e+00"),
        instance("Alerting", &json!("2026-11-25T10:30:00Z"), "7e+00"),
        instance(
            "Alerting (NoData)",
            &json!("2026-11-25T12:00:00.25+02:00"),
            "1.25e+01",
        ),
    ];
    let found = told(&answer(&[rule("firing", &alerts)])).await;
    let alert = &found[0];
    assert_eq!(
        (alert.origin, alert.state),
        (Origin::Grafana, AlertState::Firing)
    );
    assert_eq!(alert.full_name(), "Slow votes (grafana)");
    assert_eq!(alert.since, Some(at("2026-11-25T10:00:00.25Z")));
    assert_eq!((alert.fires_at, alert.value), (None, Some(12.5)));
    assert_eq!((alert.active, alert.for_s), (3, 300.0));
    let threshold = Threshold {
        comparison: Comparison::Above,
        value: 3.0,
    };
    assert_eq!(alert.threshold, Some(threshold));
    let names: Vec<_> = alert.labels.keys().collect();
    assert_eq!(names, ["alertname", "grafana_folder", "state"]);
    assert_eq!(alert.labels["state"], "Alerting (NoData)");
    let annotations: Vec<_> = alert.annotations.keys().collect();
    assert_eq!(annotations, ["summary"]);
    assert_eq!(alert.error, None);
}

#[tokio::test]
async fn a_pending_rule_fires_at_the_first_evaluation_after_its_pending_period() {
    let alerts = [instance("Pending", &json!("2026-11-25T10:00:00Z"), "4")];
    let exact = rule("pending", &alerts);
    let odd = with(exact.clone(), &json!({"name": "odd", "duration": 290}));
    let found = told(&answer(&[exact, odd])).await;
    for alert in &found {
        assert_eq!(alert.state, AlertState::Pending, "{}", alert.name);
        assert_eq!(
            alert.since,
            Some(at("2026-11-25T10:00:00Z")),
            "{}",
            alert.name
        );
        assert_eq!(
            alert.fires_at,
            Some(at("2026-11-25T10:05:00Z")),
            "{}",
            alert.name
        );
    }
}

#[tokio::test]
async fn every_state_is_told_as_far_as_it_is_known() {
    let time = json!("2026-11-25T10:00:00Z");
    let one = |state: &str| vec![instance(state, &time, "")];
    let never = json!({"lastEvaluation": "0001-01-01T00:00:00Z"});
    let health = |health: &str| json!({"health": health, "lastError": ""});
    for (rule, state, active, error) in [
        (rule("firing", &one("Alerting")), Firing, 1, None),
        (rule("recovering", &one("Recovering")), Firing, 1, None),
        (rule("pending", &one("Pending (Error)")), Pending, 1, None),
        (rule("inactive", &one("Normal (NoData)")), Inactive, 0, None),
        (rule("inactive", &[]), Inactive, 0, None),
        (with(rule("inactive", &[]), &never), Unknown, 0, None),
        (
            with(rule("inactive", &[]), &json!({"isPaused": true})),
            Unknown,
            0,
            None,
        ),
        (rule("dreaming", &one("Dreaming")), Unknown, 0, None),
        (rule("", &[]), Unknown, 0, None),
        (
            with(rule("inactive", &one("NoData")), &health("nodata")),
            Inactive,
            0,
            Some("the query gave no data"),
        ),
        (
            with(rule("inactive", &one("Error")), &health("error")),
            Inactive,
            0,
            Some("the evaluation failed"),
        ),
        (
            with(
                rule("firing", &one("Alerting (Error)")),
                &json!({"health": "error", "lastError": "[sse.dataQueryError] refused"}),
            ),
            Firing,
            1,
            Some("[sse.dataQueryError] refused"),
        ),
    ] {
        let found = told(&answer(std::slice::from_ref(&rule))).await;
        let alert = &found[0];
        assert_eq!(alert.state, state, "{rule}");
        assert_eq!(alert.active, active, "{rule}");
        assert_eq!(alert.error.as_deref(), error, "{rule}");
    }
}

#[tokio::test]
async fn times_that_are_not_told_are_not_known() {
    for (state, active_at) in [
        ("Alerting", json!(null)),
        ("Alerting", json!("0001-01-01T00:00:00Z")),
        ("Alerting", json!("soon")),
        // Its activeAt is when the condition ended.
        ("Recovering", json!("2026-11-25T10:00:00Z")),
    ] {
        let alerts = [instance(state, &active_at, "")];
        let found = told(&answer(&[rule("firing", &alerts)])).await;
        assert_eq!(found[0].since, None, "{state} {active_at}");
        assert_eq!(found[0].active, 1, "{state} {active_at}");
    }
}

#[tokio::test]
async fn nothing_optional_is_needed_and_empty_lists_may_be_null() {
    let bare = json!({"name": "bare", "query": "", "health": "", "type": "alerting"});
    let nulls = json!({
        "name": "nulls", "state": null, "query": null, "duration": null, "labels": null,
        "annotations": null, "health": null, "lastError": null, "lastEvaluation": null,
        "type": "alerting", "alerts": [{"labels": null, "annotations": null, "state": "Alerting",
        "activeAt": null, "value": null}],
    });
    let recording =
        json!({"name": "votes:rate5m", "query": "x", "health": "ok", "type": "recording"});
    let found = told(&answer(&[bare, nulls, recording])).await;
    let names: Vec<_> = found.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(names, ["bare", "nulls"]);
    assert_eq!((found[1].active, found[1].value), (1, None));
    for groups in [
        json!(null),
        json!([]),
        json!([{"name": "g", "rules": null}]),
    ] {
        let body = json!({"status": "success", "data": {"groups": groups}});
        assert_eq!(told(&body).await, []);
    }
}

#[tokio::test]
async fn the_value_is_known_when_there_is_one_number() {
    for (value, number) in [
        ("1.2e+01", Some(12.0)),
        ("-3", Some(-3.0)),
        ("+Inf", Some(f64::INFINITY)),
        ("[ var='A' labels={} value=12 ]", Some(12.0)),
        (
            "[ var='B0' metric='up' labels={job=x} value=0.5 ]",
            Some(0.5),
        ),
        ("", None),
        ("NaN", None),
        ("[ var='A' labels={} value=null ]", None),
        (
            "[ var='A' labels={} value=1 ], [ var='B' labels={} value=1 ]",
            None,
        ),
        ("B0: 1e+00, B1: 2e+00", None),
        ("value=", None),
    ] {
        let alerts = [instance("Alerting", &json!(null), value)];
        let found = told(&answer(&[rule("firing", &alerts)])).await;
        assert_eq!(found[0].value, number, "{value:?}");
    }
}

#[tokio::test]
async fn refusals_login_pages_and_garbage_each_get_their_own_words() {
    let text = |status, body: &str| ResponseTemplate::new(status).set_body_string(body);
    for (answer, short, words) in [
        (
            text(401, r#"{"message":"Unauthorized"}"#),
            "HTTP 401",
            "Unauthorized",
        ),
        (
            text(
                403,
                r#"{"accessErrorId":"ACE1","message":"Permissions needed: alert.rules:read\u001b[31m","title":"Access denied"}"#,
            ),
            "HTTP 403",
            "Permissions needed: alert.rules:read",
        ),
        (
            text(
                500,
                r#"{"status":"error","errorType":"server_error","error":"failure getting rules: locked","data":{"groups":[]}}"#,
            ),
            "server_error",
            "failure getting rules: locked",
        ),
        (
            text(
                200,
                r#"{"status":"error","errorType":"bad_data","error":"no"}"#,
            ),
            "bad_data",
            "no",
        ),
        (
            text(200, "<!DOCTYPE html><title>Log in</title>"),
            "not its API",
            "Log in",
        ),
        (text(200, r#"{"status":"success"}"#), "not its API", "data"),
        (
            text(200, r#"{"data":{"groups":[{"rules":[{"name":7}]}]}}"#),
            "not its API",
            "7",
        ),
        (text(200, "[1]"), "not its API", "[1]"),
        (text(200, ""), "not its API", "empty body"),
        (
            text(404, "404 page not found"),
            "HTTP 404",
            "page not found",
        ),
        (text(502, ""), "HTTP 502", "empty body"),
    ] {
        let (_server, grafana) = answering(answer).await;
        let error = grafana.rules().await.unwrap_err();
        assert_eq!(error.short(), short, "{error}");
        let told = error.to_string();
        assert!(told.contains(words), "{words:?} not in {told}");
        assert!(!told.chars().any(char::is_control), "{told:?}");
    }
    let nobody = Grafana::new(&"http://127.0.0.1:1".parse().unwrap()).unwrap();
    assert_eq!(nobody.rules().await.unwrap_err().short(), "unreachable");
}

fn wild_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        "[-+0-9TZ:.]{0,24}",
        "(Alerting|Pending|value=|[0-9. ]){1,4}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Puts `wild` in the place of the part of `value` that `pick` leads to.
fn put(value: &mut Value, wild: Value, pick: &[prop::sample::Index]) {
    let Some((first, rest)) = pick.split_first() else {
        *value = wild;
        return;
    };
    match value {
        Value::Array(all) if !all.is_empty() => {
            let at = first.index(all.len());
            put(&mut all[at], wild, rest);
        }
        Value::Object(all) if !all.is_empty() => {
            let at = first.index(all.len());
            put(all.values_mut().nth(at).unwrap(), wild, rest);
        }
        _ => *value = wild,
    }
}

proptest! {
    #[test]
    fn arbitrary_json_never_panics(
        wild in wild_json(),
        pick in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
    ) {
        let alerts = [instance("Pending", &json!("2026-11-25T10:00:00Z"), "4")];
        let mut body = answer(&[rule("pending", &alerts)]);
        put(&mut body, wild.clone(), &pick);
        for body in [body, wild] {
            let Ok(envelope) = serde_json::from_value::<Envelope>(body) else { continue };
            for status in envelope.statuses() {
                prop_assert!(status.for_s >= 0.0, "{status:?}");
                prop_assert!(!status.labels.keys().any(|name| name.starts_with("__")));
                prop_assert!(status.since.is_none_or(|since| since.as_second() > 0));
            }
        }
    }
}
