//! The rule that is to be proven, as the server evaluates it.

use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::prometheus::{AlertState, Labels, Prometheus, RuleKind};
use voteops_observability::promql::{self, Comparison, Condition};
use voteops_observability::replay::eval::Query;
use voteops_observability::rules::{self, hint};
use voteops_observability::units::scaled;

use super::manager::{self, InGrafana, Manager};
use super::{Error, Setup};

/// The length of the queue of votes.
pub(super) const QUEUE: &str = "redis_queue_length";

/// A rule and the clock that evaluates it.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) expr: String,
    pub(super) for_s: f64,
    pub(super) keep_firing_for_s: f64,
    /// Between two evaluations.
    pub(super) evaluation_s: f64,
    /// When it was last evaluated: at the time that the evaluation is of, or a little later.
    pub(super) evaluated_at: Timestamp,
    /// A time that an evaluation is of, when one is known: its alerts' samples bear it.
    pub(super) slot: Option<Timestamp>,
    /// The longest range that it looks back over, in seconds.
    pub(super) range_s: f64,
    /// What it compares with which number, if it does.
    pub(super) condition: Option<Condition>,
    /// How much later than the time that it is of an evaluation may be run, in seconds.
    pub(super) lag_s: f64,
    /// For how long an alert may go on after its series is gone, in seconds.
    pub(super) missing_s: f64,
    /// Where it is, when Grafana manages it.
    pub(super) in_grafana: Option<InGrafana>,
}

/// What is read of a rule, whoever manages it.
pub(super) struct Read {
    pub(super) name: String,
    pub(super) expr: String,
    pub(super) condition: Option<Condition>,
    pub(super) for_s: f64,
    pub(super) keep_firing_for_s: f64,
    pub(super) evaluation_s: f64,
    pub(super) evaluated_at: Timestamp,
    pub(super) slot: Option<Timestamp>,
    pub(super) lag_s: f64,
    pub(super) missing_s: f64,
    pub(super) in_grafana: Option<InGrafana>,
}

impl Rule {
    /// Whether an alert with these labels is one of it. Rules of the same name may be Prometheus's and Grafana's, and
    /// Grafana's alone have a folder.
    pub(super) fn is_of(&self, labels: &Labels) -> bool {
        let folder = self.in_grafana.as_ref().map(|own| &own.folder);
        labels.get("alertname") == Some(&self.name) && labels.get("grafana_folder") == folder
    }

    /// The selector of its alerts in a state, `pending` or `firing`.
    pub(super) fn alerts(&self, state: &str) -> String {
        let name = self.name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("ALERTS{{alertname=\"{name}\",alertstate=\"{state}\"}}")
    }

    /// What an average is taken of, over which time and against which threshold, for a rule that
    /// fires when it rises.
    pub(super) fn rising_average(&self) -> Option<(&str, Duration, f64)> {
        let condition = self.condition.as_ref()?;
        let (selector, window) = condition.average.as_ref()?;
        let rises = matches!(
            condition.comparison,
            Comparison::Above | Comparison::AtLeast
        );
        rises.then_some((selector, *window, condition.threshold))
    }
}

/// Reads the rule from whoever manages it, with the clocks that decide when it fires.
pub(super) async fn read(setup: &Setup) -> Result<Rule, Error> {
    match &setup.manager {
        Manager::Prometheus => of_prometheus(&setup.prometheus, &setup.alert).await,
        Manager::Grafana(grafana) => manager::read(grafana, &setup.alert).await,
    }
}

/// The rule, if it can be replayed.
pub(super) fn of(read: Read) -> Result<Rule, Error> {
    let query = Query::parse(&read.expr).map_err(|error| Error::NotProvable {
        alert: read.name.clone(),
        expr: read.expr.clone(),
        reason: error.to_string(),
    })?;
    let ranges_ms = query.ranges_ms().iter().max().copied().unwrap_or(0);
    Ok(Rule {
        name: read.name,
        expr: read.expr,
        for_s: read.for_s,
        keep_firing_for_s: read.keep_firing_for_s,
        evaluation_s: read.evaluation_s,
        evaluated_at: read.evaluated_at,
        slot: read.slot,
        range_s: Duration::from_millis(u64::try_from(ranges_ms).unwrap_or(0)).as_secs_f64(),
        condition: read.condition,
        lag_s: read.lag_s,
        missing_s: read.missing_s,
        in_grafana: read.in_grafana,
    })
}

async fn of_prometheus(prometheus: &Prometheus, alert: &str) -> Result<Rule, Error> {
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
            hint: hint(alert, &names),
        });
    };
    let evaluated_at = rule
        .last_evaluation
        .ok_or_else(|| Error::NotSteady(format!("{alert} has not been evaluated yet")))?;
    let names = group.rules.iter().map(|rule| rule.name.as_str());
    let slot = slot(prometheus, names).await?;
    of(Read {
        name: rule.name.clone(),
        expr: rule.query.clone(),
        for_s: rule.for_s,
        keep_firing_for_s: rule.keep_firing_for_s,
        evaluation_s: group.interval_s,
        evaluated_at,
        slot,
        condition: promql::condition(&rule.query).ok().flatten(),
        lag_s: 0.0,
        missing_s: 0.0,
        in_grafana: None,
    })
}

/// What Prometheus's rule is, when it is not inactive.
pub(super) async fn unrest(prometheus: &Prometheus, rule: &Rule) -> Result<Option<String>, Error> {
    let groups = prometheus.rules().await?.data;
    let mut rules = groups.iter().flat_map(|group| &group.rules);
    let ours = rules.find(|other| other.name == rule.name);
    Ok(match ours {
        Some(ours) if ours.state == AlertState::Inactive => None,
        Some(ours) => {
            let state = format!("{:?}", ours.state).to_lowercase();
            Some(format!("{} is {state}", rule.name))
        }
        None => Some(format!("{} is not loaded any more", rule.name)),
    })
}

/// The time of an evaluation of a group, by the samples of its alerts, if any was active lately. All
/// rules of a group are evaluated at the same times, which are whole intervals apart.
async fn slot<'n>(
    prometheus: &Prometheus,
    names: impl Iterator<Item = &'n str>,
) -> Result<Option<Timestamp>, Error> {
    let is_plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let names: Vec<_> = names.filter(is_plain).collect();
    let selector = format!("ALERTS{{alertname=~\"{}\"}}[1h]", names.join("|"));
    let series = prometheus.query(&selector, None).await?.data;
    let samples = series.iter().filter_map(|series| series.samples.last());
    let newest = samples.map(|sample| sample.at_s).max_by(f64::total_cmp);
    let newest = newest.map(super::forecast::millis);
    Ok(newest.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
}

/// How the rule differs from the one of the same name that the project ships, fitted to a stack
/// whose durations are divided by `time_scale`; `None` when it does not, or none of that name is
/// shipped.
pub(super) fn deviation(rule: &Rule, time_scale: f64) -> Option<String> {
    let shipped = rules::shipped().ok()?;
    let shipped = shipped
        .into_iter()
        .find(|shipped| shipped.name == rule.name)?;
    let expr = promql::scale(&shipped.expr, time_scale).ok()?;
    // Both as the parser writes them, so that only what they mean counts.
    let (expr, found) = (
        promql::normal(&expr).ok()?,
        promql::normal(&rule.expr).ok()?,
    );
    if expr != found {
        return Some(format!(
            "its expression is {found}, and is shipped as {expr}"
        ));
    }
    let for_s = scaled(shipped.held_for, time_scale).as_secs_f64();
    ((for_s - rule.for_s).abs() > 0.001)
        .then(|| format!("its `for` is {} s, and is shipped as {for_s} s", rule.for_s))
}
