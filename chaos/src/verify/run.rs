//! From the rule to a fault in force.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Map;
use voteops_observability::alertmanager::RouteTiming;
use voteops_observability::replay::Window;

use super::again::{Attempt, proves_nothing};
use super::course::{Course, grace_s};
use super::effect::Effect;
use super::forecast::Load;
use super::report::Report;
use super::rule::{self, Rule};
use super::scene::Scene;
use super::settle::Settled;
use super::watch::Watch;
use super::{Error, Progress, Setup, flooding, forecast, settle};
use crate::abort::Watched;
use crate::catalogue::{COLD_CACHE, Entry};
use crate::experiment::Experiment;
use crate::faults::Injected;

/// How often the usual rates are measured before they are given up as unusual.
const STEADY_TRIES: usize = 10;
/// How often a fault is injected when the alert fires by itself each time.
const UNMOVED_TRIES: usize = 3;

/// Proves the alert, or finds out why that cannot be done. A stop condition that comes to hold ends
/// the run, as [`Setup::cancel`] does.
///
/// # Errors
/// [`Error`] when it could not be run; whatever was injected has been undone, or the error is
/// [`crate::Error::NotUndone`].
pub async fn verify(
    setup: &Setup,
    conditions: Option<&Watched>,
    mut progress: impl FnMut(Progress),
) -> Result<Report, Error> {
    let rule = rule::read(setup).await?;
    let fault = setup.plan.fault();
    if setup.is_shipped
        && let Some(deviation) = rule::deviation(&rule, setup.time_scale)
    {
        let reason = format!("rule: {deviation}");
        return Ok(Report::refuted_at_once(setup, fault, reason));
    }
    let experiment = Experiment::open(&setup.state_dir)?.until(setup.cancel.clone());
    let drive = forecast::load(&rule, fault);
    within_rate(setup, &rule, drive, fault)?;
    if setup.voting.is_none() && (drive.is_some() || *fault == COLD_CACHE) {
        return Err(Error::NoVoteApp {
            alert: rule.name.clone(),
            fault: fault.name,
        });
    }
    flooding::check(setup, fault, drive)?;
    let mut found = attempt(setup, &rule, &experiment, drive, conditions, &mut progress).await?;
    for _ in 1..UNMOVED_TRIES {
        if !proves_nothing(setup, &rule, &found).await {
            break;
        }
        let told = format!(
            "{} fired by itself as the fault began, which proves nothing",
            rule.name
        );
        progress(Progress::Settling(told));
        let again = attempt(setup, &rule, &experiment, drive, conditions, &mut progress).await;
        let is_last = again.is_err();
        found = found.or(again)?;
        if is_last {
            break;
        }
    }
    Ok(found.report)
}

/// Injects the fault once all is well, and follows the alert to its end.
async fn attempt(
    setup: &Setup,
    rule: &Rule,
    experiment: &Experiment,
    drive: Option<Load>,
    conditions: Option<&Watched>,
    progress: &mut impl FnMut(Progress),
) -> Result<Attempt, Error> {
    let fault = setup.plan.fault();
    let (route, delivery) = setup.manager.way(setup, rule).await?;
    let mut voting = match drive {
        Some(_) => None,
        None => flooding::witnesses(setup, fault),
    };
    let (settled, scene) = steady(setup, rule, route, conditions, progress).await?;
    let none = Map::new();
    let effect = Effect {
        fault,
        parameters: setup.plan.parameters().unwrap_or(&none),
        touched: &setup.touched,
        load: drive.unwrap_or_default(),
        inflow_per_s: settled.inflow_per_s,
        reads_per_s: setup.reads_per_s,
        filled: setup.plan.fills().unwrap_or(0.0),
        usual: &scene,
    };
    // Nothing is injected that would prove nothing.
    let out_of_reach = || Error::OutOfReach {
        alert: rule.name.clone(),
        fault: fault.name,
    };
    let now = Timestamp::now();
    let expected = forecast::rise(rule, &scene, effect, (now, now))?;
    let longest_s = longest_s(rule, route, expected.ok_or_else(out_of_reach)?.firing);

    let mut injected = inject(setup, conditions, rule, experiment, longest_s)?;
    let (onset, held) = injected.onset();
    let reading = flooding::readers(setup, fault);
    if let (Some(load), Some(voters)) = (drive, &setup.voting) {
        voting = Some(flooding::start(voters, load));
    }
    progress(Progress::Injected {
        fault: fault.name,
        targets: injected.record().target_names(),
        load: drive.map(|load| (load.rate_per_s, load.length_s)),
    });
    let rise = forecast::rise(rule, &scene, effect, (onset, held)).map_err(Error::from);
    let rise = match rise.and_then(|rise| rise.ok_or_else(out_of_reach)) {
        Ok(rise) => rise,
        Err(error) => {
            let report = tokio::task::block_in_place(|| injected.undo());
            report.into_result(injected.record())?;
            return Err(error);
        }
    };
    let course = Course {
        setup,
        conditions,
        rule,
        route,
        settled,
        drive,
        effect,
        watch: Watch {
            manager: &setup.manager,
            prometheus: &setup.prometheus,
            alertmanager: &setup.alertmanager,
            delivery,
            rule,
            onset,
            sequence: settled.sequence,
            last_active: Mutex::default(),
        },
        injected,
        voter_prefix: voting
            .as_ref()
            .map_or_else(String::new, |voting| format!("{}-", voting.plan.run_id)),
        flooding: voting,
        reading,
        flood: None,
        phases: Vec::new(),
        end: None,
        undone: false,
        undo_asked_s: 0.0,
    };
    let voted = course.flooding.is_some();
    let report = course.go(rise, progress).await?;
    Ok(Attempt { report, voted })
}

/// Waits for a state from which something can be proven, and reads it.
async fn steady(
    setup: &Setup,
    rule: &Rule,
    route: RouteTiming,
    conditions: Option<&Watched>,
    progress: &mut impl FnMut(Progress),
) -> Result<(Settled, Scene), Error> {
    for _ in 0..STEADY_TRIES {
        let begun = Timestamp::now();
        let settled = settle::wait(setup, rule, route, conditions, progress).await?;
        let now = Timestamp::now();
        let scene = Scene::read(&setup.prometheus, rule, now).await?;
        let scene = scene.usual_since(begun);
        if forecast::stays_inactive(rule, &scene, now)? {
            return Ok((settled, scene));
        }
    }
    Err(Error::NotSteady(format!(
        "by the rates that were measured, {} would fire without a fault",
        rule.name
    )))
}

/// Injects the fault, unless it may not last for as long as it may have to, or somebody or something
/// has ended the run by now.
fn inject(
    setup: &Setup,
    conditions: Option<&Watched>,
    rule: &Rule,
    experiment: &Experiment,
    longest_s: f64,
) -> Result<Injected, Error> {
    let longest = Duration::from_secs_f64(longest_s);
    if let Some(allowed) = setup.longest.filter(|allowed| longest > *allowed) {
        return Err(Error::TooLong {
            alert: rule.name.clone(),
            needs_s: longest_s,
            longest_s: allowed.as_secs_f64(),
        });
    }
    if setup.cancel.is_cancelled() {
        return Err(Error::Interrupted);
    }
    if let Some(reason) = conditions.and_then(Watched::reason) {
        return Err(Error::Stopped(reason));
    }
    let plan = setup.plan.clone();
    let inject = || plan.inject(experiment, longest, &setup.launcher);
    Ok(tokio::task::block_in_place(inject)?)
}

/// Refuses a load that is faster than any may be.
fn within_rate(
    setup: &Setup,
    rule: &Rule,
    drive: Option<Load>,
    fault: &Entry,
) -> Result<(), Error> {
    let reads_per_s = (*fault == COLD_CACHE).then_some(setup.reads_per_s);
    let needs_per_s = drive.map(|load| load.rate_per_s).or(reads_per_s);
    match (needs_per_s, setup.highest_rate_per_s) {
        (Some(needs_per_s), Some(highest_per_s)) if needs_per_s > highest_per_s => {
            Err(Error::TooFast {
                alert: rule.name.clone(),
                needs_per_s,
                highest_per_s,
            })
        }
        _ => Ok(()),
    }
}

/// The fault's hard limit: everything up to the notification with its grace, twice over.
fn longest_s(rule: &Rule, route: RouteTiming, firing: Window) -> f64 {
    let notified_s = firing.hi_s + rule.lag_s + route.group_wait_s.max(route.group_interval_s);
    2.0 * (notified_s + grace_s(rule)) + 30.0
}
