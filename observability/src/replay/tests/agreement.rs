//! The evaluator against Prometheus's.

use proptest::prelude::*;

use super::arbitrary::{self, GRID_MS};
use super::promtool::{self, File, Group, once};
use crate::replay::eval::{Query, Sample, Series, Settings};

/// Expressions and when to ask for them, over the same series.
fn group() -> impl Strategy<Value = Group> {
    let questions = prop::collection::vec((arbitrary::vector(), arbitrary::time_ms()), 8);
    (arbitrary::series(), questions).prop_map(|(series, questions)| Group {
        grid_ms: GRID_MS,
        series,
        questions,
        alerts: Vec::new(),
    })
}

/// Holds the evaluator's results against promtool's.
fn compare(file: &File) -> Result<(), TestCaseError> {
    let answers = promtool::ask(std::slice::from_ref(file));
    let settings = Settings::new(promtool::semantics());
    let questions = file.groups.iter().flat_map(|group| {
        let questions = group.questions.iter();
        questions.map(move |(expr, at_ms)| (group, expr, *at_ms))
    });
    for ((group, expr, at_ms), answer) in questions.zip(answers) {
        let query = Query::parse(expr);
        let query = query.map_err(|error| TestCaseError::fail(format!("{expr}: {error}")))?;
        let result = query.evaluate(&settings, &group.series, at_ms);
        prop_assert!(
            promtool::agree(&answer, &result),
            "{expr} at {at_ms} ms\npromtool: {answer:?}\nreplay: {result:?}"
        );
    }
    Ok(())
}

fn samples(values: &[f64]) -> Vec<Sample> {
    let samples = values.iter().zip(0_i64..);
    let samples = samples.map(|(value, slot)| Sample::new(slot * GRID_MS, *value));
    samples.collect()
}

/// What random series and expressions meet too seldom.
#[test]
fn promtool_agrees_on_the_corners() {
    let series = |name: &str, pairs: &[(&str, &str)], values: &[f64]| Series {
        labels: arbitrary::labels(name, pairs),
        samples: samples(values),
    };
    let mut ended = series("ended", &[], &[7.0; 4]);
    ended.samples.push(Sample::stale(20_000));
    let all = vec![
        ended,
        series("last", &[], &[1.0, 2.0]),
        series("young", &[], &[4.0, 9.0, 14.0, 19.0]),
        series("mixed", &[("x", "1")], &[f64::NAN, f64::NEG_INFINITY, 3.0]),
        series(
            "mixed",
            &[("x", "2")],
            &[f64::INFINITY, f64::INFINITY, f64::NAN],
        ),
        series("bucket", &[("le", "0"), ("y", "1")], &[5.0]),
        series("bucket", &[("le", "1"), ("y", "1")], &[9.0]),
        series("bucket", &[("le", "1.0"), ("y", "1")], &[1.0]),
        series("bucket", &[("le", "+Inf"), ("y", "1")], &[20.0]),
        series("bucket", &[("le", "many"), ("y", "1")], &[99.0]),
    ];
    let exprs = [
        "last",
        "ended",
        "last_over_time(ended[1m])",
        "increase(young[1m])",
        "rate(young[100s])",
        "increase(young[17s])",
        "delta(young[1m])",
        "irate(young[15s])",
        "absent(nothing{x=\"1\",y=\"1\",y=\"2\",z=~\"3\",w=\"\"})",
        "absent_over_time((nothing{x=\"1\",y=\"1\",y=\"1\"}[1m]))",
        "absent((nothing{x=\"1\"}))",
        "absent(sum(nothing{x=\"1\"}))",
        "min(mixed)",
        "max by (x) (mixed)",
        "avg(mixed)",
        "avg_over_time(mixed[1m])",
        "min_over_time(mixed[1m])",
        "quantile_over_time(0.3, mixed[1m])",
        "clamp_min(mixed, +Inf)",
        "clamp_max(mixed, NaN)",
        "1 > bool mixed",
        "2 > mixed",
        "-1 ^ 2",
        "2 ^ 3 ^ 2 % 100",
        "histogram_quantile(0.5, bucket)",
        "histogram_quantile(0.1, bucket)",
        "histogram_quantile(0.99, bucket{le!=\"+Inf\"})",
        "mixed + on (x) group_left () mixed",
        "mixed + on () mixed",
        "last < on () group_right () mixed",
        "vector(scalar(mixed)) or vector(1)",
        "scalar(last)",
        "sum by (__name__) (last)",
        "vector(time())",
    ];
    let times_ms = [
        0, 4_999, 5_000, 10_000, 17_000, 20_000, 20_750, 305_000, 305_001,
    ];
    let questions = exprs
        .iter()
        .flat_map(|expr| times_ms.map(|at_ms| ((*expr).to_owned(), at_ms)));
    let file = File {
        rules: "groups: []".into(),
        evaluation_ms: GRID_MS,
        groups: vec![Group {
            grid_ms: GRID_MS,
            series: all,
            questions: questions.collect(),
            alerts: Vec::new(),
        }],
    };
    compare(&file).unwrap();
}

proptest! {
    #![proptest_config(once())]
    #[test]
    fn promtool_agrees_on_random_expressions(groups in prop::collection::vec(group(), 40)) {
        let file = File {
            rules: "groups: []".into(),
            evaluation_ms: GRID_MS,
            groups,
        };
        compare(&file)?;
    }
}
