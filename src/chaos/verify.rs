//! `voteops chaos verify`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use url::Url;
use voteops_chaos::abort::Watched;
use voteops_chaos::catalogue::{Entry, proving};
use voteops_chaos::faults::Plan;
use voteops_chaos::guardian::Launcher;
use voteops_chaos::report::Proof;
use voteops_chaos::verify::{Error, Progress, Report, Setup, verify};
use voteops_ledger::Ledger;
use voteops_local::StackFile;
use voteops_local::component::Kind;
use voteops_observability::prometheus::RuleKind;
use voteops_observability::webhook::ReceiverClient;

use super::limits::{self, Bounds};
use super::reports::Reports;
use super::timeline::{self, Timeline};
use super::{fault_failure, plan, state_dir, stop_on_signals, vote_apps};
use crate::args::{READS_PER_S, SafetyArgs, VerifyArgs};
use crate::failure::{CANNOT_ASK, NOT_UNDONE, USAGE};
use crate::runtime;
use crate::{Failure, sources};

pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    limits::confirm(&args.safety)?;
    let stack = super::stack(&args.stack)?;
    runtime::multi_thread()?.block_on(async {
        let cancel = stop_on_signals()?;
        let conditions = limits::watch(&args.safety, &stack).await?;
        let longest = limits::longest(&args.safety)?;
        let alerts = if args.all {
            every_alert(&stack).await?
        } else {
            args.alerts.clone()
        };
        let mut reports = Reports::open(&args.reports)?;
        let means = Means {
            safety: &args.safety,
            longest,
            conditions: conditions.as_ref(),
            cancel: &cancel,
        };
        let mut proofs = Vec::new();
        for alert in &alerts {
            let (begun_at, begun) = (Timestamp::now(), Instant::now());
            let outcome = prove(alert, args.fault, &stack, means, &mut reports).await;
            if let Err(failure) = outcome.as_ref()
                && alerts.len() > 1
            {
                eprintln!("voteops: {alert}: {failure}");
            }
            if let (Ok(report), false) = (&outcome, args.json) {
                print!("{}", timeline::table(report));
                println!("{}", if alerts.len() > 1 { "\n" } else { "" });
            }
            let (outcome, failure) = match outcome {
                Ok(report) => (Ok(report), None),
                Err(failure) => (Err(failure.to_string()), Some(failure)),
            };
            let proof = Proof {
                alert: alert.clone(),
                outcome,
                begun_at,
                took: begun.elapsed(),
            };
            reports.end(&proof);
            proofs.push(proof);
            if let (Some(failure), 1) = (failure, alerts.len()) {
                reports.write(&proofs)?;
                return Err(failure);
            }
            if cancel.is_cancelled() {
                break;
            }
        }
        reports.write(&proofs)?;
        conclude(&proofs, alerts.len(), args.json)
    })
}

/// The names of all alerts that the server has rules for, in their order.
async fn every_alert(stack: &StackFile) -> Result<Vec<String>, Failure> {
    let prometheus = sources::of_stack(stack)?.sources.prometheus;
    let groups = prometheus.rules().await;
    let groups = groups.map_err(|error| Failure::from(error).with_code(CANNOT_ASK))?;
    let rules = groups.data.into_iter().flat_map(|group| group.rules);
    let alerting = rules.filter(|rule| rule.kind == RuleKind::Alerting);
    Ok(alerting.map(|rule| rule.name).collect())
}

/// Why an alert that no fault is there for is not proven; most often its name is wrong.
async fn unproven(stack: &StackFile, alert: &str) -> Failure {
    let known = every_alert(stack).await.unwrap_or_default();
    let message = if known.iter().any(|name| name == alert) {
        format!("no fault is there for {alert}; name one that makes it fire with --fault")
    } else {
        let names = known.iter().map(String::as_str);
        let hint = voteops_observability::rules::nearest(alert, names).map_or_else(
            || format!("the server knows {}", known.join(", ")),
            |name| format!("did you mean {name}?"),
        );
        format!("no alert {alert}: {hint}")
    };
    Failure::new(USAGE, message)
}

/// What keeps every proof within bounds.
#[derive(Clone, Copy)]
struct Means<'a> {
    safety: &'a SafetyArgs,
    longest: Option<Duration>,
    conditions: Option<&'a Watched>,
    cancel: &'a CancellationToken,
}

/// Proves an alert by the fault that was named, or by the one that is there for it.
async fn prove(
    alert: &str,
    fault: Option<&'static Entry>,
    stack: &StackFile,
    means: Means<'_>,
    reports: &mut Reports,
) -> Result<Report, Failure> {
    let Some(fault) = fault.or_else(|| proving(alert)) else {
        return Err(unproven(stack, alert).await);
    };
    let plan = tokio::task::block_in_place(|| plan::usual(fault, stack))?;
    let there = plan::there(&plan, stack);
    limits::permit(
        means.safety,
        Bounds {
            targets: Some((plan.targets().len(), there)),
            ..Bounds::default()
        },
    )?;
    let setup = setup(alert, plan, stack, means)?;
    let mut timeline = Timeline::new(alert, fault.name, stack.time_scale);
    let shown = |progress: Progress| {
        reports.progress(alert, &progress);
        timeline.show(progress);
    };
    let outcome = verify(&setup, means.conditions, shown).await;
    timeline.finish();
    outcome.map_err(failure)
}

/// Tells of all proofs. One alert is one report, several are a list.
fn conclude(proofs: &[Proof], asked: usize, json: bool) -> Result<ExitCode, Failure> {
    let reports = proofs
        .iter()
        .filter_map(|proof| proof.outcome.as_ref().ok());
    let reports: Vec<_> = reports.collect();
    match (json, &reports[..]) {
        (true, [report]) if asked == 1 => println!("{}", serde_json::to_string_pretty(report)?),
        (true, reports) => println!("{}", serde_json::to_string_pretty(reports)?),
        (false, _) if asked > 1 => print!("{}", timeline::summary(proofs)),
        (false, _) => {}
    }
    if reports.iter().any(|report| !report.undone) {
        return Ok(ExitCode::from(NOT_UNDONE));
    }
    let proven = proofs.iter().filter(|proof| proof.is_proven()).count();
    Ok(ExitCode::from(u8::from(proven < asked)))
}

fn setup(alert: &str, plan: Plan, stack: &StackFile, means: Means<'_>) -> Result<Setup, Failure> {
    let lacking = |what: &str| Failure::new(CANNOT_ASK, format!("the stack has no {what}"));
    let found = sources::of_stack(stack)?;
    let webhook = stack
        .url(Kind::Webhook)
        .ok_or_else(|| lacking("webhook receiver"))?;
    let names: Vec<_> = plan.targets().iter().map(|target| &target.name).collect();
    let touched = stack
        .components
        .iter()
        .filter(|component| names.contains(&&component.name));
    let touched = touched.filter_map(|component| address(component.url.as_deref()?));
    Ok(Setup {
        alert: alert.to_owned(),
        is_shipped: true,
        prometheus: found.sources.prometheus,
        alertmanager: found
            .sources
            .alertmanager
            .ok_or_else(|| lacking("Alertmanager"))?,
        receiver: ReceiverClient::new(&webhook)?,
        vote_apps: vote_apps(stack),
        touched: touched.collect(),
        plan,
        reads_per_s: READS_PER_S,
        ledger: Ledger::connect(&stack.ledger_url)?,
        choices: super::CHOICES.map(str::to_owned).into(),
        state_dir: state_dir(&stack.data_dir),
        launcher: Launcher::this_program(),
        time_scale: stack.time_scale,
        longest: means.longest,
        cancel: means.cancel.clone(),
    })
}

/// `host:port` of an address.
fn address(url: &str) -> Option<String> {
    let url: Url = url.parse().ok()?;
    Some(format!(
        "{}:{}",
        url.host_str()?,
        url.port_or_known_default()?
    ))
}

fn failure(error: Error) -> Failure {
    match error {
        Error::UnknownAlert { .. }
        | Error::NotProvable { .. }
        | Error::OutOfReach { .. }
        | Error::TooLong { .. } => Failure::from(error).with_code(USAGE),
        Error::Fault(error) => fault_failure(error),
        other => Failure::from(other).with_code(CANNOT_ASK),
    }
}
