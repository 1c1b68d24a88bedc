//! The alert rules that the project ships. The files in `observability/prometheus/rules` are
//! the only place where an alert's expression, threshold and duration are written; everything
//! else reads them from here or from the server.

use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;
use serde_norway::Value;

use crate::logql;
use crate::prometheus::Labels;
use crate::promql::{self, Condition};
use crate::units;

/// A rule file: its name and its text.
#[derive(Debug, Clone, Copy)]
pub struct RuleFile {
    /// The name below `rules/`.
    pub name: &'static str,
    /// The YAML text, to the letter.
    pub text: &'static str,
}

/// Every rule file that the project ships.
pub const RULE_FILES: [RuleFile; 6] = [
    RuleFile {
        name: "vote_app.yml",
        text: include_str!("../prometheus/rules/vote_app.yml"),
    },
    RuleFile {
        name: "redis.yml",
        text: include_str!("../prometheus/rules/redis.yml"),
    },
    RuleFile {
        name: "worker.yml",
        text: include_str!("../prometheus/rules/worker.yml"),
    },
    RuleFile {
        name: "slo.yml",
        text: include_str!("../prometheus/rules/slo.yml"),
    },
    RuleFile {
        name: "sli.yml",
        text: include_str!("../prometheus/rules/sli.yml"),
    },
    RuleFile {
        name: "meta.yml",
        text: include_str!("../prometheus/rules/meta.yml"),
    },
];

/// The rule file of Loki's ruler, whose expressions are LogQL.
pub const LOKI_RULES: RuleFile = RuleFile {
    name: "logs.yml",
    text: include_str!("../loki/rules/fake/logs.yml"),
};

/// Where the project's runbooks are read, one file `ALERT.md` for each alert.
pub const RUNBOOKS_URL: &str = "https://github.com/voteops/voteops/blob/main/docs/runbooks/";

/// The severity of alerts that always fire, so that it shows when they stop: nothing is wrong while
/// they do.
const HEARTBEAT: &str = "none";

/// Whether an alert with these labels is a heartbeat.
#[must_use]
pub fn is_heartbeat(labels: &Labels) -> bool {
    labels.get("severity").is_some_and(|is| is == HEARTBEAT)
}

/// Where an alert's runbook is: what its annotations say, or else the project's own for an alert that
/// it ships. The monitoring plan's alert has no such annotation, and keeps its words.
#[must_use]
pub fn runbook(alert: &str, annotations: &Labels) -> Option<String> {
    // The console asks for each frame.
    static SHIPPED: LazyLock<Vec<String>> = LazyLock::new(|| {
        let shipped = shipped().unwrap_or_default().into_iter();
        shipped.map(|rule| rule.name).collect()
    });
    let own = || {
        let is_shipped = SHIPPED.iter().any(|name| name == alert);
        is_shipped.then(|| format!("{RUNBOOKS_URL}{alert}.md"))
    };
    annotations.get("runbook_url").cloned().or_else(own)
}

/// Why a rule file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not a rule file.
    #[error("rule file {file}: {reason}")]
    Yaml {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A rule of it cannot be read.
    #[error("rule {rule} in {file}: {reason}")]
    Rule {
        /// The file's name.
        file: String,
        /// The rule's name.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// An alert rule as it is written in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRule {
    /// The alert's name.
    pub name: String,
    /// The expression, to the letter.
    pub expr: String,
    /// How long the condition has to hold.
    pub held_for: Duration,
    /// The comparison that decides, if the expression has one.
    pub condition: Option<Condition>,
    /// The rule's own labels.
    pub labels: Labels,
    /// Its annotations, as templates.
    pub annotations: Labels,
}

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<FileRule>,
}

#[derive(Deserialize)]
struct FileRule {
    alert: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    held_for: Option<String>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Labels,
}

/// Reads the alert rules of one of Prometheus's files.
///
/// # Errors
/// [`RuleError`] naming the file and the rule.
pub fn parse(file: &str, text: &str) -> Result<Vec<AlertRule>, RuleError> {
    parse_by(file, text, promql::condition)
}

/// The alert rules that Loki evaluates. What they compare is not read: their expressions are LogQL.
///
/// # Errors
/// [`RuleError`]; the project's tests hold that the shipped file is readable.
pub fn shipped_for_loki() -> Result<Vec<AlertRule>, RuleError> {
    parse_by(LOKI_RULES.name, LOKI_RULES.text, |_| Ok(None))
}

fn parse_by(
    file: &str,
    text: &str,
    condition: impl Fn(&str) -> Result<Option<Condition>, String>,
) -> Result<Vec<AlertRule>, RuleError> {
    let parsed: File = serde_norway::from_str(text).map_err(|error| RuleError::Yaml {
        file: file.into(),
        reason: error.to_string(),
    })?;
    parsed
        .groups
        .into_iter()
        .flat_map(|group| group.rules)
        .filter_map(|rule| rule.alert.clone().map(|name| (name, rule)))
        .map(|(name, rule)| {
            alert_rule(&name, rule, &condition).map_err(|reason| RuleError::Rule {
                file: file.into(),
                rule: name,
                reason,
            })
        })
        .collect()
}

fn alert_rule(
    name: &str,
    rule: FileRule,
    condition: impl Fn(&str) -> Result<Option<Condition>, String>,
) -> Result<AlertRule, String> {
    let held_for = rule
        .held_for
        .as_deref()
        .map_or(Ok(Duration::ZERO), units::parse_duration)?;
    Ok(AlertRule {
        name: name.to_owned(),
        condition: condition(&rule.expr)?,
        expr: rule.expr,
        held_for,
        labels: rule.labels,
        annotations: rule.annotations,
    })
}

/// Every alert rule that the project ships for Prometheus, in the order of the files.
///
/// # Errors
/// [`RuleError`]; the project's tests hold that the shipped files are readable.
pub fn shipped() -> Result<Vec<AlertRule>, RuleError> {
    let files = RULE_FILES.iter().map(|file| parse(file.name, file.text));
    Ok(files.collect::<Result<Vec<_>, _>>()?.concat())
}

/// The text of one of Prometheus's rule files with every duration divided by `time_scale`: ranges and offsets in
/// expressions, `for`, `keep_firing_for` and the groups' intervals. Thresholds stay. A scale of
/// 1 gives the text back to the letter.
///
/// # Errors
/// [`RuleError`] naming the file and the rule.
pub fn scale(file: &str, text: &str, time_scale: f64) -> Result<String, RuleError> {
    scale_by(file, text, time_scale, promql::scale)
}

/// The same of a rule file for Loki.
///
/// # Errors
/// [`RuleError`] naming the file and the rule.
pub fn scale_for_loki(file: &str, text: &str, time_scale: f64) -> Result<String, RuleError> {
    scale_by(file, text, time_scale, logql::scale)
}

/// Divides the durations of an expression.
type Scale = fn(&str, f64) -> Result<String, String>;

fn scale_by(file: &str, text: &str, time_scale: f64, scale: Scale) -> Result<String, RuleError> {
    #[expect(clippy::float_cmp, reason = "exactly 1 is the unscaled stack")]
    if time_scale == 1.0 {
        return Ok(text.to_owned());
    }
    let yaml = |reason: String| RuleError::Yaml {
        file: file.into(),
        reason,
    };
    let mut root: Value = serde_norway::from_str(text).map_err(|error| yaml(error.to_string()))?;
    for group in items(root.get_mut("groups")) {
        scale_field(group, "interval", time_scale).map_err(yaml)?;
        for rule in items(group.get_mut("rules")) {
            scale_rule(rule, time_scale, scale).map_err(|reason| RuleError::Rule {
                file: file.into(),
                rule: ["alert", "record"]
                    .iter()
                    .find_map(|key| rule.get(key)?.as_str())
                    .unwrap_or("(unnamed)")
                    .into(),
                reason,
            })?;
        }
    }
    serde_norway::to_string(&root).map_err(|error| yaml(error.to_string()))
}

/// The items of a sequence; none when there is none.
pub(crate) fn items(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_sequence_mut).into_iter().flatten()
}

fn scale_rule(rule: &mut Value, time_scale: f64, scale: Scale) -> Result<(), String> {
    if let Some(expr) = rule.get_mut("expr")
        && let Some(text) = expr.as_str()
    {
        *expr = Value::String(scale(text, time_scale)?);
    }
    scale_field(rule, "for", time_scale)?;
    scale_field(rule, "keep_firing_for", time_scale)
}

/// Divides the duration in `key` of a mapping, where there is one.
pub(crate) fn scale_field(map: &mut Value, key: &str, time_scale: f64) -> Result<(), String> {
    if let Some(field) = map.get_mut(key)
        && let Some(text) = field.as_str()
    {
        *field = Value::String(units::scale_duration(text, time_scale)?);
    }
    Ok(())
}

/// What may be meant by an alert that a server does not have, or which it has.
#[must_use]
pub fn hint(alert: &str, known: &[&str]) -> String {
    match nearest(alert, known.iter().copied()) {
        Some(name) => format!("did you mean {name}?"),
        None if known.is_empty() => "the server has no alert rules".to_owned(),
        None => format!("the server knows {}", known.join(", ")),
    }
}

/// The name in `known` that is nearest to `given`, if any is near enough to be a slip.
#[must_use]
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| {
            (
                strsim::jaro_winkler(&given.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_alert_is_kept_to_the_letter() {
        let rules = shipped().unwrap();
        let seed = rules
            .iter()
            .find(|rule| rule.name == "CriticalVoteQueueBacklog")
            .unwrap();
        assert_eq!(seed.expr, "avg_over_time(redis_queue_length[5m]) > 1000");
        assert_eq!(seed.held_for, Duration::from_mins(5));
        assert_eq!(
            seed.labels,
            Labels::from([("severity".into(), "critical".into())])
        );
        let annotations = [
            (
                "summary",
                "Antrean voting Redis memiliki > 1000 item selama 5 menit.",
            ),
            (
                "description",
                "Worker mungkin macet atau tidak berjalan cukup cepat untuk memproses voting.",
            ),
        ];
        assert_eq!(
            seed.annotations,
            annotations
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect()
        );
    }

    #[test]
    fn scaled_files_differ_in_durations_only() {
        for file in RULE_FILES {
            assert_eq!(scale(file.name, file.text, 1.0).unwrap(), file.text);
            let before = parse(file.name, file.text).unwrap();
            let after = parse(file.name, &scale(file.name, file.text, 30.0).unwrap()).unwrap();
            assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(&after) {
                assert_eq!(units::scaled(before.held_for, 30.0), after.held_for);
                assert_eq!(promql::scale(&before.expr, 30.0).unwrap(), after.expr);
                assert_eq!(
                    before
                        .condition
                        .as_ref()
                        .map(|c| (c.comparison, c.threshold)),
                    after
                        .condition
                        .as_ref()
                        .map(|c| (c.comparison, c.threshold)),
                );
                assert_eq!(before.annotations, after.annotations);
            }
        }
    }

    #[test]
    fn every_shipped_alert_has_a_readable_threshold_and_unique_name() {
        let rules = shipped().unwrap();
        let mut names: Vec<_> = rules.iter().map(|rule| &rule.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), rules.len());
        for rule in rules.iter().filter(|rule| !is_heartbeat(&rule.labels)) {
            assert!(
                rule.condition.is_some(),
                "{} has no comparison with a number",
                rule.name
            );
        }
    }

    #[test]
    fn every_alert_says_how_bad_it_is_of_what_and_where_to_read_on() {
        let dashboards = [
            "voteops-overview",
            "voteops-vote-app",
            "voteops-redis",
            "voteops-worker",
            "voteops-slo",
            "voteops-logs",
        ];
        let all = [shipped().unwrap(), shipped_for_loki().unwrap()].concat();
        for rule in &all {
            let name = &rule.name;
            let annotation = |key: &str| rule.annotations.get(key).map_or("", String::as_str);
            assert!(!annotation("summary").is_empty(), "{name}");
            assert!(!annotation("description").is_empty(), "{name}");
            let severity = rule.labels.get("severity").map(String::as_str);
            let known = [Some("critical"), Some("warning"), Some("none")];
            assert!(known.contains(&severity), "{name}");
            assert_eq!(severity == Some("none"), name == "Watchdog", "{name}");
            let url = format!("{RUNBOOKS_URL}{name}.md");
            if name == "CriticalVoteQueueBacklog" {
                assert_eq!(runbook(name, &rule.annotations), Some(url));
                continue;
            }
            assert!(rule.labels.contains_key("component"), "{name}");
            assert_eq!(annotation("runbook_url"), url);
            let dashboard = annotation("dashboard_url").strip_prefix("http://localhost:3000/d/");
            assert!(dashboards.map(Some).contains(&dashboard), "{name}");
        }
        assert!(RUNBOOKS_URL.starts_with(env!("CARGO_PKG_REPOSITORY")));
        assert_eq!(runbook("Another", &Labels::new()), None);
        let theirs = Labels::from([("runbook_url".into(), "http://theirs".into())]);
        assert_eq!(runbook("Another", &theirs).unwrap(), "http://theirs");
    }

    /// The names of recording rules with their expressions.
    fn recorded(text: &str) -> Vec<(String, String)> {
        let mut root: Value = serde_norway::from_str(text).unwrap();
        let mut all = Vec::new();
        for group in items(root.get_mut("groups")) {
            for rule in items(group.get_mut("rules")) {
                let told = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
                all.push((told("record"), told("expr")));
            }
        }
        all
    }

    #[test]
    fn recording_rules_scale_and_keep_the_windows_in_their_names() {
        let file = RULE_FILES
            .into_iter()
            .find(|f| f.name == "sli.yml")
            .unwrap();
        let scaled = scale(file.name, file.text, 30.0).unwrap();
        let (before, after) = (recorded(file.text), recorded(&scaled));
        assert_eq!(before.len(), after.len());
        for ((name, expr), (scaled_name, scaled_expr)) in before.iter().zip(&after) {
            assert_eq!(name, scaled_name);
            assert_eq!(&promql::scale(expr, 30.0).unwrap(), scaled_expr);
        }
        assert!(
            scaled.contains("interval: 4s") && scaled.contains("[1d]"),
            "{scaled}"
        );
    }

    #[test]
    fn lokis_rules_scale_too() {
        let file = LOKI_RULES;
        assert_eq!(
            scale_for_loki(file.name, file.text, 1.0).unwrap(),
            file.text
        );
        let scaled = scale_for_loki(file.name, file.text, 30.0).unwrap();
        let root: Value = serde_norway::from_str(&scaled).unwrap();
        let group = &root["groups"][0];
        assert_eq!(group["interval"].as_str(), Some("2s"));
        assert_eq!(group["rules"][0]["for"].as_str(), Some("4s"));
        let expr = group["rules"][0]["expr"].as_str().unwrap();
        assert!(expr.contains("[10s]") && !expr.contains("[5m]"), "{expr}");
    }

    #[test]
    fn a_broken_rule_is_named() {
        let text = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'x >', for: 1m}\n";
        let error = scale("mine.yml", text, 2.0).unwrap_err().to_string();
        assert!(error.starts_with("rule A in mine.yml: "), "{error}");
        let error = scale("mine.yml", &text.replace("alert", "record"), 2.0);
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("rule A in mine.yml: "), "{error}");
    }

    #[test]
    fn a_slip_finds_its_name() {
        let known = ["CriticalVoteQueueBacklog", "WorkerDown", "RedisDown"];
        assert_eq!(
            nearest("criticalvotequeuebaklog", known),
            Some("CriticalVoteQueueBacklog")
        );
        assert_eq!(nearest("zzz", known), None);
        assert_eq!(hint("zzz", &["A", "B"]), "the server knows A, B");
        assert_eq!(hint("zzz", &[]), "the server has no alert rules");
    }
}
