//! Grafana's rules against Prometheus's, and who is notified of them.

use regex::Regex;
use serde_json::Value;

use super::{Setting, files, made};
use crate::grafana::Definition;
use crate::promql;
use crate::provision::groups;
use crate::units;

/// Longest uid in Grafana (`pkg/util/shortid_generator.go`).
const MAX_UID: usize = 40;

#[test]
fn every_rule_is_evaluated_by_grafana_too_and_says_the_same() {
    let file = made("provisioning/alerting/rules.yml");
    let made: Vec<&Value> = file["groups"].as_array().unwrap().iter().collect();
    let made: Vec<&Value> = made
        .iter()
        .flat_map(|g| g["rules"].as_array().unwrap())
        .collect();
    let groups = groups::shipped(1.0).unwrap();
    let rules = groups.iter().flat_map(|group| &group.rules);
    let rules: Vec<_> = rules.filter(|rule| !rule.is_heartbeat()).collect();
    assert_eq!(made.len(), rules.len());
    for (made, rule) in made.iter().zip(rules) {
        assert_eq!(made["title"], rule.name);
        let uid = made["uid"].as_str().unwrap();
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(uid.len() <= MAX_UID && uid.chars().all(valid), "{uid}");
        assert_eq!(made["data"][0]["model"]["expr"], rule.expr);
        assert_eq!(made["for"], units::prometheus_duration(rule.held_for));
        assert_eq!(made["labels"].as_object().unwrap().len(), rule.labels.len());
        assert_eq!(made["condition"], "C");
        assert_eq!(
            made["data"][1]["model"]["expression"],
            "is_number($A) || is_nan($A) || is_inf($A)"
        );
        for (name, text) in &rule.annotations {
            let told = made["annotations"][name].as_str().unwrap();
            assert!(!told.contains('$'), "{uid}: {told}");
            assert_eq!(text.contains("{{"), told.contains("{{"), "{uid}: {told}");
        }
    }
}

#[test]
fn intervals_are_such_that_grafana_starts() {
    let file = made("provisioning/alerting/rules.yml");
    for group in file["groups"].as_array().unwrap() {
        let interval = units::parse_duration(group["interval"].as_str().unwrap()).unwrap();
        assert!(
            interval.as_secs() > 0 && interval.as_secs().is_multiple_of(10),
            "{}",
            group["name"]
        );
        assert_eq!(interval.subsec_millis(), 0);
    }
}

#[test]
fn nobody_is_paged_twice() {
    let file = made("provisioning/alerting/notifications.yml");
    let rules = made("provisioning/alerting/rules.yml");
    let policies = file["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 1);
    let routes = policies[0]["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 1);
    // Every rule stands in the folder that the muted route is for.
    let matchers = routes[0]["object_matchers"].as_array().unwrap();
    assert_eq!(matchers.len(), 1);
    assert_eq!(
        (&matchers[0][0], &matchers[0][1]),
        (&"grafana_folder".into(), &"=".into())
    );
    for group in rules["groups"].as_array().unwrap() {
        assert_eq!(group["folder"], matchers[0][2]);
        for rule in group["rules"].as_array().unwrap() {
            assert!(rule.get("notification_settings").is_none());
        }
    }
    assert_eq!(
        routes[0]["mute_time_intervals"][0],
        "paged-by-${VOTEOPS_PAGED_BY}"
    );
    let times = file["muteTimes"].as_array().unwrap();
    let names: Vec<_> = times
        .iter()
        .map(|time| time["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["paged-by-prometheus", "paged-by-grafana"]);
    let always = &times[0]["time_intervals"][0];
    assert_eq!(always.as_object().unwrap().len(), 1);
    assert_eq!(always["times"][0]["start_time"], "00:00");
    assert_eq!(always["times"][0]["end_time"], "24:00");
    // Containers say who pages: without that Grafana would not start.
    let compose = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docker-compose.yml"
    ));
    assert!(
        compose
            .unwrap()
            .contains("VOTEOPS_PAGED_BY: ${VOTEOPS_PAGED_BY:-prometheus}")
    );
}

#[test]
fn notifications_go_where_alertmanagers_do_and_by_its_waits() {
    let file = made("provisioning/alerting/notifications.yml");
    let alertmanager: Value = serde_norway::from_str(crate::config::ALERTMANAGER).unwrap();
    let point = &file["contactPoints"][0];
    assert_eq!(
        point["receivers"][0]["settings"]["url"],
        alertmanager["receivers"][0]["webhook_configs"][0]["url"]
    );
    let policy = &file["policies"][0];
    assert_eq!(policy["receiver"], point["name"]);
    for key in ["group_wait", "group_interval", "repeat_interval"] {
        assert_eq!(policy[key], alertmanager["route"][key], "{key}");
    }
    // Both templates that the contact point names are defined.
    let template = file["templates"][0]["template"].as_str().unwrap();
    for name in ["title", "message"] {
        let used = point["receivers"][0]["settings"][name].as_str().unwrap();
        assert_eq!(used, format!("{{{{ template \"voteops.{name}\" . }}}}"));
        assert!(template.contains(&format!("define \"voteops.{name}\"")));
    }
    assert!(!template.contains('$'));
    let actions = |begin: &str| {
        let pattern = format!(r"\{{\{{-? *({begin})\b");
        Regex::new(&pattern).unwrap().find_iter(template).count()
    };
    assert_eq!(actions("if|range|define"), actions("end"));
}

#[test]
fn every_rule_means_to_those_who_prove_grafanas_what_it_means_to_prometheus() {
    for scale in [1.0, 30.0] {
        let setting = Setting {
            time_scale: scale,
            ..Setting::shipped()
        };
        let files = files(&setting).unwrap();
        let file = files
            .iter()
            .find(|file| file.path.ends_with("alerting/rules.yml"));
        let file: Value = serde_norway::from_str(&file.unwrap().text).unwrap();
        let made = file["groups"].as_array().unwrap().iter();
        let made: Vec<_> = made
            .flat_map(|group| group["rules"].as_array().unwrap())
            .collect();
        let groups = groups::shipped(scale).unwrap();
        let rules = groups.iter().flat_map(|group| &group.rules);
        let rules: Vec<_> = rules.filter(|rule| !rule.is_heartbeat()).collect();
        assert_eq!(made.len(), rules.len());
        for (made, rule) in made.into_iter().zip(rules) {
            let read: Definition = serde_json::from_value(made.clone()).unwrap();
            assert_eq!(read.title, rule.name);
            assert!(read.is_alerting() && !read.is_paused && read.untold_sources().is_empty());
            let composed = read.compose().unwrap();
            let normal = |expr| promql::normal(expr).unwrap();
            assert_eq!(normal(&composed.expr), normal(&rule.expr), "{}", rule.name);
            assert_eq!(composed.condition, promql::condition(&rule.expr).unwrap());
            // By what is not there any more it is over at once, as in Prometheus.
            assert_eq!(read.missing_evaluations(), 1);
            assert_eq!(read.for_s(), Ok(rule.held_for.as_secs_f64()));
            assert_eq!(
                read.keep_firing_for_s(),
                Ok(rule.keep_firing_for.as_secs_f64())
            );
        }
    }
}
