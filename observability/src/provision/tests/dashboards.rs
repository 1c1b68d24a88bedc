//! Dashboards: whole, in the console's order, with the rules' thresholds, and with ways that lead somewhere.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::{datasources, made, objects, shipped};
use crate::provision::{Dashboard, Setting, dashboards, groups, limit::Limit};
use crate::signals::{self, Component};

const UIDS: [&str; 6] = [
    "voteops-overview",
    "voteops-vote-app",
    "voteops-redis",
    "voteops-worker",
    "voteops-slo",
    "voteops-logs",
];
/// Sources that Grafana has of itself.
const BUILT_IN: [&str; 2] = ["-- Grafana --", "__expr__"];

fn all() -> Vec<Dashboard> {
    dashboards(&Setting::shipped()).unwrap()
}

fn panels(dashboard: &Dashboard) -> &Vec<Value> {
    dashboard.json["panels"].as_array().unwrap()
}

#[test]
fn every_panel_says_what_it_shows_and_stands_alone() {
    let all = all();
    assert_eq!(all.iter().map(|d| d.uid).collect::<Vec<_>>(), UIDS);
    for dashboard in &all {
        assert_eq!(dashboard.json["uid"], dashboard.uid);
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        let mut titles = BTreeSet::new();
        for panel in panels(dashboard) {
            let told = format!("{}: {}", dashboard.uid, panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{told}");
            let row = panel["type"] == "row";
            assert!(
                row || titles.insert(panel["title"].as_str().unwrap()),
                "{told}"
            );
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{told}");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{told} stands on another panel");
            }
            if !row {
                assert!(panel["description"].as_str().unwrap().len() > 10, "{told}");
                let defaults = &panel["fieldConfig"]["defaults"];
                assert_eq!(defaults["noValue"], "no data", "{told}");
                assert!(!defaults["unit"].as_str().unwrap().is_empty(), "{told}");
                assert!(!panel["targets"].as_array().unwrap().is_empty(), "{told}");
            }
        }
    }
}

#[test]
fn the_overview_is_the_consoles_in_order_and_thresholds() {
    let all = all();
    let rows = panels(&all[0]);
    let titles: Vec<_> = rows
        .iter()
        .map(|panel| panel["title"].as_str().unwrap())
        .collect();
    let signals = signals::shipped(1.0).unwrap();
    let mut expected = Vec::new();
    for component in Component::ALL {
        let of_it = || signals.iter().filter(|s| s.component == component);
        expected.push(component.title().to_owned());
        expected.extend(of_it().map(|signal| format!("{} now", signal.title)));
        expected.extend(of_it().map(|signal| signal.title.clone()));
    }
    let begin = titles
        .iter()
        .position(|title| *title == expected[0])
        .unwrap();
    assert_eq!(titles[begin..begin + expected.len()], expected);

    let groups = groups::shipped(1.0).unwrap();
    let rules: Vec<_> = groups.iter().flat_map(|group| &group.rules).collect();
    for signal in &signals {
        let title = format!("{} now", signal.title);
        let panel = rows.iter().find(|panel| panel["title"] == title).unwrap();
        assert_eq!(panel["targets"][0]["expr"], signal.expr);
        let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            .as_array()
            .unwrap();
        let rule = rules
            .iter()
            .find(|rule| signal.alert.as_ref() == Some(&rule.name));
        let limit = rule.and_then(|rule| Limit::of(rule));
        assert_eq!(steps.len(), 1 + usize::from(limit.is_some()), "{title}");
        if let Some(limit) = limit {
            // A rate of nothing is the one limit that a step cannot say exactly.
            let off = (steps[1]["value"].as_f64().unwrap() - limit.value).abs();
            assert!(off <= 0.001, "{title}");
        }
    }
}

#[test]
fn every_source_and_dashboard_that_is_named_is_there() {
    let sources = datasources();
    let sources = sources["datasources"].as_array().unwrap();
    let known: BTreeSet<_> = sources
        .iter()
        .map(|source| source["uid"].as_str().unwrap())
        .collect();
    assert_eq!(
        known,
        BTreeSet::from(["alertmanager", "loki", "prometheus"])
    );
    let way = Regex::new(r"/d/([a-z-]+)").unwrap();
    let mut ways = 0;
    let declared = datasources();
    for file in shipped() {
        let document: Value = serde_norway::from_str(&file.text).unwrap();
        let documents = objects(&document).into_iter().chain(objects(&declared));
        for object in documents {
            let uids = [
                &object["datasource"]["uid"],
                &object["datasourceUid"],
                &object["targetUID"],
            ];
            for uid in uids.into_iter().filter_map(Value::as_str) {
                assert!(
                    known.contains(uid) || BUILT_IN.contains(&uid),
                    "{}: {uid}",
                    file.path
                );
            }
            let urls = ["url", "dashboard_url"].map(|key| object[key].as_str().unwrap_or_default());
            for found in urls.into_iter().flat_map(|url| way.captures_iter(url)) {
                assert!(UIDS.contains(&&found[1]), "{}: {}", file.path, &found[1]);
                ways += 1;
            }
            if let Some(uid) = object["dashboardUid"].as_str() {
                let path = format!("dashboards/{uid}.json");
                let board = made(&path);
                let mut panels = board["panels"].as_array().unwrap().iter();
                let panel = panels
                    .find(|panel| panel["id"] == object["panelId"])
                    .unwrap();
                assert_eq!(panel["type"], "timeseries", "{}", object["title"]);
            }
        }
    }
    assert!(ways > 30);
}

#[test]
fn alerts_and_experiments_are_marked_on_every_dashboard() {
    for dashboard in all() {
        let list = dashboard.json["annotations"]["list"].as_array().unwrap();
        let names: Vec<_> = list
            .iter()
            .map(|mark| mark["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "Annotations & Alerts",
                "Alerts",
                "Experiments",
                "Experiments, from Loki"
            ],
            "{}",
            dashboard.uid
        );
        assert_eq!(list[2]["target"]["tags"][0], crate::marks::TAG);
        let marked = list[3]["expr"].as_str().unwrap();
        assert!(marked.starts_with(&format!("{{service=\"{}\"}}", crate::marks::SERVICE)));
    }
}

#[test]
fn every_alert_is_shown_with_its_state_and_once() {
    let all = all();
    let groups = groups::shipped(1.0).unwrap();
    let rules = groups.iter().flat_map(|group| &group.rules);
    let alerts: Vec<_> = rules.filter(|rule| !rule.is_heartbeat()).collect();
    let shown = |uid: &str| {
        let dashboard = all.iter().find(|dashboard| dashboard.uid == uid).unwrap();
        let rows = dashboard
            .queries
            .iter()
            .filter(|query| query.panel == "Alerts");
        rows.map(|query| query.legend.clone()).collect::<Vec<_>>()
    };
    let names: Vec<_> = alerts.iter().map(|rule| rule.name.clone()).collect();
    assert_eq!(shown("voteops-overview"), names);
    for name in names.iter().filter(|name| name.contains("Burn")) {
        assert!(
            shown("voteops-slo").contains(name),
            "catalogue.toml claims {name} for no objective"
        );
    }
    assert!(shown("voteops-worker").contains(&"CriticalVoteQueueBacklog".to_owned()));
}
