//! What is made, and what is committed, held to what Grafana and the servers know.

mod alerts;
mod dashboards;
mod keys;
mod queries;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{File, Setting, files};

const HOW: &str = "run `cargo run -p voteops-observability --example provision`";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana")
}

fn shipped() -> Vec<File> {
    files(&Setting::shipped()).unwrap()
}

/// The content of a made file in YAML or JSON, by its path.
fn made(path: &str) -> Value {
    let files = shipped();
    let file = files.iter().find(|file| file.path == path).unwrap();
    serde_norway::from_str(&file.text).unwrap()
}

fn datasources() -> Value {
    serde_norway::from_str(crate::config::GRAFANA_DATASOURCES).unwrap()
}

/// Every object in a document, the document itself included.
fn objects(value: &Value) -> Vec<&Value> {
    let below: Vec<&Value> = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let own = value.is_object().then_some(value);
    let below = below.into_iter().flat_map(objects);
    own.into_iter().chain(below).collect()
}

#[test]
fn the_committed_files_are_the_made_ones() {
    let files = shipped();
    for file in &files {
        let path = root().join(&file.path);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == file.text,
            "{} is not what is made: {HOW}",
            path.display()
        );
    }
    let made: BTreeSet<_> = files.iter().map(|file| root().join(&file.path)).collect();
    for dir in [
        "dashboards",
        "provisioning/dashboards",
        "provisioning/alerting",
    ] {
        for entry in std::fs::read_dir(root().join(dir)).unwrap() {
            let path = entry.unwrap().path();
            assert!(
                made.contains(&path),
                "{} is made by nothing: remove it",
                path.display()
            );
        }
    }
}

#[test]
fn a_scaled_stack_gets_scaled_durations_and_no_loki_that_it_has_not() {
    let setting = Setting {
        time_scale: 30.0,
        logs: false,
        dashboards: "/data/dashboards".into(),
        receiver: Some("http://127.0.0.1:9/".parse().unwrap()),
        paged_by: Some("prometheus".into()),
    };
    let files = files(&setting).unwrap();
    for file in &files {
        assert!(!file.text.contains("loki"), "{}", file.path);
        assert!(!file.text.contains("[5m]"), "{}", file.path);
    }
    let text = |path: &str| &files.iter().find(|file| file.path == path).unwrap().text;
    let rules: Value = serde_norway::from_str(text("provisioning/alerting/rules.yml")).unwrap();
    let first = &rules["groups"][0];
    assert_eq!(
        (
            first["interval"].as_str(),
            first["rules"][0]["for"].as_str()
        ),
        (Some("10s"), Some("10s"))
    );
    let told = text("provisioning/alerting/notifications.yml");
    assert!(
        told.contains("url: http://127.0.0.1:9/api/v1/webhook"),
        "{told}"
    );
    assert!(
        told.contains("group_interval: 10s") && told.contains("- paged-by-prometheus"),
        "{told}"
    );
    assert!(text("provisioning/dashboards/voteops.yml").contains("path: /data/dashboards"));
    assert!(text("dashboards/voteops-redis.json").contains("\"now-2m\""));
}
