//! Waiting for a state from which something can be proven.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use voteops_observability::alertmanager::{Alertmanager, RouteTiming};
use voteops_observability::prometheus::{Prometheus, Target, TargetHealth};
use voteops_observability::promql;
use voteops_observability::rules::is_heartbeat;
use voteops_observability::signals::single_value;
use voteops_observability::units::{parse_duration, prometheus_duration};
use voteops_observability::webhook::Received;

use super::outages::is_touched;
use super::rule::{QUEUE, Rule};
use super::{Delivery, Error, Progress, Setup};
use crate::abort::{Watched, tripped};

/// An average may be at most this share of the threshold that it is to cross,
const QUIET_SHARE: f64 = 0.05;
/// and the queue is drained when it is at most this share long.
const DRAINED_SHARE: f64 = 0.05;
/// Scrapes over which the usual rates are measured before anything is done.
const MEASURED_SCRAPES: f64 = 8.0;

/// The votes that are taken.
const ACCEPTED: &str = "votes_accepted_total";
/// For how long after its last sample a series tells which job it is of.
const LATELY: &str = "1h";

/// For how long after an alert has fired Alertmanager may have a group for it, in seconds. Prometheus
/// tells of a resolved alert for 15 minutes (`resolvedRetention` in rules/alerting.go), which makes
/// the group anew each time, and Alertmanager keeps an empty one for up to 30 s
/// (`Dispatcher.run` in dispatch/dispatch.go).
const REGROUPED_S: f64 = 15.0 * 60.0 + 30.0;

/// A stack that is steady.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settled {
    /// How fast others vote, votes a second.
    pub(super) inflow_per_s: f64,
    /// The queue's length at which it counts as drained.
    pub(super) drained_level: f64,
    /// The longest time between two scrapes, in seconds.
    pub(super) scrape_s: f64,
    /// Whether Alertmanager has no group that the alert could fall into.
    pub(super) new_group: bool,
    /// The last notification so far.
    pub(super) sequence: u64,
}

/// Waits until the alert is inactive, the queue short and every target up, and the usual rates can
/// be measured; as long as an alert that fires now may take to resolve.
pub(super) async fn wait(
    setup: &Setup,
    rule: &Rule,
    route: RouteTiming,
    conditions: Option<&Watched>,
    progress: &mut impl FnMut(Progress),
) -> Result<Settled, Error> {
    let patience_s = 2.0 * rule.range_s + rule.for_s + rule.keep_firing_for_s;
    let patience_s = patience_s + 2.0 * route.group_interval_s + 30.0;
    let concern = Concern::of(setup, rule).await?;
    let scrape_s = scrape_s(&setup.prometheus, &concern).await?;
    let begun = Instant::now();
    let measured = begun + Duration::from_secs_f64(MEASURED_SCRAPES * scrape_s);
    let deadline = measured + Duration::from_secs_f64(patience_s);
    loop {
        let lacking = match look(setup, rule, route, (scrape_s, &concern)).await {
            Ok(Ok(settled)) if Instant::now() >= measured => return Ok(settled),
            Ok(Ok(_)) => "the usual rates are being measured".to_owned(),
            Ok(Err(lacking)) => lacking,
            // One answer that does not come is no reason to give up.
            Err(Error::Backend(error)) => error.to_string(),
            Err(error) => return Err(error),
        };
        if Instant::now() > deadline {
            return Err(Error::NotSteady(lacking));
        }
        progress(Progress::Settling(lacking));
        tokio::select! {
            () = sleep(Duration::from_millis(500)) => {}
            () = setup.cancel.cancelled() => return Err(Error::Interrupted),
            reason = tripped(conditions) => return Err(Error::Stopped(reason)),
        }
    }
}

/// Which targets matter: where a stack is of this project, all of them; elsewhere those of the jobs that the rule and this
/// proof read, and those that the fault touches. The others may be down, and scraped once an hour.
enum Concern {
    All,
    Jobs(BTreeSet<String>),
}

impl Concern {
    async fn of(setup: &Setup, rule: &Rule) -> Result<Self, Error> {
        if setup.is_shipped {
            return Ok(Self::All);
        }
        let mut jobs = BTreeSet::new();
        let read = promql::selectors(&rule.expr).unwrap_or_default();
        let read = read.iter().map(ToString::to_string);
        let own = [QUEUE, ACCEPTED].map(str::to_owned);
        for selector in read.chain(own) {
            // A target that is down shows none of its series any more.
            let lately = format!("group by (job) (last_over_time({selector}[{LATELY}]))");
            let found = setup.prometheus.query(&lately, None).await?.data;
            jobs.extend(
                found
                    .into_iter()
                    .filter_map(|mut it| it.labels.remove("job")),
            );
        }
        for target in setup.prometheus.targets().await?.data {
            let is_touched = is_touched(&setup.touched, &target.scrape_url);
            let job = target.labels.get("job").filter(|_| is_touched);
            jobs.extend(job.cloned());
        }
        Ok(if jobs.is_empty() {
            Self::All
        } else {
            Self::Jobs(jobs)
        })
    }

    fn is_of(&self, target: &Target) -> bool {
        match self {
            Self::All => true,
            Self::Jobs(jobs) => target
                .labels
                .get("job")
                .is_some_and(|job| jobs.contains(job)),
        }
    }
}

/// The longest time between two scrapes of a target that matters.
async fn scrape_s(prometheus: &Prometheus, concern: &Concern) -> Result<f64, Error> {
    let targets = prometheus.targets().await?.data;
    let targets = targets.iter().filter(|target| concern.is_of(target));
    let intervals = targets.filter_map(|target| {
        let interval = parse_duration(&target.scrape_interval).ok()?;
        Some(interval.as_secs_f64())
    });
    intervals
        .max_by(f64::total_cmp)
        .ok_or_else(|| Error::NotSteady("Prometheus has no targets".into()))
}

/// Looks once: the settled state, or what it lacks.
async fn look(
    setup: &Setup,
    rule: &Rule,
    route: RouteTiming,
    (scrape_s, concern): (f64, &Concern),
) -> Result<Result<Settled, String>, Error> {
    let number = async |expr: &str| -> Result<Option<f64>, Error> {
        let answer = setup.prometheus.query(expr, None).await?;
        Ok(single_value(&answer.data))
    };
    if let Some(lacking) = unhealthy(setup, rule, concern).await? {
        return Ok(Err(lacking));
    }
    let mut drained_level = number(&format!("max({QUEUE})")).await?.unwrap_or(0.0);
    if let (Some((_, _, threshold)), Some(condition)) = (rule.rising_average(), &rule.condition) {
        let subject = &condition.subject;
        let quiet = QUIET_SHARE * threshold;
        let Some(average) = number(subject).await? else {
            return Ok(Err(format!("{subject} has no value")));
        };
        if average > quiet {
            return Ok(Err(format!(
                "{subject} is {average:.0}, and has to be at most {quiet:.0}"
            )));
        }
        drained_level = drained_level.max(DRAINED_SHARE * threshold);
    }
    let seconds = |seconds| prometheus_duration(Duration::from_secs_f64(seconds));
    let recently = seconds(4.0 * scrape_s);
    let inflow = number(&format!("sum(rate({ACCEPTED}[{recently}]))")).await?;
    // What Grafana grouped lately is not told by anybody.
    let new_group = rule.in_grafana.is_none() && {
        let lately = seconds(2.0 * route.group_interval_s + route.group_wait_s + REGROUPED_S);
        let fired = format!("count_over_time({}[{lately}])", rule.alerts("firing"));
        let fired = !setup.prometheus.query(&fired, None).await?.data.is_empty();
        is_alone(&setup.alertmanager).await? || route.by_alertname && !fired
    };
    let arrived = match &setup.delivery {
        Delivery::Receiver(receiver) => receiver.after(0).await?,
        Delivery::Alertmanager => Vec::new(),
    };
    let is_told = matches!(setup.delivery, Delivery::Receiver(_));
    if rule.in_grafana.is_none() && is_told && !is_told_over(rule, &arrived) {
        // A group that fires again before it has told of the end has nothing new to tell.
        let flushed = seconds(route.group_interval_s + 2.0 * rule.evaluation_s);
        let fired = format!("count_over_time({}[{flushed}])", rule.alerts("firing"));
        if !setup.prometheus.query(&fired, None).await?.data.is_empty() {
            let told = format!("Alertmanager has yet to tell that {} is over", rule.name);
            return Ok(Err(told));
        }
    }
    Ok(Ok(Settled {
        inflow_per_s: inflow.unwrap_or(0.0),
        drained_level,
        scrape_s,
        new_group,
        sequence: arrived.last().map_or(0, |received| received.sequence),
    }))
}

/// Whether the last notification of the alert says that all of it is over.
pub(super) fn is_told_over(rule: &Rule, arrived: &[Received]) -> bool {
    let newest_first = arrived.iter().rev();
    let mut told = newest_first.filter_map(|it| {
        let alerts = it.notification.alerts.iter();
        let mut ours = alerts.filter(|alert| rule.is_of(&alert.labels)).peekable();
        ours.peek()?;
        Some(ours.all(|alert| alert.status == "resolved"))
    });
    told.next().unwrap_or(false)
}

/// Whether Alertmanager has no groups but those of heartbeats, which are there all the time.
async fn is_alone(alertmanager: &Alertmanager) -> Result<bool, Error> {
    let Some(groups) = alertmanager.aggregation_groups().await? else {
        return Ok(false);
    };
    let held = alertmanager.alerts().await?;
    let heartbeats = held.iter().filter(|held| is_heartbeat(&held.labels));
    let names: BTreeSet<_> = heartbeats
        .map(|held| held.labels.get("alertname"))
        .collect();
    Ok(usize::try_from(groups).is_ok_and(|groups| groups <= names.len()))
}

/// What is not as it has to be with rule, targets and Alertmanager.
async fn unhealthy(setup: &Setup, rule: &Rule, concern: &Concern) -> Result<Option<String>, Error> {
    if let Some(unrest) = setup.manager.unrest(setup, rule).await? {
        return Ok(Some(unrest));
    }
    let targets = setup.prometheus.targets().await?.data;
    let mut concerned = targets.iter().filter(|target| concern.is_of(target));
    if let Some(down) = concerned.find(|target| target.health != TargetHealth::Up) {
        return Ok(Some(format!("target {} is not up", down.scrape_url)));
    }
    let held = setup.alertmanager.alerts().await?;
    let ours = held.iter().find(|held| rule.is_of(&held.labels));
    Ok(ours.map(|held| match held.status.state.as_str() {
        "suppressed" => format!("Alertmanager suppresses {}; is it silenced?", rule.name),
        _ => format!("Alertmanager still holds {}", rule.name),
    }))
}
