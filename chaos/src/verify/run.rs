//! From the rule to a fault in force.

use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::alertmanager::RouteTiming;
use voteops_observability::prediction::Window;

use super::course::{Course, grace_s};
use super::report::Report;
use super::rule::{self, Rule};
use super::watch::Watch;
use super::{Error, Progress, Setup, flooding, forecast, settle};
use crate::catalogue::STALL_WORKER;
use crate::experiment::Experiment;
use crate::faults::stall::Stall;

/// Proves the alert, or finds out why that cannot be done.
///
/// # Errors
/// [`Error`] when it could not be run; whatever was injected has been undone, or the error is
/// [`crate::Error::NotUndone`].
pub async fn verify(setup: &Setup, mut progress: impl FnMut(Progress)) -> Result<Report, Error> {
    let rule = rule::read(&setup.prometheus, &setup.alert).await?;
    let experiment = Experiment::open(&setup.state_dir)?;
    let route = setup.alertmanager.route_timing().await?;
    let settled = settle::wait(setup, &rule, route, &mut progress).await?;
    let load = forecast::load(&rule);
    let rise = forecast::rise(&rule, load, settled.steady).ok_or_else(|| Error::OutOfReach {
        alert: rule.name.clone(),
        threshold: rule.threshold,
    })?;

    let longest_s = longest_s(&rule, route, rise.firing);
    let plan = Stall::plan(&STALL_WORKER, setup.workers.clone())?;
    let injected = plan.inject(
        &experiment,
        Duration::from_secs_f64(longest_s),
        &setup.launcher,
    )?;
    let onset = Timestamp::now();
    let flooding = flooding::start(setup, load);
    progress(Progress::Injected {
        workers: setup
            .workers
            .iter()
            .map(|worker| worker.name.clone())
            .collect(),
        rate_per_s: load.rate_per_s,
        length_s: load.length_s,
    });
    let course = Course {
        setup,
        rule: &rule,
        route,
        settled,
        load,
        watch: Watch {
            prometheus: &setup.prometheus,
            receiver: &setup.receiver,
            rule: &rule,
            onset,
            sequence: settled.sequence,
        },
        injected,
        voter_prefix: format!("{}-", flooding.plan.run_id),
        flooding: Some(flooding),
        flood: None,
        phases: Vec::new(),
        end: None,
        undone: false,
    };
    course.go(rise.pending, rise.firing, &mut progress).await
}

/// The fault's hard limit: everything up to the notification with its grace, twice over.
fn longest_s(rule: &Rule, route: RouteTiming, firing: Window) -> f64 {
    let notified_s = firing.hi_s + route.group_wait_s.max(route.group_interval_s);
    2.0 * (notified_s + grace_s(rule)) + 30.0
}
