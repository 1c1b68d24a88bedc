use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::InstanceState as S;
use super::tests::{answer, answering, at, instance, rule, with};
use super::*;

#[tokio::test]
async fn what_is_evaluated_is_told_with_its_clock_and_every_instance() {
    let alerts = [
        instance("Normal", &json!("2026-11-25T08:00:00Z"), ""),
        instance("Pending", &json!("2026-11-25T09:00:10Z"), "9e+00"),
        instance("Pending", &json!("2026-11-25T09:00:00Z"), "9e+00"),
        instance("Alerting (NoData)", &json!("2026-11-25T07:00:00Z"), ""),
        instance("Recovering", &json!("2026-11-25T10:00:00Z"), "1e+00"),
        instance("Normal (MissingSeries)", &json!("0001-01-01T00:00:00Z"), ""),
    ];
    let recording = with(rule("", &[]), &json!({"type": "recording", "name": "R"}));
    let body = answer(&[rule("firing", &alerts), recording]);
    let (_server, grafana) = answering(ResponseTemplate::new(200).set_body_json(body)).await;
    let live = grafana.live().await.unwrap();
    assert_eq!(live.len(), 1);
    let live = &live[0];
    assert_eq!(
        (live.uid.as_deref(), live.folder.as_str()),
        (Some("u1"), "Votes")
    );
    assert_eq!(live.evaluated_at, Some(at("2026-11-25T09:05:00Z")));
    assert!((live.interval_s - 60.0).abs() < f64::EPSILON);
    assert_eq!(live.labels.keys().collect::<Vec<_>>(), ["severity"]);
    let states: Vec<_> = live.instances.iter().map(|it| it.state).collect();
    assert_eq!(
        states,
        [
            S::Normal,
            S::Pending,
            S::Pending,
            S::Alerting,
            S::Recovering,
            S::Normal
        ]
    );
    assert_eq!(live.instances[3].reason.as_deref(), Some("NoData"));
    assert_eq!(live.instances[5].since, None);
    assert!(live.is_active());
    // By its numbers nothing fires.
    assert_eq!(live.first_in(S::Alerting), None);
    assert_eq!(live.first_in(S::Pending), Some(at("2026-11-25T09:00:00Z")));
}

/// Answers each path below a base with a body.
async fn serving(answers: &[(&str, u16, Value)]) -> (MockServer, Grafana) {
    let server = MockServer::start().await;
    for (at, status, body) in answers {
        Mock::given(path(format!("/sub/{at}")))
            .respond_with(ResponseTemplate::new(*status).set_body_json(body))
            .mount(&server)
            .await;
    }
    let base = format!("{}/sub", server.uri()).parse().unwrap();
    (server, Grafana::new(&base).unwrap())
}

#[tokio::test]
async fn a_rule_notifies_by_the_policies_that_its_labels_match() {
    let tree = json!({
        "receiver": "mail",
        "routes": [
            {"receiver": "pager", "object_matchers": [["severity", "=", "warning"], ["grafana_folder", "=", "Votes"]]},
        ],
    });
    let rules = answer(&[rule("inactive", &[])]);
    let held = json!([{
        "labels": {"alertname": "A"}, "annotations": {}, "startsAt": "2026-11-25T10:00:00.000Z",
        "endsAt": "2026-11-25T10:04:00.000Z", "updatedAt": "2026-11-25T10:00:01.000Z", "fingerprint": "c0ffee",
        "receivers": [{"name": "pager"}],
        "status": {"state": "suppressed", "silencedBy": [], "inhibitedBy": [], "mutedBy": ["paged-by-prometheus"]},
    }]);
    let points =
        json!([{"uid": "p", "name": "pager", "type": "webhook", "settings": {"url": "http://x/"}}]);
    let (_server, grafana) = serving(&[
        (RULES, 200, rules),
        (POLICIES, 200, tree),
        ("api/v1/provisioning/contact-points", 200, points),
        ("api/alertmanager/grafana/api/v2/alerts", 200, held),
        (
            "api/datasources/uid/p1",
            200,
            json!({"id": 1, "uid": "p1", "type": "prometheus"}),
        ),
    ])
    .await;
    let live = grafana.live().await.unwrap();
    let routes = grafana.routes(&live[0], None).await.unwrap();
    assert_eq!(routes[0].receiver, "pager");
    let points = grafana.contact_points().await.unwrap();
    assert!(points[0].posts_to(&"http://x/".parse().unwrap()));
    let held = grafana.alertmanager().alerts().await.unwrap();
    assert_eq!(held[0].status.state, "suppressed");
    assert_eq!(grafana.source_kind("p1").await.unwrap(), "prometheus");
}

#[tokio::test]
async fn definitions_that_may_not_be_read_are_told_as_refused() {
    // `ForbiddenError` of Grafana's API.
    let refusal = json!({"accessErrorId": "ACE1", "message": "You'll need additional permissions", "title": "Access denied"});
    let (_server, grafana) = serving(&[(DEFINITIONS, 403, refusal)]).await;
    let told = grafana.definitions().await.unwrap_err().to_string();
    assert!(
        told.contains("403") && told.contains("additional permissions"),
        "{told}"
    );
    let (_server, grafana) = serving(&[(POLICIES, 200, json!({"group_wait": "soon"}))]).await;
    let live = LiveRule {
        uid: None,
        name: "A".into(),
        folder: "F".into(),
        labels: [].into(),
        interval_s: 60.0,
        evaluated_at: None,
        error: None,
        instances: Vec::new(),
    };
    let told = grafana.routes(&live, None).await.unwrap_err().to_string();
    assert!(told.contains("policies"), "{told}");
}
