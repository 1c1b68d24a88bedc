//! Queries: PromQL that parses and reads what there is, LogQL on labels that there are.

use std::collections::BTreeSet;

use promql_parser::parser::{self, Expr};

use super::objects;
use crate::provision::metrics::{METRICS, read_by};
use crate::provision::{Dashboard, Setting, dashboards};
use crate::rules::RULE_FILES;
use crate::{signals, slo};

/// The labels of log lines (observability/promtail/promtail.yml, marks.rs).
const LOG_LABELS: [&str; 4] = ["instance", "job", "level", "service"];

fn all() -> Vec<Dashboard> {
    dashboards(&Setting::shipped()).unwrap()
}

/// Expressions and the names of records of the rule files.
fn rules() -> (Vec<String>, BTreeSet<String>) {
    let mut exprs = Vec::new();
    let mut records = BTreeSet::new();
    for file in RULE_FILES {
        let root: serde_json::Value = serde_norway::from_str(file.text).unwrap();
        for rule in objects(&root) {
            exprs.extend(rule["expr"].as_str().map(str::to_owned));
            records.extend(rule["record"].as_str().map(str::to_owned));
        }
    }
    (exprs, records)
}

/// The expressions of annotations and variables of a dashboard.
fn others(dashboard: &Dashboard, datasource: &str) -> Vec<String> {
    let marked = dashboard.json["annotations"]["list"].as_array().unwrap();
    let of_source = marked
        .iter()
        .filter(|a| a["datasource"]["uid"] == datasource);
    let told = of_source.flat_map(|a| [&a["expr"], &a["target"]["expr"]]);
    told.map(|expr| expr.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_promql_parses_and_reads_what_is_known() {
    let mut exprs = Vec::new();
    for dashboard in all() {
        let own = dashboard.queries.iter().filter(|query| !query.loki);
        exprs.extend(own.map(|query| query.asked("1m")));
        exprs.extend(others(&dashboard, "prometheus"));
    }
    for signal in signals::shipped(1.0).unwrap() {
        exprs.push(signal.expr);
        exprs.extend(signal.by_instance);
        exprs.extend(signal.curves.into_iter().map(|curve| curve.expr));
    }
    for slo in slo::shipped(1.0).unwrap() {
        exprs.push(slo.expr(&slo.window).unwrap());
    }
    let (of_rules, recorded) = rules();
    exprs.extend(of_rules);

    let mut read = BTreeSet::new();
    for expr in &exprs {
        assert!(!expr.contains('$'), "a variable is left in {expr}");
        read.extend(read_by(expr).unwrap_or_else(|error| panic!("{expr}: {error}")));
    }
    let known: BTreeSet<String> = METRICS.into_iter().map(str::to_owned).collect();
    assert_eq!(known.len(), METRICS.len());
    let besides = |name: &String| name != "ALERTS" && !recorded.contains(name);
    let read: BTreeSet<String> = read.into_iter().filter(besides).collect();
    assert_eq!(read, known, "provision/metrics.rs lists what is read");
}

#[test]
fn rates_follow_the_zoom_on_charts_and_are_the_consoles_in_numbers() {
    let all = all();
    let queries = |now: bool| {
        let queries = all.iter().flat_map(|dashboard| &dashboard.queries);
        let of_kind = queries.filter(move |query| query.panel.ends_with(" now") == now);
        of_kind.map(|query| query.expr.as_str()).collect::<Vec<_>>()
    };
    assert!(
        queries(true)
            .iter()
            .all(|expr| !expr.contains("$__rate_interval"))
    );
    assert!(queries(true).iter().any(|expr| expr.contains("[1m]")));
    // Those of the pipeline on the overview are numbers too.
    let charts = queries(false);
    assert!(
        charts
            .iter()
            .filter(|expr| expr.contains("$__rate_interval"))
            .count()
            > 20
    );
    for expr in charts {
        assert!(!expr.contains("20m34s567ms"), "{expr}");
    }
}

/// The stream selectors of a LogQL query; braces in its texts are none.
fn log_selectors(expr: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut quote, mut begun) = (None, None);
    for (at, c) in expr.char_indices() {
        match (quote, c) {
            (Some(end), c) => {
                if c == end {
                    quote = None;
                }
            }
            (None, '"' | '`') => quote = Some(c),
            (None, '{') => begun = Some(at),
            (None, '}') => found.push(expr[begun.take().unwrap()..=at].to_owned()),
            (None, _) => {}
        }
    }
    assert!(
        quote.is_none() && begun.is_none(),
        "something is left open in {expr}"
    );
    let opened = |c| expr.matches(c).count();
    assert_eq!(opened('('), opened(')'), "{expr}");
    found
}

#[test]
fn every_logql_selects_by_labels_that_lines_have() {
    let mut seen = 0;
    for dashboard in all() {
        let own = dashboard.queries.iter().filter(|query| query.loki);
        let own = own.map(|query| query.expr.clone());
        for expr in own.chain(others(&dashboard, "loki")) {
            let selectors = log_selectors(&expr);
            assert_eq!(selectors.len(), 1, "{expr}");
            // A selector of streams is written as one of series is.
            let parsed = parser::parse(&selectors[0].replace("$service", ".+"));
            let Ok(Expr::VectorSelector(selector)) = parsed else {
                panic!("{expr}: {parsed:?}");
            };
            let matchers = &selector.matchers.matchers;
            for matcher in matchers {
                assert!(
                    LOG_LABELS.contains(&&*matcher.name),
                    "no line has {} in {expr}",
                    matcher.name
                );
            }
            assert!(
                matchers.iter().any(|m| !m.is_match("")),
                "{expr} would be refused"
            );
            seen += 1;
        }
    }
    assert!(seen > 10);
}

#[test]
fn the_labels_of_lines_are_those_that_the_shipper_sets() {
    let shipper: serde_json::Value = serde_norway::from_str(crate::config::PROMTAIL).unwrap();
    let job = &shipper["scrape_configs"][0];
    let relabelled = job["relabel_configs"].as_array().unwrap().iter();
    let mut set: BTreeSet<_> = relabelled
        .filter_map(|r| r["target_label"].as_str())
        .collect();
    let stages = job["pipeline_stages"].as_array().unwrap().iter();
    let labels = stages.filter_map(|stage| stage["labels"].as_object());
    set.extend(labels.flat_map(serde_json::Map::keys).map(String::as_str));
    for label in LOG_LABELS {
        assert!(set.contains(label), "{label}");
    }
}
