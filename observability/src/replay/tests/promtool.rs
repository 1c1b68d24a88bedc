//! Asks promtool what Prometheus makes of an expression. Its unit tests compare by equality of
//! every bit, and never find two NaNs equal; so each is given an expectation that fails, and what
//! it got is read from the report, with all digits.

use std::collections::BTreeMap;
use std::fmt::{Debug, Formatter};
use std::process::Command;
use std::sync::LazyLock;

use proptest::prelude::ProptestConfig;
use serde_json::{Value, json};

use crate::prometheus::Labels;
use crate::replay::eval::{Element, EvalError, Sample, Semantics, Series};

/// What promtool says of an expression at a time: its elements, or why it refuses it.
pub(super) type Answer = Result<BTreeMap<Labels, f64>, String>;

/// Whether a result is the answer, but for a relative rounding of 1e-9.
pub(super) fn agree(answer: &Answer, result: &Result<Vec<Element>, EvalError>) -> bool {
    let (expected, elements) = match (answer, result) {
        (Ok(expected), Ok(elements)) => (expected, elements),
        (Err(_), Err(_)) => return true,
        _ => return false,
    };
    expected.len() == elements.len()
        && elements.iter().all(|element| {
            let expected = expected.get(&*element.labels);
            expected.is_some_and(|expected| same(*expected, element.value))
        })
}

#[expect(clippy::float_cmp, reason = "infinite values have no difference")]
fn same(left: f64, right: f64) -> bool {
    let rounding = 1e-9 * left.abs().max(right.abs());
    left.is_nan() && right.is_nan() || left == right || (left - right).abs() <= rounding
}

/// One file for promtool: rules, and what to ask over some series.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// The text of a rule file.
    pub(super) rules: String,
    /// Promtool stores no sample after its last evaluation.
    pub(super) evaluation_ms: i64,
    pub(super) groups: Vec<Group>,
}

/// Series whose samples lie on a grid, and questions about them.
#[derive(Clone)]
pub(super) struct Group {
    pub(super) grid_ms: i64,
    pub(super) series: Vec<Series>,
    pub(super) questions: Vec<(String, i64)>,
    /// Expectations of `alert_rule_test`, which have to hold.
    pub(super) alerts: Vec<Value>,
}

impl Debug for Group {
    /// The questions; the samples would be pages.
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.questions).finish()
    }
}

/// The semantics of the installed promtool.
pub(super) fn semantics() -> Semantics {
    static SEMANTICS: LazyLock<Semantics> = LazyLock::new(|| {
        let told = Command::new("promtool")
            .arg("--version")
            .output()
            .expect("promtool is installed, with Prometheus");
        let told = [told.stdout, told.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        let version = told.split_whitespace().nth(2).unwrap_or_default();
        Semantics::of_version(version.trim_end_matches(','))
    });
    *SEMANTICS
}

/// The answers to all questions, file by file and group by group, from one run of promtool.
pub(super) fn ask(files: &[File]) -> Vec<Answer> {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new("promtool");
    command.args(["test", "rules"]).current_dir(&place);
    for (number, file) in files.iter().enumerate() {
        let (rules, tests) = (format!("rules{number}.yml"), format!("tests{number}.yml"));
        std::fs::write(place.path().join(&rules), &file.rules).unwrap();
        // JSON is YAML.
        std::fs::write(place.path().join(&tests), file.tests(&rules).to_string()).unwrap();
        command.arg(tests);
    }
    let output = command
        .output()
        .expect("promtool is installed, with Prometheus");
    let report = String::from_utf8(output.stderr).unwrap();
    let answers = answers(&report);
    let questions = files.iter().flat_map(|file| &file.groups);
    let questions: usize = questions.map(|group| group.questions.len()).sum();
    assert_eq!(answers.len(), questions, "{report}");
    answers
}

impl File {
    fn tests(&self, rules: &str) -> Value {
        let groups: Vec<_> = self.groups.iter().map(Group::test).collect();
        json!({
            "rule_files": [rules],
            "evaluation_interval": format!("{}ms", self.evaluation_ms),
            "tests": groups,
        })
    }
}

impl Group {
    fn test(&self) -> Value {
        let series = self.series.iter().map(|series| {
            json!({"series": selector(&series.labels), "values": self.values(&series.samples)})
        });
        let questions = self.questions.iter().map(|(expr, at_ms)| {
            let wrong = json!([{"labels": "no_such_series", "value": 0}]);
            json!({"expr": expr, "eval_time": format!("{at_ms}ms"), "exp_samples": wrong})
        });
        json!({
            "interval": format!("{}ms", self.grid_ms),
            "input_series": series.collect::<Vec<_>>(),
            "promql_expr_test": questions.collect::<Vec<_>>(),
            "alert_rule_test": self.alerts,
        })
    }

    /// The samples as promtool writes them, with `_` where the grid has none.
    fn values(&self, samples: &[Sample]) -> String {
        let mut values = Vec::new();
        let mut next_ms = 0;
        for sample in samples {
            assert!(sample.at_ms >= next_ms && sample.at_ms % self.grid_ms == 0);
            while next_ms < sample.at_ms {
                values.push("_".to_owned());
                next_ms += self.grid_ms;
            }
            values.push(match sample.value {
                None => "stale".into(),
                Some(value) if value.is_finite() => format!("{value:e}"),
                Some(value) => value.to_string(),
            });
            next_ms += self.grid_ms;
        }
        values.join(" ")
    }
}

fn selector(labels: &Labels) -> String {
    let pairs: Vec<_> = labels
        .iter()
        .filter(|(name, _)| *name != "__name__")
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{}{{{}}}", labels["__name__"], pairs.join(","))
}

fn answers(report: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for line in report.lines() {
        if let Some(got) = line.strip_prefix("        got: ") {
            answers.push(Ok(elements(got)));
        } else if line.starts_with("    expr: ") && !line.ends_with(',') {
            answers.push(Err(line.to_owned()));
        } else {
            let known = ["  FAILED:", "    expr: ", "        exp: "];
            let known = line.is_empty() || known.iter().any(|known| line.starts_with(known));
            assert!(known, "promtool says {line:?} in\n{report}");
        }
    }
    answers
}

/// Elements such as `{__name__="a", x="1"} 5E-01, {x="2"} NaN`.
fn elements(mut got: &str) -> BTreeMap<Labels, f64> {
    let mut elements = BTreeMap::new();
    while let Some(rest) = got.strip_prefix('{') {
        let (inside, rest) = rest.split_once('}').unwrap();
        let (value, rest) = rest.split_once(", ").unwrap_or((rest, ""));
        let labels = inside.split(", ").filter(|pair| !pair.is_empty());
        let labels = labels.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('"').to_owned())
        });
        elements.insert(labels.collect(), value.trim().parse().unwrap());
        got = rest;
    }
    assert!(got.is_empty() || got == "nil", "{got:?}");
    elements
}

/// How often a property is tried that asks promtool: a call costs a second, so that one case holds
/// many.
pub(super) fn once() -> ProptestConfig {
    ProptestConfig {
        cases: 1,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
