//! The alert machine, and the rules that the project ships, against Prometheus's.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::arbitrary::{self, GRID_MS};
use super::promtool::{self, File, Group, once};
use crate::prometheus::Labels;
use crate::replay::eval::{Element, Query, Series, Settings};
use crate::replay::machine::{Holds, Machine, State};

/// An alert rule over series, as promtool and as the machine take it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) expr: String,
    pub(super) holds: Holds,
    pub(super) evaluation_ms: i64,
    pub(super) grid_ms: i64,
    pub(super) series: Vec<Series>,
    pub(super) evaluations: i64,
}

/// The labels of each alert that is pending or firing, with its state.
type Alerts = Vec<(Labels, State)>;

impl Case {
    /// What the machine says at every evaluation.
    fn replay(&self, settings: &Settings) -> Vec<Alerts> {
        let query = Query::parse(&self.expr).unwrap();
        let mut machine = Machine::new(self.holds);
        self.times_ms()
            .map(|at_ms| {
                let elements = query.evaluate(settings, &self.series, at_ms).unwrap();
                machine.evaluate(at_ms, &elements).unwrap();
                let alerts = machine.alerts();
                let alerts = alerts.map(|alert| (Labels::clone(&alert.labels), alert.state));
                alerts.collect()
            })
            .collect()
    }

    fn times_ms(&self) -> impl Iterator<Item = i64> {
        (0..self.evaluations).map(|number| number * self.evaluation_ms)
    }

    /// The file that asks for all alerts at every evaluation, and expects those that fire.
    fn file(&self, alerts: &[Alerts]) -> File {
        let rule = json!({
            "alert": "Alert",
            "expr": self.expr,
            "for": format!("{}ms", self.holds.for_ms),
            "keep_firing_for": format!("{}ms", self.holds.keep_firing_for_ms),
        });
        let expectations = self.times_ms().zip(alerts).map(|(at_ms, alerts)| {
            json!({
                "alertname": "Alert",
                "eval_time": format!("{at_ms}ms"),
                "exp_alerts": firing(alerts),
            })
        });
        File {
            rules: json!({"groups": [{"name": "group", "rules": [rule]}]}).to_string(),
            evaluation_ms: self.evaluation_ms,
            groups: vec![Group {
                grid_ms: self.grid_ms,
                series: self.series.clone(),
                questions: self
                    .times_ms()
                    .map(|at_ms| ("ALERTS".into(), at_ms))
                    .collect(),
                alerts: expectations.collect(),
            }],
        }
    }
}

fn firing(alerts: &Alerts) -> Vec<Value> {
    let firing = alerts.iter().filter(|(_, state)| *state == State::Firing);
    firing
        .map(|(labels, _)| json!({"exp_labels": labels}))
        .collect()
}

/// The samples of `ALERTS` that Prometheus stores for these alerts.
fn stored(alerts: &Alerts) -> Vec<Element> {
    let stored = alerts.iter().map(|(labels, state)| {
        let state = match state {
            State::Firing => "firing",
            State::Pending | State::Inactive => "pending",
        };
        let mut labels = labels.clone();
        let own = [
            ("__name__", "ALERTS"),
            ("alertname", "Alert"),
            ("alertstate", state),
        ];
        labels.extend(own.map(|(name, value)| (name.into(), value.into())));
        Element {
            labels: labels.into(),
            value: 1.0,
        }
    });
    stored.collect()
}

/// Holds the machine against promtool at every evaluation of all cases: firing alerts by its
/// alert tests, pending ones too by the samples that it stores.
pub(super) fn compare(cases: &[Case]) -> Result<(), TestCaseError> {
    let settings = Settings::new(promtool::semantics());
    let replays: Vec<_> = cases.iter().map(|case| case.replay(&settings)).collect();
    let files = cases
        .iter()
        .zip(&replays)
        .map(|(case, alerts)| case.file(alerts));
    let answers = promtool::ask(&files.collect::<Vec<_>>());
    let evaluations = cases.iter().zip(&replays).flat_map(|(case, replay)| {
        case.times_ms()
            .zip(replay)
            .map(move |(at_ms, alerts)| (case, at_ms, alerts))
    });
    for ((case, at_ms, alerts), answer) in evaluations.zip(answers) {
        prop_assert!(
            promtool::agree(&answer, &Ok(stored(alerts))),
            "{} {:?} at {at_ms} ms\npromtool: {answer:?}\nreplay: {alerts:?}",
            case.expr,
            case.holds
        );
    }
    Ok(())
}

/// Rules whose label sets come and go.
fn case() -> impl Strategy<Value = Case> {
    let expr = select(vec![
        "a > 2",
        "a{x=\"1\"} < 0 or b > 4",
        "rate(c[1m]) > 0.1",
        "sum by (x) (a) > on (x) avg_over_time(b{y=\"1\"}[40s])",
        "absent(a{x=\"1\",y=\"2\"})",
        "max_over_time(a[20s]) - 3 > bool 1",
        "count(b < 0) or vector(0)",
        "-c < -3 unless on (x) a > 0",
        "histogram_quantile(0.9, rate(h_bucket[1m])) > 0.4",
        "time() % 60 > bool 30",
    ]);
    let duration_ms = || prop_oneof![(0..9_i64).prop_map(|slots| slots * 5_000), 0..60_000_i64];
    let (for_ms, kept_ms) = (duration_ms(), duration_ms());
    let evaluation_ms = select(vec![5_000, 7_000, 15_000]);
    (expr, for_ms, kept_ms, evaluation_ms, arbitrary::series()).prop_map(
        |(expr, for_ms, keep_firing_for_ms, evaluation_ms, series)| Case {
            expr: expr.into(),
            holds: Holds {
                for_ms,
                keep_firing_for_ms,
            },
            evaluation_ms,
            grid_ms: GRID_MS,
            series,
            evaluations: 40,
        },
    )
}

proptest! {
    #![proptest_config(once())]
    #[test]
    fn promtool_agrees_on_alerts_at_every_evaluation(cases in prop::collection::vec(case(), 24)) {
        compare(&cases)?;
    }
}
