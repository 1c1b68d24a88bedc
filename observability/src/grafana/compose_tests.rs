//! Composed expressions held to what Grafana's own steps make of the same numbers.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::prometheus::Labels;
use crate::promql;
use crate::replay::eval::{Query, Sample, Semantics, Series, Settings};

/// A rule with these steps after its query, in the shape of `ProvisionedAlertRule` (the example of its `data` there,
/// and `rulegroup-1-get.json` of Grafana's own tests, whose rules hold the same `data`).
fn rule(query: &Value, steps: &[Value], condition: &str) -> Definition {
    let asked = json!({
        "refId": "A", "queryType": "", "relativeTimeRange": {"from": 600, "to": 0},
        "datasourceUid": "PBFA97CFB590B2093",
        "model": {
            "datasource": {"type": "prometheus", "uid": "PBFA97CFB590B2093"},
            "editorMode": "code", "expr": "queue", "hide": false, "instant": true, "range": false,
            "intervalMs": 1000, "maxDataPoints": 43200, "refId": "A",
        },
    });
    let asked = merged(asked, query);
    let steps = steps.iter().zip("BCDEFGH".chars()).map(|(model, ref_id)| {
        json!({
            "refId": ref_id.to_string(), "queryType": "",
            "relativeTimeRange": {"from": 0, "to": 0}, "datasourceUid": "__expr__",
            "model": merged(json!({
                "datasource": {"type": "__expr__", "uid": "__expr__"},
                "hide": false, "intervalMs": 1000, "maxDataPoints": 43200, "refId": ref_id.to_string(),
            }), model),
        })
    });
    let data: Vec<_> = std::iter::once(asked).chain(steps).collect();
    serde_json::from_value(json!({
        "id": 1, "uid": "bdz6r1", "orgID": 1, "folderUID": "project_x", "ruleGroup": "eval_group_1",
        "title": "Queue", "condition": condition, "data": data,
        "updated": "2026-11-25T10:00:00Z", "noDataState": "OK", "execErrState": "Error",
        "for": "5m", "keep_firing_for": "0s", "labels": {"team": "sre-team-1"},
        "isPaused": false, "notification_settings": null, "record": null,
    }))
    .unwrap()
}

/// `changes` laid over `base`, object by object.
fn merged(mut base: Value, changes: &Value) -> Value {
    for (key, change) in changes.as_object().unwrap() {
        let was = base[key].take();
        base[key] = if was.is_object() && change.is_object() {
            merged(was, change)
        } else {
            change.clone()
        };
    }
    base
}

fn reduce(of: &str, reducer: &str) -> Value {
    json!({"type": "reduce", "expression": of, "reducer": reducer})
}

fn math(expression: &str) -> Value {
    json!({"type": "math", "expression": expression})
}

fn threshold(of: &str, kind: &str, params: &[f64]) -> Value {
    json!({
        "type": "threshold", "expression": of,
        "conditions": [{
            "evaluator": {"params": params, "type": kind},
            "operator": {"type": "and"}, "query": {"params": [of]},
            "reducer": {"params": [], "type": "last"}, "type": "query",
        }],
    })
}

fn composed(steps: &[Value], condition: &str) -> Composed {
    rule(&json!({}), steps, condition).compose().unwrap()
}

#[test]
fn the_chain_of_the_editor_is_a_comparison() {
    let steps = [reduce("A", "last"), threshold("B", "gt", &[1000.0])];
    let made = composed(&steps, "C");
    assert_eq!(made.expr, "(queue) > 1000");
    let condition = made.condition.unwrap();
    assert_eq!(
        (condition.subject.as_str(), condition.threshold),
        ("queue", 1000.0)
    );
    assert!(!made.vanishes);
    let definition = rule(&json!({}), &steps, "C");
    assert_eq!(definition.for_s(), Ok(300.0));
    assert_eq!(definition.keep_firing_for_s(), Ok(0.0));
    assert_eq!(definition.missing_evaluations(), 2);
    assert!(definition.is_alerting());
}

#[test]
fn every_comparison_has_its_expression() {
    for (kind, params, expr) in [
        ("gt", &[5.0][..], "(queue) > 5"),
        ("lt", &[-0.5], "(queue) < -0.5"),
        ("eq", &[1.0], "(queue) == 1"),
        ("ne", &[1.0], "(queue) != 1"),
        ("gte", &[5.0], "(queue) >= 5"),
        ("lte", &[5.0], "(queue) <= 5"),
        ("within_range", &[1.0, 2.0], "(queue) > 1 < 2"),
        ("within_range_included", &[1.0, 2.0], "(queue) >= 1 <= 2"),
        ("outside_range", &[1.0, 2.0], "(queue) < 1 or (queue) > 2"),
        (
            "outside_range_included",
            &[1.0, 2.0],
            "(queue) <= 1 or (queue) >= 2",
        ),
    ] {
        assert_eq!(composed(&[threshold("A", kind, params)], "B").expr, expr);
        promql::normal(expr).unwrap();
    }
}

#[test]
fn a_query_alone_alerts_where_it_is_not_zero() {
    assert_eq!(composed(&[], "A").expr, "(queue) != 0");
    assert_eq!(composed(&[reduce("$A", "mean")], "B").expr, "(queue) != 0");
}

#[test]
fn math_that_compares_holds_for_nan_as_in_grafana() {
    let made = composed(&[math("$A > 10")], "B");
    assert_eq!(made.expr, "(queue) unless ((queue) <= 10)");
    let condition = made.condition.unwrap();
    assert_eq!(
        (condition.subject.as_str(), condition.threshold),
        ("queue", 10.0)
    );
    assert_eq!(condition.comparison, promql::Comparison::Above);
    // Behind a threshold NaN is no 1.
    let steps = [math("1e1 < ${A}"), threshold("B", "gt", &[0.0])];
    assert_eq!(composed(&steps, "C").expr, "(queue) > 10");
}

#[test]
fn a_query_with_a_comment_is_closed_all_the_same() {
    let query = json!({"model": {"expr": "sum(queue) # of all"}});
    let made = rule(&query, &[threshold("A", "gt", &[1.0])], "B")
        .compose()
        .unwrap();
    assert_eq!(made.expr, "(sum(queue)) > 1");
}

#[test]
fn data_sources_that_are_not_told_are_asked_for() {
    let query = json!({"model": {"datasource": null}});
    let mut definition = rule(&query, &[threshold("A", "gt", &[1.0])], "B");
    assert_eq!(definition.untold_sources(), ["PBFA97CFB590B2093"]);
    let told = definition.compose().unwrap_err().to_string();
    assert!(told.contains("type unknown"), "{told}");
    definition.learn_source("PBFA97CFB590B2093", "prometheus");
    assert_eq!(definition.compose().unwrap().expr, "(queue) > 1");
}

fn assert_refused(cases: impl IntoIterator<Item = (Definition, &'static str)>) {
    for (definition, words) in cases {
        let told = definition.compose().unwrap_err().to_string();
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn queries_that_prometheus_would_not_answer_so_are_refused_with_a_way_out() {
    let bound = [threshold("A", "gt", &[1.0])];
    let model = |changes: &Value| rule(&json!({ "model": changes }), &bound, "B");
    let earlier = json!({"relativeTimeRange": {"from": 18000, "to": 10800}});
    let no_data = |state: &str| {
        let mut definition = model(&json!({}));
        definition.no_data_state = state.into();
        definition
    };
    assert_refused([
        (
            model(&json!({"datasource": {"type": "loki"}})),
            "type loki; only queries of Prometheus",
        ),
        (
            model(&json!({"instant": false, "range": true})),
            "make it an instant query",
        ),
        (
            model(&json!({"instant": true, "range": true})),
            "make it an instant query",
        ),
        (rule(&earlier, &bound, "B"), "ends 10800 s ago"),
        (
            model(&json!({"expr": "rate(x[$__rate_interval])"})),
            "$__rate_interval",
        ),
        (
            model(&json!({"expr": "rate(x[${__interval}])"})),
            "${__interval}",
        ),
        (
            model(&json!({"expr": "rate(x["})),
            "no expression of Prometheus",
        ),
        (no_data("Alerting"), "no-data state \"Alerting\""),
        (no_data("KeepLast"), "take OK or NoData"),
    ]);
}

#[test]
fn expressions_without_an_equivalent_are_refused_with_a_way_out() {
    let steps = |steps: &[Value], condition: &str| rule(&json!({}), steps, condition);
    let one = |step: Value| steps(&[step], "B");
    let mut recovery = threshold("A", "gt", &[4.0]);
    recovery["conditions"][0]["unloadEvaluator"] = json!({"params": [2], "type": "lt"});
    let mut dropping = reduce("A", "mean");
    dropping["settings"] = json!({"mode": "dropNN"});
    let unbound = json!({"type": "threshold", "expression": "A", "conditions": []});
    assert_refused([
        (
            one(json!({"type": "classic_conditions", "conditions": []})),
            "classic condition",
        ),
        (
            one(json!({"type": "resample", "expression": "A"})),
            "type \"resample\"",
        ),
        (
            one(json!({"type": "sql", "expression": "SELECT 1"})),
            "type \"sql\"",
        ),
        (one(math("$A * 2 > 10")), "calculates ($A * 2 > 10)"),
        (one(math("abs($A) > 10")), "calculate in the query"),
        (one(math("$A > 10 && $A < 20")), "calculates"),
        (
            steps(&[reduce("A", "last"), math("$A / $B > 2")], "C"),
            "several queries (A, B)",
        ),
        (one(math("0 > 0")), "calculates (0 > 0)"),
        (one(recovery), "recovery threshold"),
        (
            one(threshold("A", "no_value", &[])),
            "compares by \"no_value\"",
        ),
        (
            one(threshold("A", "within_range", &[1.0])),
            "takes 2 numbers, and has 1",
        ),
        (one(unbound), "0 conditions"),
        (
            steps(&[math("$A > 1"), threshold("B", "lt", &[1.0])], "C"),
            "does not tell 1",
        ),
        (one(dropping), "mode \"dropNN\""),
        (steps(&[], "Z"), "its condition \"Z\""),
        (one(math("$B")), "in a circle"),
    ]);
}

/// What Grafana makes of one number, step by step, after its sources: thresholds are predicates of numbers, NaN is less,
/// greater and equal to none (`pkg/expr/threshold.go`); math gives NaN of NaN (`binaryOp` in `pkg/expr/mathexp/exp.go`).
fn grafana(mut value: f64, steps: &[Step]) -> bool {
    let flag = |holds: bool| f64::from(u8::from(holds));
    for step in steps {
        value = match *step {
            Step::Reduce => value,
            Step::Any => 1.0,
            Step::Math(_) if value.is_nan() => f64::NAN,
            Step::Math((operator, number)) | Step::Threshold((operator, number)) => {
                flag(compares(operator, value, number))
            }
            Step::Within(low, high) => flag(value > low && value < high),
            Step::Outside(low, high) => flag(value < low || value > high),
        };
    }
    // `evaluateExecutionResult` in pkg/services/ngalert/eval/eval.go.
    value != 0.0
}

#[expect(clippy::float_cmp, reason = "Grafana compares exactly")]
fn compares(operator: &str, value: f64, number: f64) -> bool {
    match operator {
        ">" => value > number,
        ">=" => value >= number,
        "<" => value < number,
        "<=" => value <= number,
        "==" => value == number,
        _ => value != number,
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Reduce,
    Any,
    Math((&'static str, f64)),
    Threshold((&'static str, f64)),
    Within(f64, f64),
    Outside(f64, f64),
}

const OPERATORS: [(&str, &str); 6] = [
    (">", "gt"),
    (">=", "gte"),
    ("<", "lt"),
    ("<=", "lte"),
    ("==", "eq"),
    ("!=", "ne"),
];

impl Step {
    fn written(self, of: &str) -> Value {
        match self {
            Self::Reduce => reduce(of, "max"),
            Self::Any => math(&format!(
                "is_number(${of}) || is_nan(${of}) || is_inf(${of})"
            )),
            Self::Math((operator, number)) => math(&format!("${of} {operator} {number}")),
            Self::Threshold((operator, number)) => {
                let known = OPERATORS.iter().find(|(symbol, _)| *symbol == operator);
                threshold(of, known.unwrap().1, &[number])
            }
            Self::Within(low, high) => threshold(of, "within_range", &[low, high]),
            Self::Outside(low, high) => threshold(of, "outside_range", &[low, high]),
        }
    }
}

fn number() -> impl Strategy<Value = f64> {
    (-3..4_i32).prop_map(|half| f64::from(half) / 2.0)
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => number(),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
    ]
}

fn comparison() -> impl Strategy<Value = (&'static str, f64)> {
    (0..OPERATORS.len(), number()).prop_map(|(index, number)| (OPERATORS[index].0, number))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Reduce),
        1 => Just(Step::Any),
        3 => comparison().prop_map(Step::Math),
        3 => comparison().prop_map(Step::Threshold),
        1 => (number(), number()).prop_map(|(low, high)| Step::Within(low, high)),
        1 => (number(), number()).prop_map(|(low, high)| Step::Outside(low, high)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is composed alerts for exactly the series for which Grafana's steps do.
    #[test]
    fn a_composed_expression_alerts_for_the_same_series(
        values in prop::collection::vec(value(), 1..6),
        steps in prop::collection::vec(step(), 0..4),
    ) {
        let names = ["A", "B", "C", "D", "E"];
        let written: Vec<_> = steps.iter().zip(names).map(|(step, of)| step.written(of)).collect();
        if let Ok(made) = rule(&json!({}), &written, names[steps.len()]).compose() {
            let series: Vec<_> = values.iter().enumerate().map(|(index, value)| Series {
                labels: Labels::from([
                    ("__name__".into(), "queue".into()),
                    ("instance".into(), index.to_string()),
                ]),
                samples: vec![Sample { at_ms: 0, seen_ms: 0, value: Some(*value) }],
            }).collect();
            let query = Query::parse(&made.expr).unwrap();
            let found = query.evaluate(&Settings::new(Semantics::V3), &series, 0).unwrap();
            let mut found: Vec<_> = found.iter().map(|element| element.labels["instance"].clone()).collect();
            found.sort();
            let alerting = values.iter().enumerate().filter(|(_, value)| grafana(**value, &steps));
            let alerting: Vec<_> = alerting.map(|(index, _)| index.to_string()).collect();
            prop_assert_eq!(found, alerting, "{} of {:?}", made.expr, values);
        }
    }
}
