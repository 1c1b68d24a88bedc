//! The rule that is to be proven, as the server evaluates it.

use voteops_observability::prediction::Timing;
use voteops_observability::prometheus::{Prometheus, RuleKind};
use voteops_observability::promql::{self, Comparison};
use voteops_observability::rules::nearest;
use voteops_observability::units::{parse_duration, prometheus_duration};

use super::Error;

/// The series whose average the provable rule watches.
pub(super) const QUEUE: &str = "redis_queue_length";

/// A rule of the shape `avg_over_time(redis_queue_length[W]) > T`.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    /// The left side of the comparison.
    pub(super) subject: String,
    /// What is averaged: a selector with its range.
    pub(super) range: String,
    pub(super) threshold: f64,
    pub(super) timing: Timing,
}

/// Reads the rule from the server, with the clocks that decide when it fires.
pub(super) async fn read(prometheus: &Prometheus, alert: &str) -> Result<Rule, Error> {
    let groups = prometheus.rules().await?.data;
    let rules = || {
        groups
            .iter()
            .flat_map(|group| group.rules.iter().map(move |r| (group, r)))
    };
    let alerting = || rules().filter(|(_, rule)| rule.kind == RuleKind::Alerting);
    let Some((group, rule)) = alerting().find(|(_, rule)| rule.name == alert) else {
        let names: Vec<_> = alerting().map(|(_, rule)| rule.name.as_str()).collect();
        return Err(Error::UnknownAlert {
            alert: alert.into(),
            hint: nearest(alert, names.iter().copied()).map_or_else(
                || format!("the server knows {}", names.join(", ")),
                |name| format!("did you mean {name}?"),
            ),
        });
    };
    let condition = promql::condition(&rule.query).ok().flatten();
    let average = condition.and_then(|condition| {
        let (selector, window) = condition.average.clone()?;
        let range = format!("{selector}[{}]", prometheus_duration(window));
        let rises = matches!(
            condition.comparison,
            Comparison::Above | Comparison::AtLeast
        );
        (rises && selector.starts_with(QUEUE)).then_some((condition, range, window))
    });
    let Some((condition, range, window)) = average else {
        return Err(Error::NotProvable {
            alert: alert.into(),
            expr: rule.query.clone(),
        });
    };
    Ok(Rule {
        name: rule.name.clone(),
        subject: condition.subject,
        range,
        threshold: condition.threshold,
        timing: Timing {
            scrape_s: scrape_interval_s(prometheus).await?,
            evaluation_s: group.interval_s,
            window_s: window.as_secs_f64(),
            for_s: rule.for_s,
        },
    })
}

/// The interval at which the queue is measured: that of the exporter's job.
async fn scrape_interval_s(prometheus: &Prometheus) -> Result<f64, Error> {
    let samples = prometheus.query(QUEUE, None).await?.data;
    let job = samples
        .first()
        .and_then(|series| series.labels.get("job"))
        .ok_or_else(|| {
            Error::NotSteady(format!(
                "Prometheus has no {QUEUE}; is the exporter scraped?"
            ))
        })?;
    let targets = prometheus.targets().await?.data;
    let target = targets
        .iter()
        .find(|target| target.labels.get("job") == Some(job));
    let interval = target.and_then(|target| parse_duration(&target.scrape_interval).ok());
    interval
        .map(|interval| interval.as_secs_f64())
        .ok_or_else(|| {
            Error::NotSteady(format!(
                "Prometheus does not tell the scrape interval of job {job}"
            ))
        })
}
