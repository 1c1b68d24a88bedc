//! Waiting for a state from which something can be proven.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use voteops_observability::alertmanager::RouteTiming;
use voteops_observability::prometheus::{AlertState, TargetHealth};
use voteops_observability::signals::single_value;

use super::forecast::Steady;
use super::rule::{QUEUE, Rule};
use super::{Error, Progress, Setup};

/// The average may be at most this share of the threshold,
const QUIET_SHARE: f64 = 0.05;
/// and the queue is drained when it is at most this share long.
const DRAINED_SHARE: f64 = 0.05;

/// A stack that is steady.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settled {
    pub(super) steady: Steady,
    /// The queue's length at which it counts as drained.
    pub(super) drained_level: f64,
    /// Whether Alertmanager has no group that the alert could fall into.
    pub(super) new_group: bool,
    /// The last notification so far.
    pub(super) sequence: u64,
}

/// Waits until the alert is inactive, the queue short and every target up; as long as an alert
/// that fires now may take to resolve.
pub(super) async fn wait(
    setup: &Setup,
    rule: &Rule,
    route: RouteTiming,
    progress: &mut impl FnMut(Progress),
) -> Result<Settled, Error> {
    let patience_s = 2.0 * rule.timing.window_s + rule.timing.for_s + route.group_interval_s;
    let deadline = Instant::now() + Duration::from_secs_f64(patience_s + 10.0);
    loop {
        let lacking = match look(setup, rule).await? {
            Ok(settled) => return Ok(settled),
            Err(lacking) => lacking,
        };
        if Instant::now() > deadline {
            return Err(Error::NotSteady(lacking));
        }
        progress(Progress::Settling(lacking));
        tokio::select! {
            () = sleep(Duration::from_millis(500)) => {}
            () = setup.cancel.cancelled() => return Err(Error::Interrupted),
        }
    }
}

/// Looks once: the settled state, or what it lacks.
async fn look(setup: &Setup, rule: &Rule) -> Result<Result<Settled, String>, Error> {
    let number = async |expr: &str| -> Result<Option<f64>, Error> {
        Ok(single_value(
            &setup.prometheus.query(expr, None).await?.data,
        ))
    };
    if let Some(lacking) = unhealthy(setup, rule).await? {
        return Ok(Err(lacking));
    }
    let Some(average) = number(&rule.subject).await? else {
        return Ok(Err(format!("{} has no value", rule.subject)));
    };
    let quiet = QUIET_SHARE * rule.threshold;
    if average > quiet {
        let subject = &rule.subject;
        return Ok(Err(format!(
            "{subject} is {average:.0}, and has to be at most {quiet:.0}"
        )));
    }
    // A window that is not full averages over the samples that are there, and crosses sooner
    // than any full one.
    let full = (rule.timing.window_s / rule.timing.scrape_s).floor();
    let samples = number(&format!("count_over_time({})", rule.range)).await?;
    if samples.is_none_or(|samples| samples < full) {
        return Ok(Err(format!(
            "{} has {:.0} of the {full:.0} samples that the average is over",
            rule.range,
            samples.unwrap_or(0.0)
        )));
    }
    let minute = voteops_observability::units::prometheus_duration(Duration::from_secs_f64(
        4.0 * rule.timing.scrape_s,
    ));
    let inflow = number(&format!("sum(rate(votes_accepted_total[{minute}]))")).await?;
    let current = number(&format!("max({QUEUE})")).await?.unwrap_or(0.0);
    let arrived = setup.receiver.after(0).await?;
    Ok(Ok(Settled {
        steady: Steady {
            length: average,
            inflow_per_s: inflow.unwrap_or(0.0),
        },
        drained_level: (DRAINED_SHARE * rule.threshold).max(current),
        new_group: setup.alertmanager.aggregation_groups().await? == Some(0),
        sequence: arrived.last().map_or(0, |received| received.sequence),
    }))
}

/// What is not as it has to be with rule, targets and Alertmanager.
async fn unhealthy(setup: &Setup, rule: &Rule) -> Result<Option<String>, Error> {
    let groups = setup.prometheus.rules().await?.data;
    let ours = groups
        .iter()
        .flat_map(|group| &group.rules)
        .find(|r| r.name == rule.name);
    match ours {
        Some(ours) if ours.state == AlertState::Inactive => {}
        Some(ours) => {
            let state = format!("{:?}", ours.state).to_lowercase();
            return Ok(Some(format!("{} is {state}", rule.name)));
        }
        None => return Ok(Some(format!("{} is not loaded any more", rule.name))),
    }
    let targets = setup.prometheus.targets().await?.data;
    if let Some(down) = targets
        .iter()
        .find(|target| target.health != TargetHealth::Up)
    {
        return Ok(Some(format!("target {} is not up", down.scrape_url)));
    }
    let held = setup.alertmanager.alerts().await?;
    let ours = held
        .iter()
        .find(|held| held.labels.get("alertname") == Some(&rule.name));
    Ok(ours.map(|held| match held.status.state.as_str() {
        "suppressed" => format!("Alertmanager suppresses {}; is it silenced?", rule.name),
        _ => format!("Alertmanager still holds {}", rule.name),
    }))
}
