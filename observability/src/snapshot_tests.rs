use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// A server whose rules are these, under this path.
async fn ruled(route: &str, rules: Value) -> MockServer {
    let groups = json!([{"name": "g", "file": "f", "interval": 60, "rules": rules}]);
    let body = json!({"status": "success", "data": {"groups": groups}});
    let server = MockServer::start().await;
    Mock::given(path(route))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&server)
        .await;
    server
}

fn rule(name: &str, state: &str) -> Value {
    json!({"name": name, "query": "up == 0", "state": state, "health": "ok", "type": "alerting"})
}

async fn taken(prometheus: Option<&MockServer>, grafana: Option<&MockServer>) -> Snapshot {
    let address = |server: Option<&MockServer>| {
        let uri = server.map_or("http://127.0.0.1:1".into(), MockServer::uri);
        uri.parse::<Url>().unwrap()
    };
    Snapshot::take(&Sources {
        prometheus: Prometheus::new(&address(prometheus)).unwrap(),
        alertmanager: None,
        grafana: Some(Grafana::new(&address(grafana)).unwrap()),
        signals: Vec::new(),
    })
    .await
}

fn told(snapshot: &Snapshot) -> Option<Vec<String>> {
    let alerts = snapshot.alerts.as_ref()?.iter();
    Some(alerts.map(AlertStatus::full_name).collect())
}

#[tokio::test]
async fn a_heartbeat_comes_last_and_does_not_count_as_firing() {
    let mut heartbeat = rule("A", "firing");
    heartbeat["labels"] = json!({"severity": "none"});
    let mut silent = rule("B", "inactive");
    silent["labels"] = json!({"severity": "none"});
    let own = json!([heartbeat, silent, rule("C", "inactive")]);
    let prometheus = ruled("/api/v1/rules", own).await;
    let taken = taken(Some(&prometheus), None).await;
    assert_eq!(told(&taken).unwrap(), ["B", "C", "A"]);
    assert_eq!(taken.firing().count(), 0);
    let alerts = taken.alerts.unwrap();
    let beats: Vec<_> = alerts.iter().map(AlertStatus::beats).collect();
    assert_eq!(beats, [false, false, true]);
}

#[tokio::test]
async fn rules_of_both_are_told_together_or_by_who_can_be_asked() {
    let own = json!([rule("B", "inactive"), rule("A", "firing")]);
    let prometheus = ruled("/api/v1/rules", own).await;
    let managed = json!([rule("A", "firing"), rule("C", "pending")]);
    let grafana = ruled("/api/prometheus/grafana/api/v1/rules", managed).await;

    let both = taken(Some(&prometheus), Some(&grafana)).await;
    let names = ["A", "A (grafana)", "C (grafana)", "B"];
    assert_eq!(told(&both).unwrap(), names);
    assert_eq!(both.alerts_missing, []);
    assert_eq!(both.firing().count(), 2);
    let backends: Vec<_> = both.backends.iter().map(|backend| backend.name).collect();
    assert_eq!(backends, ["prometheus", "grafana"]);
    assert!(both.complete());

    let own = taken(Some(&prometheus), None).await;
    assert_eq!(told(&own).unwrap(), ["A", "B"]);
    assert_eq!(own.alerts_missing, [Origin::Grafana]);
    assert!(!own.complete());

    let managed = taken(None, Some(&grafana)).await;
    assert_eq!(told(&managed).unwrap(), ["A (grafana)", "C (grafana)"]);
    assert_eq!(managed.alerts_missing, [Origin::Prometheus]);

    let neither = taken(None, None).await;
    assert_eq!(told(&neither), None);
    let missing = [Origin::Prometheus, Origin::Grafana];
    assert_eq!(neither.alerts_missing, missing);
}

#[tokio::test]
async fn a_grafana_without_rules_has_none_which_is_known() {
    let grafana = ruled("/api/prometheus/grafana/api/v1/rules", json!([])).await;
    let prometheus = ruled("/api/v1/rules", json!([])).await;
    let none = taken(Some(&prometheus), Some(&grafana)).await;
    assert_eq!(told(&none), Some(Vec::new()));
    assert_eq!(none.alerts_missing, []);
}

#[tokio::test]
async fn of_two_limits_that_is_told_which_the_value_passes() {
    let mut ticket = rule("Ticket", "firing");
    ticket["query"] = json!("(a > 3 and b > 3) or (c > 1 and d > 1)");
    for (value, limit) in [("2", 1.0), ("4", 3.0)] {
        ticket["alerts"] = json!([{
            "labels": {}, "annotations": {}, "state": "firing", "value": value,
            "activeAt": "2026-11-22T10:00:00Z",
        }]);
        let prometheus = ruled("/api/v1/rules", json!([ticket])).await;
        let alerts = taken(Some(&prometheus), None).await.alerts.unwrap();
        let told = alerts[0].threshold.unwrap();
        assert!(
            (told.value - limit).abs() < f64::EPSILON,
            "{value}: {told:?}"
        );
    }
}

#[tokio::test]
async fn alerts_that_only_alertmanager_holds_fire() {
    let own = json!([rule("B", "inactive")]);
    let server = ruled("/api/v1/rules", own).await;
    let held = |name: &str, state: &str| {
        json!({
            "labels": {"alertname": name}, "fingerprint": name, "status": {"state": state},
            "startsAt": "2026-11-25T10:00:00Z", "endsAt": "2026-11-25T12:00:00Z",
        })
    };
    let all = [
        held("A", "active"),
        held("B", "active"),
        held("C", "suppressed"),
    ];
    Mock::given(path("/api/v2/alerts"))
        .respond_with(ResponseTemplate::new(200).set_body_json(all))
        .mount(&server)
        .await;
    let taken = async |prometheus: &str| {
        Snapshot::take(&Sources {
            prometheus: Prometheus::new(&prometheus.parse().unwrap()).unwrap(),
            alertmanager: Some(Alertmanager::new(&server.uri().parse().unwrap()).unwrap()),
            grafana: None,
            signals: Vec::new(),
        })
        .await
    };
    let both = taken(&server.uri()).await;
    assert_eq!(told(&both).unwrap(), ["A (alertmanager)", "B"]);
    assert_eq!(both.firing().count(), 1);
    let away = taken("http://127.0.0.1:1").await;
    assert_eq!(told(&away), None, "which have no rule is not known");
}
