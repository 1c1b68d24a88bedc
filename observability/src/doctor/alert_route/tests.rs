use super::super::Verdict;
use super::*;

const SHIPPED: &str = "route: {receiver: voteops}\nreceivers:\n- name: voteops\n  webhook_configs:\n  - url: http://127.0.0.1:9095/api/v1/webhook\n";

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn held(config: &str) -> Held {
    Held {
        config: Config::parse(config),
        silences: Vec::new(),
        failed: 0.0,
        deaf: Vec::new(),
    }
}

fn route() -> Route {
    Route {
        alertmanagers: vec!["http://127.0.0.1:9093/api/v2/alerts".into()],
        configured_s: Some(60.0),
        unsent: Some(0.0),
        failing: None,
        asked: Some(url("http://127.0.0.1:9093/")),
        held: Some(held(SHIPPED)),
    }
}

fn one(route: &Route) -> Finding {
    let mut findings = judge(route, &Place::Compose);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

#[test]
fn a_whole_route_is_well_and_told() {
    let finding = one(&route());
    assert_eq!(finding.verdict, Verdict::Ok);
    assert!(
        finding.found.contains("notifies voteops (webhook)"),
        "{finding:?}"
    );
}

#[test]
fn a_prometheus_without_an_alertmanager_or_with_another_is_told() {
    let mut cut = route();
    cut.alertmanagers.clear();
    let finding = one(&cut);
    assert_eq!(finding.verdict, Verdict::Failed);
    assert!(
        finding
            .found
            .starts_with("Prometheus knows no Alertmanager")
    );
    cut.configured_s = Some(2.0);
    assert_eq!(one(&cut).verdict, Verdict::Warning);
    let mut other = route();
    other.alertmanagers = vec!["http://127.0.0.1:9999/api/v2/alerts".into()];
    assert!(one(&other).found.contains("not to http://127.0.0.1:9093/"));
    // In a network of containers it has another name.
    other.alertmanagers = vec!["http://alertmanager:9093/api/v2/alerts".into()];
    assert_eq!(one(&other).verdict, Verdict::Ok);
}

#[test]
fn alerts_that_could_not_be_sent_weigh_less_once_alertmanager_answers() {
    let mut route = route();
    route.unsent = Some(4.2);
    assert_eq!(one(&route).verdict, Verdict::Warning);
    route.held = None;
    let findings = judge(&route, &Place::Compose);
    assert_eq!(findings[0].verdict, Verdict::Failed);
    assert_eq!(
        findings[0].found,
        "Prometheus could not send 4 alerts lately"
    );
    assert_eq!(findings[1].verdict, Verdict::Unknown);
}

#[test]
fn receivers_that_tell_nobody_are_told() {
    let mut route = route();
    route.held = Some(held("route: {receiver: a}\nreceivers: [{name: a}]\n"));
    assert!(
        one(&route)
            .found
            .starts_with("no receiver of Alertmanager sends")
    );
    let some =
        "route: {receiver: a}\nreceivers:\n- name: a\n- name: b\n  email_configs: [{to: x}]\n";
    route.held = Some(held(some));
    let finding = one(&route);
    assert_eq!(finding.verdict, Verdict::Warning);
    assert!(
        finding.found.starts_with("receiver a, which takes"),
        "{finding:?}"
    );
}

#[test]
fn a_webhook_that_nobody_listens_at_and_failed_notifications_are_told() {
    let mut route = route();
    let refused = (
        "http://127.0.0.1:9095/x".to_owned(),
        "Connection refused".to_owned(),
    );
    route.held = Some(Held {
        deaf: vec![refused],
        ..held(SHIPPED)
    });
    let finding = one(&route);
    assert!(
        finding
            .found
            .starts_with("nobody listens at http://127.0.0.1:9095/x")
    );
    let mut route = self::route();
    route.failing = Some(3.0);
    assert_eq!(
        one(&route).found,
        "3 notifications of Alertmanager failed lately"
    );
    route.failing = None;
    route.held = Some(Held {
        failed: 2.0,
        ..held(SHIPPED)
    });
    assert!(one(&route).found.ends_with("failed since it was started"));
}

#[test]
fn a_silence_of_everything_is_told_and_one_of_something_is_not() {
    let silence = |alertname: &str| -> Silence {
        serde_json::from_value(serde_json::json!({
            "id": "7", "status": { "state": "active" }, "createdBy": "ann", "comment": "",
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-02T00:00:00Z",
            "matchers": [{ "name": "alertname", "value": alertname, "isRegex": true, "isEqual": true }],
        }))
        .unwrap()
    };
    let mut route = route();
    let with = |silence| Held {
        silences: vec![silence],
        ..held(SHIPPED)
    };
    route.held = Some(with(silence("Redis.*")));
    assert_eq!(one(&route).verdict, Verdict::Ok);
    route.held = Some(with(silence(".+")));
    let finding = one(&route);
    assert!(
        finding
            .found
            .starts_with("a silence of ann holds back every critical alert")
    );
    assert!(finding.way_out.unwrap().contains("amtool silence expire 7"));
}

#[test]
fn without_an_alertmanager_that_is_named_the_rest_is_unknown() {
    let mut route = route();
    (route.asked, route.held) = (None, None);
    let finding = one(&route);
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert!(finding.way_out.unwrap().contains("--alertmanager URL"));
}
