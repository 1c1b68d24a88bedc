//! The groups of alert rules, with what Grafana has to know of them.

use std::time::Duration;

use serde::Deserialize;

use super::ProvisionError;
use crate::prometheus::Labels;
use crate::promql;
use crate::rules::{self, RULE_FILES};
use crate::units;

/// A group of rules that are evaluated together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    /// Between two evaluations; without one, Prometheus's own interval holds.
    pub(super) interval: Option<Duration>,
    /// Its alert rules: recording rules are left to Prometheus.
    pub(super) rules: Vec<Rule>,
}

/// An alert rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) expr: String,
    pub(super) held_for: Duration,
    pub(super) keep_firing_for: Duration,
    pub(super) labels: Labels,
    pub(super) annotations: Labels,
}

impl Rule {
    /// Whether it fires always, since it reads no series.
    pub(super) fn is_heartbeat(&self) -> bool {
        promql::selectors(&self.expr).is_ok_and(|read| read.is_empty())
    }
}

#[derive(Deserialize)]
struct FileText {
    groups: Vec<GroupText>,
}

#[derive(Deserialize)]
struct GroupText {
    name: String,
    interval: Option<String>,
    rules: Vec<RuleText>,
}

#[derive(Deserialize)]
struct RuleText {
    alert: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    held_for: Option<String>,
    keep_firing_for: Option<String>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Labels,
}

/// Every group that has alert rules, in the order of the files, durations divided by `time_scale`.
pub(super) fn shipped(time_scale: f64) -> Result<Vec<Group>, ProvisionError> {
    let mut groups = Vec::new();
    for file in RULE_FILES {
        let text = rules::scale(file.name, file.text, time_scale)?;
        groups.extend(parse(&text).map_err(|reason| ProvisionError::Rules {
            file: file.name.to_owned(),
            reason,
        })?);
    }
    Ok(groups)
}

fn parse(text: &str) -> Result<Vec<Group>, String> {
    let file: FileText = serde_norway::from_str(text).map_err(|error| error.to_string())?;
    let mut groups = Vec::new();
    for group in file.groups {
        let rules = group.rules.into_iter().filter_map(rule);
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        if !rules.is_empty() {
            groups.push(Group {
                name: group.name,
                interval: group
                    .interval
                    .as_deref()
                    .map(units::parse_duration)
                    .transpose()?,
                rules,
            });
        }
    }
    Ok(groups)
}

fn rule(text: RuleText) -> Option<Result<Rule, String>> {
    let name = text.alert?;
    let duration = |given: Option<String>| {
        let given = given.as_deref().map(units::parse_duration);
        given.transpose().map(Option::unwrap_or_default)
    };
    let read = || {
        Ok(Rule {
            name,
            expr: text.expr,
            held_for: duration(text.held_for)?,
            keep_firing_for: duration(text.keep_firing_for)?,
            labels: text.labels,
            annotations: text.annotations,
        })
    };
    Some(read())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recording_rules_are_left_to_prometheus() {
        let text = "groups:\n- name: a\n  interval: 1m\n  rules:\n  - {record: x, expr: y}\n  \
                    - {alert: A, expr: y > 1, keep_firing_for: 2m}\n- name: b\n  rules: [{record: x, expr: y}]\n";
        let groups = parse(text).unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].interval, Some(Duration::from_mins(1)));
        assert_eq!(groups[0].rules.len(), 1);
        let rule = &groups[0].rules[0];
        assert_eq!(
            (rule.held_for, rule.keep_firing_for),
            (Duration::ZERO, Duration::from_mins(2))
        );
        assert!(!rule.is_heartbeat());
        let always = "groups: [{name: a, rules: [{alert: A, expr: vector(1)}]}]";
        assert!(parse(always).unwrap()[0].rules[0].is_heartbeat());
    }
}
