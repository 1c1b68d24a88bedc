//! `voteops chaos verify`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use voteops_chaos::abort::Watched;
use voteops_chaos::catalogue::{Entry, is_held_by_promtool_alone, proving};
use voteops_chaos::guardian::Launcher;
use voteops_chaos::report::Proof;
use voteops_chaos::verify::{Error, Manager, Progress, Report, Setup, Step, Verdict, verify};
use voteops_observability::marks::Fault;
use voteops_observability::prometheus::RuleKind;

use super::limits::{self, Bounds};
use super::marker::Marker;
use super::reports::Reports;
use super::site::{self, Means, Site};
use super::timeline::{self, Timeline};
use super::{fault_failure, stop_on_signals};
use crate::Failure;
use crate::args::{READS_PER_S, SafetyArgs, VerifyArgs};
use crate::failure::{CANNOT_ASK, NOT_UNDONE, USAGE};
use crate::runtime;

pub(super) fn run(args: &mut VerifyArgs) -> Result<ExitCode, Failure> {
    args.site.settle()?;
    let args = &*args;
    limits::confirm(&args.safety)?;
    site::require_named(args)?;
    let site = Site::find(args)?;
    runtime::multi_thread()?.block_on(async {
        let cancel = stop_on_signals()?;
        let conditions = limits::watch_at(&args.safety, &site.prometheus).await?;
        let limits = limits::read(&args.safety)?;
        let alerts = if args.all {
            every_alert(&site).await?
        } else {
            args.alerts.clone()
        };
        // A fault that was named is to be tried on whatever there is.
        let (held, alerts): (Vec<_>, Vec<_>) = alerts.into_iter().partition(|alert| {
            args.all && args.fault.is_none() && is_held_by_promtool_alone(alert)
        });
        if alerts.is_empty() {
            return Err(nothing_to_prove(&held));
        }
        let mut reports = Reports::open(&args.reports)?;
        let marker = Marker::begin(&args.safety, site.stack())?;
        let bounds = Within {
            safety: &args.safety,
            longest: limits.longest,
            highest_rate_per_s: limits.highest_rate,
            conditions: conditions.as_ref(),
            cancel: &cancel,
        };
        let mut proofs = Vec::new();
        let mut codes = Vec::new();
        for alert in &alerts {
            let (begun_at, begun) = (Timestamp::now(), Instant::now());
            let outcome = match bounds.stopped() {
                Some(reason) => Err(Failure::new(1, reason)),
                None => prove(alert, args.fault, &site, bounds, (&mut reports, &marker)).await,
            };
            if let (Ok(report), false) = (&outcome, args.json) {
                print!("{}", timeline::table(report));
                println!("{}", if alerts.len() > 1 { "\n" } else { "" });
            }
            codes.push(outcome.as_ref().map_or_else(Failure::code, code));
            let outcome = outcome.map_err(|failure| {
                let told = failure.to_string();
                eprintln!("voteops: {alert}: {told}");
                told
            });
            let proof = Proof {
                alert: alert.clone(),
                outcome,
                begun_at,
                took: begun.elapsed(),
            };
            reports.end(&proof);
            proofs.push(proof);
        }
        marker.finish().await;
        tell(&proofs, args.json)?;
        if !held.is_empty() {
            let told = format!(
                "held by promtool alone, no fault is there for: {}",
                held.join(", ")
            );
            if args.json {
                eprintln!("voteops: {told}");
            } else {
                println!("{told}");
            }
        }
        if let Err(failure) = reports.write(&proofs) {
            eprintln!("voteops: {failure}");
            codes.push(failure.code());
        }
        Ok(ExitCode::from(worst(&codes)))
    })
}

/// The exit code of a finding.
fn code(report: &Report) -> u8 {
    match report.verdict {
        _ if !report.undone => NOT_UNDONE,
        Verdict::Proven => 0,
        Verdict::Refuted | Verdict::Aborted => 1,
    }
}

/// The exit code of several: a fault that stays is the worst; what was found comes before what could
/// not be run.
fn worst(codes: &[u8]) -> u8 {
    let ranks = [NOT_UNDONE, 1, CANNOT_ASK, USAGE];
    ranks
        .into_iter()
        .find(|code| codes.contains(code))
        .unwrap_or(0)
}

/// The names of all alerts that the server has rules for, in their order.
async fn every_alert(site: &Site<'_>) -> Result<Vec<String>, Failure> {
    if let Manager::Grafana(grafana) = &site.manager {
        let rules = grafana.live().await;
        let rules = rules.map_err(|error| Failure::from(error).with_code(CANNOT_ASK))?;
        return Ok(rules.into_iter().map(|rule| rule.name).collect());
    }
    let groups = site.prometheus.rules().await;
    let groups = groups.map_err(|error| Failure::from(error).with_code(CANNOT_ASK))?;
    let rules = groups.data.into_iter().flat_map(|group| group.rules);
    let alerting = rules.filter(|rule| rule.kind == RuleKind::Alerting);
    let mut names: Vec<_> = alerting.map(|rule| rule.name).collect();
    if site.is_shipped {
        // One that the server lacks is not proven by leaving it out.
        let shipped = voteops_observability::rules::shipped()?.into_iter();
        let lacking: Vec<_> = shipped
            .map(|rule| rule.name)
            .filter(|name| !names.contains(name))
            .collect();
        names.extend(lacking);
    }
    Ok(names)
}

/// The server has no rule, or none that a fault is there for.
fn nothing_to_prove(held: &[String]) -> Failure {
    let told = if held.is_empty() {
        "the server has no alert rules; are its rule files where it looks for them?".to_owned()
    } else {
        let held = held.join(", ");
        format!("the server has no rule that a fault is there for; held by promtool alone: {held}")
    };
    Failure::new(CANNOT_ASK, format!("nothing to prove: {told}"))
}

/// Why an alert that no fault is there for is not proven; most often its name is wrong.
async fn unproven(site: &Site<'_>, alert: &str) -> Failure {
    let known = every_alert(site).await.unwrap_or_default();
    let message = if known.iter().any(|name| name == alert) {
        format!("no fault is there for {alert}; name one that makes it fire with --fault")
    } else {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        let hint = voteops_observability::rules::hint(alert, &known);
        format!("no alert {alert}: {hint}")
    };
    Failure::new(USAGE, message)
}

/// What keeps every proof within bounds.
#[derive(Clone, Copy)]
struct Within<'a> {
    safety: &'a SafetyArgs,
    longest: Option<Duration>,
    highest_rate_per_s: Option<f64>,
    conditions: Option<&'a Watched>,
    cancel: &'a CancellationToken,
}

impl Within<'_> {
    /// Why nothing more is to be begun, if nothing is.
    fn stopped(&self) -> Option<String> {
        let condition = self.conditions.and_then(Watched::reason);
        let interrupted = || {
            self.cancel
                .is_cancelled()
                .then(|| "interrupted before it was begun".into())
        };
        condition.or_else(interrupted)
    }
}

/// Proves an alert by the fault that was named, or by the one that is there for it.
async fn prove(
    alert: &str,
    fault: Option<&'static Entry>,
    site: &Site<'_>,
    within: Within<'_>,
    (reports, marker): (&mut Reports, &Marker),
) -> Result<Report, Failure> {
    let Some(fault) = fault.or_else(|| proving(alert)) else {
        return Err(unproven(site, alert).await);
    };
    let Means { planned, touched } = tokio::task::block_in_place(|| site.means(fault))?;
    let there = planned.there;
    limits::permit(
        within.safety,
        Bounds {
            targets: there.map(|there| (planned.plan.targets().len(), there)),
            ..Bounds::default()
        },
    )?;
    let setup = Setup {
        alert: alert.to_owned(),
        is_shipped: site.is_shipped,
        manager: site.manager.clone(),
        prometheus: site.prometheus.clone(),
        alertmanager: site.alertmanager.clone(),
        delivery: site.delivery.clone(),
        voting: site.voting()?,
        touched,
        plan: planned.plan,
        reads_per_s: READS_PER_S,
        state_dir: planned.ground.state_dir,
        launcher: Launcher::this_program(),
        time_scale: site.time_scale,
        longest: within.longest,
        highest_rate_per_s: within.highest_rate_per_s,
        cancel: within.cancel.clone(),
    };
    let mut timeline = Timeline::new(alert, fault.name, site.time_scale);
    let shown = |progress: Progress| {
        reports.progress(alert, &progress);
        mark(alert, marker, &progress);
        timeline.show(progress);
    };
    let outcome = verify(&setup, within.conditions, shown).await;
    timeline.finish();
    outcome.map_err(failure)
}

/// Marks the beginning and the end of the fault of a proof.
fn mark(alert: &str, marker: &Marker, progress: &Progress) {
    match progress {
        Progress::Injected { fault, targets, .. } => {
            let fault = Fault {
                name: (*fault).to_owned(),
                targets: targets.clone(),
                alert: Some(alert.to_owned()),
            };
            marker.begun(alert, fault, Timestamp::now());
        }
        Progress::Phase(phase) if phase.name == Step::Undone && phase.observed_s.is_some() => {
            marker.ended(alert, Timestamp::now());
        }
        _ => {}
    }
}

/// Tells of all proofs. One alert is one report, several are a list.
fn tell(proofs: &[Proof], json: bool) -> Result<(), Failure> {
    let reports = proofs
        .iter()
        .filter_map(|proof| proof.outcome.as_ref().ok());
    let reports: Vec<_> = reports.collect();
    match (json, &reports[..]) {
        (true, [report]) if proofs.len() == 1 => {
            println!("{}", serde_json::to_string_pretty(report)?);
        }
        (true, []) if proofs.len() == 1 => {}
        (true, reports) => println!("{}", serde_json::to_string_pretty(reports)?),
        (false, _) if proofs.len() > 1 => print!("{}", timeline::summary(proofs)),
        (false, _) => {}
    }
    Ok(())
}

fn failure(error: Error) -> Failure {
    match error {
        Error::UnknownAlert { .. }
        | Error::NotProvable { .. }
        | Error::Managed { .. }
        | Error::OutOfReach { .. }
        | Error::NoVoteApp { .. }
        | Error::Load(_)
        | Error::TooFast { .. }
        | Error::TooLong { .. } => Failure::from(error).with_code(USAGE),
        Error::Fault(error) => fault_failure(error),
        Error::Stopped(_) => Failure::from(error).with_code(1),
        other => Failure::from(other).with_code(CANNOT_ASK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_there_is_nothing_to_prove_is_no_success() {
        let none = nothing_to_prove(&[]);
        assert_eq!(none.code(), CANNOT_ASK);
        assert!(none.to_string().contains("no alert rules"), "{none}");
        let held = nothing_to_prove(&["Watchdog".to_owned()]).to_string();
        assert!(held.ends_with("held by promtool alone: Watchdog"), "{held}");
    }

    #[test]
    fn of_several_codes_the_worst_is_told() {
        for (codes, told) in [
            (&[][..], 0),
            (&[0, 0], 0),
            (&[0, USAGE], USAGE),
            (&[CANNOT_ASK, USAGE, 0], CANNOT_ASK),
            (&[CANNOT_ASK, 1], 1),
            (&[1, NOT_UNDONE, CANNOT_ASK], NOT_UNDONE),
        ] {
            assert_eq!(worst(codes), told, "{codes:?}");
        }
    }
}
