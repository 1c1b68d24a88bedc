//! The evaluator against Prometheus's.

use proptest::prelude::*;

use super::arbitrary::{self, GRID_MS};
use super::promtool::{self, File, Group};
use crate::replay::eval::{Query, Settings};

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

proptest! {
    // Promtool costs a second, so that one case holds many.
    #![proptest_config(ProptestConfig {
        cases: 1,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
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
