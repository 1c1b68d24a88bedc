//! Alerts that Grafana manages, proven with a stand-in of it over a real stack: no Grafana can be had here.

mod stand_in;

use serde_json::{Value, json};
use url::Url;
use voteops_local::component::Kind;
use voteops_observability::provision::{Setting, files};

use crate::support::{Home, Stack, assert_schema, told, wait_until};
use stand_in::{Plan, StandIn, TOKEN};

/// The rules that are provisioned, in the shape of the API (`ProvisionedAlertRule`): it names some things otherwise than files.
fn provisioned(stack: &Stack) -> (Vec<Value>, Value, Value) {
    let setting = Setting {
        time_scale: 30.0,
        receiver: stack.file().url(Kind::Webhook),
        paged_by: Some("grafana".into()),
        ..Setting::shipped()
    };
    let files = files(&setting).unwrap();
    let read = |end: &str| -> Value {
        let file = files.iter().find(|file| file.path.ends_with(end)).unwrap();
        serde_norway::from_str(&file.text).unwrap()
    };
    let rules = read("alerting/rules.yml");
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| {
        let rules = group["rules"].as_array().unwrap().iter();
        rules.map(move |rule| (group["name"].clone(), rule.clone()))
    });
    let rules = rules.map(|(group, mut rule)| {
        let fields = rule.as_object_mut().unwrap();
        let missing = fields.remove("missing_series_evals_to_resolve").unwrap();
        let keeps = fields.remove("keepFiringFor");
        fields.insert("missingSeriesEvalsToResolve".into(), missing);
        fields.insert("keep_firing_for".into(), keeps.unwrap_or("0s".into()));
        fields.insert("ruleGroup".into(), group);
        fields.insert("folderUID".into(), "voteops".into());
        fields.insert("orgID".into(), 1.into());
        fields.insert("provenance".into(), "file".into());
        fields.insert("notification_settings".into(), Value::Null);
        fields.insert("record".into(), Value::Null);
        rule
    });
    let rules = rules.collect();
    let notifications = read("alerting/notifications.yml");
    let mut tree = notifications["policies"][0].clone();
    tree.as_object_mut().unwrap().remove("orgId");
    (rules, tree, notifications["muteTimes"].clone())
}

fn stand_in(stack: &Stack) -> StandIn {
    let file = stack.file();
    let (definitions, policies, intervals) = provisioned(stack);
    let webhook = file.url(Kind::Webhook).unwrap();
    StandIn::start(Plan {
        prometheus: file.url(Kind::Prometheus).unwrap(),
        webhook: webhook.join("api/v1/webhook").unwrap(),
        definitions,
        evaluated: "WorkerDown".into(),
        policies,
        intervals,
    })
}

#[test]
fn an_alert_that_grafana_manages_is_proven_end_to_end() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let grafana = stand_in(&stack);
    let token = stack.home.data_dir().with_file_name("token");
    std::fs::write(&token, TOKEN).unwrap();
    let named = [
        "WorkerDown",
        "--grafana",
        grafana.url.as_str(),
        "--grafana-token-file",
        token.to_str().unwrap(),
    ];
    wait_until("Grafana has evaluated the rule", || grafana.has_evaluated());
    // As it is provisioned where Grafana pages, its notification is seen to arrive.
    let journal = stack.home.data_dir().with_file_name("journal.jsonl");
    let journaled = [&named[..], &["--journal", journal.to_str().unwrap()]].concat();
    let report = stack.proven(&journaled);
    assert_schema("verify.schema.json", &report);
    assert_eq!(report["managed_by"], "grafana");
    assert_eq!(report["delivery"], "receiver");
    for name in ["pending", "firing", "resolved"] {
        let mut phases = report["phases"].as_array().unwrap().iter();
        let phase = phases.find(|phase| phase["name"] == name).unwrap();
        // Each is a tick of Grafana's scheduler.
        let onset: jiff::Timestamp = report["onset"].as_str().unwrap().parse().unwrap();
        let at_s = onset.as_duration().as_secs_f64() + phase["observed_s"].as_f64().unwrap();
        assert!(
            (at_s / 10.0 - (at_s / 10.0).round()).abs() < 0.001,
            "{name}: {at_s}"
        );
    }
    let lines = std::fs::read_to_string(&journal).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_schema("journal.schema.json", &last);
    assert_eq!(last["managed_by"], "grafana");

    // Where Prometheus pages, Grafana's notifications are muted: its own Alertmanager is asked.
    grafana.change(|plan| {
        plan.policies["routes"][0]["mute_time_intervals"] = json!(["paged-by-prometheus"]);
    });
    let report = stack.proven(&named);
    assert_eq!(report["delivery"], "grafana");
    assert_schema("verify.schema.json", &report);

    // One whose threshold was changed in Grafana is none of ours.
    grafana.change(|plan| {
        for definition in &mut plan.definitions {
            let model = &mut definition["data"][0]["model"];
            model["expr"] = model["expr"].as_str().unwrap().replace("< 1", "< 2").into();
        }
    });
    let refuted = stack.voteops(&[&["chaos", "verify"], &named[..]].concat());
    let said = told(&refuted);
    assert_eq!(refuted.status.code(), Some(1), "{said}");
    assert!(said.contains("rule: its expression is"), "{said}");
    assert!(said.contains("managed by Grafana"), "{said}");
}

/// A stand-in that evaluates nothing, with rules that have no equivalent, each by the name of what it is.
fn unprovable() -> StandIn {
    let query = |changes: Value| {
        let mut model = json!({
            "datasource": {"type": "prometheus", "uid": "prometheus"}, "expr": "up", "instant": true, "range": false,
            "intervalMs": 1000, "maxDataPoints": 43200, "refId": "A",
        });
        let fields = model.as_object_mut().unwrap();
        fields.extend(changes.as_object().unwrap().clone());
        model
    };
    let bound = json!({
        "type": "threshold", "expression": "A",
        "conditions": [{"evaluator": {"params": [0], "type": "gt"}}],
    });
    let recovery = json!({
        "type": "threshold", "expression": "A",
        "conditions": [{
            "evaluator": {"params": [4], "type": "gt"}, "unloadEvaluator": {"params": [2], "type": "lt"},
        }],
    });
    let rule = |title: &str, model: Value, step: &Value, changes: Value| {
        let mut rule = json!({
            "id": 1, "uid": title.to_lowercase(), "orgID": 1, "folderUID": "voteops", "ruleGroup": "worker",
            "title": title, "condition": "B", "noDataState": "OK", "execErrState": "Error", "for": "5m",
            "keep_firing_for": "0s", "labels": {}, "isPaused": false, "notification_settings": null, "record": null,
            "data": [
                {"refId": "A", "queryType": "", "relativeTimeRange": {"from": 600, "to": 0}, "datasourceUid": "p", "model": model},
                {"refId": "B", "queryType": "", "relativeTimeRange": {"from": 0, "to": 0}, "datasourceUid": "__expr__", "model": step},
            ],
        });
        let fields = rule.as_object_mut().unwrap();
        fields.extend(changes.as_object().unwrap().clone());
        rule
    };
    let none = json!({});
    let plain = || query(json!({}));
    let loki = query(json!({"datasource": {"type": "loki"}}));
    let range = query(json!({"instant": false, "range": true}));
    let classic = json!({"type": "classic_conditions", "conditions": []});
    let math = |expression: &str| json!({"type": "math", "expression": expression});
    let definitions = vec![
        rule("Classic", plain(), &classic, none.clone()),
        rule("Logs", loki, &bound, none.clone()),
        rule("Range", range, &bound, none.clone()),
        rule("Calculates", plain(), &math("$A * 2 > 10"), none.clone()),
        rule("Several", plain(), &math("$A > $C"), none.clone()),
        rule("Recovers", plain(), &recovery, none.clone()),
        rule(
            "Absent",
            plain(),
            &bound,
            json!({"noDataState": "Alerting"}),
        ),
        rule("Paused", plain(), &bound, json!({"isPaused": true})),
        rule("Twice", plain(), &bound, none.clone()),
        rule("Twice", plain(), &bound, json!({"uid": "other"})),
        rule("Unevaluated", plain(), &bound, none),
    ];
    let nowhere: Url = "http://127.0.0.1:9/".parse().unwrap();
    StandIn::start(Plan {
        prometheus: nowhere.clone(),
        webhook: nowhere,
        definitions,
        evaluated: "classic".into(),
        policies: json!({"receiver": "voteops"}),
        intervals: json!([]),
    })
}

#[test]
fn what_grafana_manages_and_cannot_be_proven_is_refused_with_a_way_out() {
    let home = Home::new();
    let grafana = unprovable();
    let dir = home.data_dir();
    std::fs::create_dir_all(&dir).unwrap();
    let (token, wrong) = (dir.join("token"), dir.join("wrong"));
    std::fs::write(&token, TOKEN).unwrap();
    std::fs::write(&wrong, "another").unwrap();
    // Nothing of it is touched: a process that is this test.
    let pid = std::process::id().to_string();
    let verify = |alert: &str, token: &std::path::Path, more: &[&str]| {
        let named = [
            "chaos",
            "verify",
            alert,
            "--fault",
            "stall-worker",
            "--grafana",
            grafana.url.as_str(),
            "--grafana-token-file",
            token.to_str().unwrap(),
            "--prometheus",
            "http://127.0.0.1:9/",
            "--pid",
            &pid,
            "--data-dir",
            dir.to_str().unwrap(),
        ];
        home.voteops(&[&named[..], more].concat())
    };
    for (alert, code, words) in [
        ("Classic", 2, "B is a classic condition"),
        ("Logs", 2, "asks a data source of type loki"),
        ("Range", 2, "make it an instant query"),
        ("Calculates", 2, "calculates ($A * 2 > 10)"),
        ("Several", 2, "reads several queries (A, C)"),
        ("Recovers", 2, "has a recovery threshold"),
        ("Absent", 2, "take OK or NoData"),
        ("Paused", 2, "resume it in Grafana"),
        (
            "Twice",
            2,
            "name one by its uid: twice in voteops, other in voteops",
        ),
        ("Clasic", 2, "did you mean Classic?"),
        (
            "Unevaluated",
            3,
            "Grafana has not evaluated Unevaluated yet",
        ),
    ] {
        let refused = verify(alert, &token, &[]);
        let said = told(&refused);
        assert_eq!(refused.status.code(), Some(code), "{alert}: {said}");
        assert!(said.contains(words), "{alert}: {said}");
    }
    let refused = verify("Classic", &wrong, &[]);
    let said = told(&refused);
    assert!(
        refused.status.code() == Some(3) && said.contains("Invalid API key"),
        "{said}"
    );
    let refused = verify(
        "Classic",
        &token,
        &["--alertmanager", "http://127.0.0.1:9/"],
    );
    let said = told(&refused);
    assert!(
        refused.status.code() == Some(2) && said.contains("cannot be used with"),
        "{said}"
    );
    let refused = home.voteops(&["chaos", "verify", "Classic", "--grafana-token-file", "x"]);
    let said = told(&refused);
    assert!(
        refused.status.code() == Some(2) && said.contains("--grafana <URL>"),
        "{said}"
    );
    assert!(!dir.join("chaos/audit.jsonl").exists());
}
