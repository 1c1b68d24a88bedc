//! Whether the rules that are shipped are in force, as they are shipped, and can be evaluated.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{Check, Finding, Place, Subject, not_asked};
use crate::prometheus::{Labels, Rule, RuleGroup, RuleKind};
use crate::promql;
use crate::rules::{RULE_FILES, nearest, scale};
use crate::units::{parse_duration, prometheus_duration};

/// Changed rules that are told one by one.
const MOST_TOLD: usize = 3;

/// A rule as it should be in force.
#[derive(Debug, Clone, PartialEq)]
struct Shipped {
    name: String,
    kind: RuleKind,
    expr: String,
    for_s: f64,
    keep_firing_for_s: f64,
    labels: Labels,
}

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    let prometheus = &subject.sources.prometheus;
    let groups = match subject.prometheus(prometheus.rules()).await {
        Ok(answer) => answer.data,
        Err(error) => return vec![not_asked(Check::Rules, "prometheus", &error)],
    };
    let shipped = if subject.voting {
        shipped(subject.time_scale)
    } else {
        Ok(Vec::new())
    };
    match shipped {
        Ok(shipped) => judge(&shipped, &groups, &subject.place),
        Err(reason) => vec![Finding::unknown(Check::Rules, reason)],
    }
}

/// The rules of the shipped files, with durations divided by the time scale.
fn shipped(time_scale: f64) -> Result<Vec<Shipped>, String> {
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
        record: Option<String>,
        expr: String,
        #[serde(rename = "for")]
        held_for: Option<String>,
        keep_firing_for: Option<String>,
        #[serde(default)]
        labels: Labels,
    }
    let seconds = |text: Option<String>| {
        let length = text.as_deref().map_or(Ok(Duration::ZERO), parse_duration)?;
        Ok::<f64, String>(length.as_secs_f64())
    };
    let mut shipped = Vec::new();
    for file in RULE_FILES {
        let text = scale(file.name, file.text, time_scale).map_err(|error| error.to_string())?;
        let file: File = serde_norway::from_str(&text).map_err(|error| error.to_string())?;
        for rule in file.groups.into_iter().flat_map(|group| group.rules) {
            let kind = match rule.alert {
                Some(_) => RuleKind::Alerting,
                None => RuleKind::Recording,
            };
            shipped.push(Shipped {
                name: rule.alert.or(rule.record).unwrap_or_default(),
                kind,
                expr: rule.expr,
                for_s: seconds(rule.held_for)?,
                keep_firing_for_s: seconds(rule.keep_firing_for)?,
                labels: rule.labels,
            });
        }
    }
    Ok(shipped)
}

fn judge(shipped: &[Shipped], groups: &[RuleGroup], place: &Place) -> Vec<Finding> {
    let loaded: Vec<&Rule> = groups.iter().flat_map(|group| &group.rules).collect();
    let is_shipped = |rule: &&&Rule| shipped.iter().any(|known| is_same(known, rule));
    let (known, others): (Vec<&Rule>, Vec<&Rule>) =
        loaded.iter().partition(|rule| is_shipped(rule));
    let mut findings: Vec<_> = missing(shipped, &known, &others, place)
        .into_iter()
        .collect();
    // Several rules may have one name, as recording rules of one series with different labels do.
    let mut taken = vec![false; known.len()];
    let changes = shipped
        .iter()
        .filter_map(|rule| Some((&*rule.name, changed(rule, &known, &mut taken)?)))
        .collect::<Vec<_>>();
    findings.extend(told_changes(&changes, place));
    for rule in &loaded {
        findings.extend(unhealthy(rule, place));
    }
    if findings.is_empty() {
        findings.push(well(shipped, &loaded, &others));
    }
    findings
}

fn well(shipped: &[Shipped], loaded: &[&Rule], others: &[&Rule]) -> Finding {
    if loaded.is_empty() {
        return Finding::warning(
            Check::Rules,
            "Prometheus has no rules, so nothing alerts",
            "name rule files under rule_files in its configuration",
        );
    }
    let count = loaded.len();
    if shipped.is_empty() {
        return Finding::ok(Check::Rules, format!("all {count} can be evaluated"));
    }
    let found = format!("all {} are in force as they are shipped", shipped.len());
    if others.is_empty() {
        return Finding::ok(Check::Rules, found);
    }
    let names: Vec<_> = others.iter().map(|rule| rule.name.as_str()).collect();
    Finding::ok(Check::Rules, format!("{found}; also: {}", names.join(", ")))
}

fn is_same(shipped: &Shipped, rule: &Rule) -> bool {
    (shipped.kind, &shipped.name) == (rule.kind, &rule.name)
}

/// The rules that are not in force at all.
fn missing(
    shipped: &[Shipped],
    known: &[&Rule],
    others: &[&Rule],
    place: &Place,
) -> Option<Finding> {
    let absent = shipped
        .iter()
        .filter(|rule| !known.iter().any(|known| is_same(rule, known)));
    let mut names: Vec<_> = absent.map(|rule| rule.name.as_str()).collect();
    let all = names.len() == shipped.len();
    // Of a recorded rule there is one for each objective.
    names.dedup();
    let first = names.first()?;
    let renamed = nearest(first, others.iter().map(|rule| rule.name.as_str()));
    let renamed = renamed.map_or_else(String::new, |like| format!(" ({like} is there instead)"));
    let found = if all {
        format!("none of the {} shipped rules is in force", shipped.len())
    } else {
        format!("not in force: {}{renamed}", names.join(", "))
    };
    Some(Finding::failed(
        Check::Rules,
        found,
        format!(
            "put the files of observability/prometheus/rules where rule_files points, {}, then {}",
            place.check_configuration("prometheus"),
            place.reload("prometheus")
        ),
    ))
}

/// How a rule differs from the one that is shipped, if it does.
fn changed(shipped: &Shipped, known: &[&Rule], taken: &mut [bool]) -> Option<String> {
    let mut difference = None;
    for (rule, taken) in known.iter().zip(taken) {
        if *taken || !is_same(shipped, rule) {
            continue;
        }
        match differs(shipped, rule) {
            None => {
                *taken = true;
                return None;
            }
            Some(told) => difference = difference.or(Some(told)),
        }
    }
    difference
}

/// Tells each change, or of many the first: they have one cause.
fn told_changes(changes: &[(&str, String)], place: &Place) -> Vec<Finding> {
    let reload = place.reload("prometheus");
    if changes.len() > MOST_TOLD {
        let names: Vec<_> = changes.iter().map(|(name, _)| *name).collect();
        let (first, difference) = &changes[0];
        return vec![Finding::warning(
            Check::Rules,
            format!(
                "not as they are shipped: {}; of {first}, {difference}",
                names.join(", ")
            ),
            format!(
                "put the shipped files back, then {reload}; a stack with a --time-scale is found by \
                 `voteops doctor` without --prometheus"
            ),
        )];
    }
    let told = changes.iter().map(|(name, difference)| {
        Finding::warning(
            Check::Rules,
            format!("{name} is not as it is shipped: {difference}"),
            format!("if nobody meant that, put the shipped rule back, then {reload}"),
        )
    });
    told.collect()
}

fn differs(shipped: &Shipped, rule: &Rule) -> Option<String> {
    // Both as the parser writes them, so that only what they mean counts.
    let (is, was) = (promql::normal(&rule.query), promql::normal(&shipped.expr));
    if is != was {
        let threshold = |expr: &str| Some(promql::condition(expr).ok()??.threshold);
        return Some(match (threshold(&rule.query), threshold(&shipped.expr)) {
            (Some(is), Some(was)) if is.total_cmp(&was).is_ne() => {
                format!("its threshold is {is}, shipped is {was}")
            }
            _ => format!("its expression is {}", rule.query),
        });
    }
    for (what, is, was) in [
        ("for", rule.for_s, shipped.for_s),
        (
            "keep_firing_for",
            rule.keep_firing_for_s,
            shipped.keep_firing_for_s,
        ),
    ] {
        // Rules of a scaled stack are written to the millisecond.
        if (is - was).abs() > 0.001 {
            let (is, was) = (told(is), told(was));
            return Some(format!("its `{what}` is {is}, shipped is {was}"));
        }
    }
    let names: BTreeMap<_, _> = shipped.labels.iter().chain(&rule.labels).collect();
    let other = names
        .keys()
        .find(|name| rule.labels.get(**name) != shipped.labels.get(**name))?;
    let of = |labels: &Labels| {
        labels
            .get(*other)
            .cloned()
            .unwrap_or_else(|| "absent".into())
    };
    let (is, was) = (of(&rule.labels), of(&shipped.labels));
    Some(format!("its label {other} is {is}, shipped is {was}"))
}

fn told(seconds: f64) -> String {
    prometheus_duration(Duration::from_secs_f64(seconds.clamp(0.0, 1e9)))
}

/// A rule that cannot be evaluated.
fn unhealthy(rule: &Rule, place: &Place) -> Option<Finding> {
    let error = rule.last_error.as_deref().filter(|error| !error.is_empty());
    if rule.health != "err" && error.is_none() {
        return None;
    }
    let (name, error) = (&rule.name, error.unwrap_or("no reason given"));
    Some(Finding::failed(
        Check::Rules,
        format!("{name} cannot be evaluated: {error}"),
        format!(
            "mend its expression or what it reads, then {}",
            place.reload("prometheus")
        ),
    ))
}

#[cfg(test)]
mod tests;
