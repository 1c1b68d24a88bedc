//! `voteops chaos run` and `check`: experiments from files.

mod faults;
mod files;
mod reports;
mod view;

use std::cell::RefCell;
use std::process::ExitCode;
use std::time::Instant;

use jiff::Timestamp;
use voteops_chaos::abort::{Conditions, Watched};
use voteops_chaos::catalogue::COLD_CACHE;
use voteops_chaos::experiments::format::{Act, FaultStep};
use voteops_chaos::experiments::tell::Finding;
use voteops_chaos::experiments::{self, Error, Polls, Progress, Report, Script, Setup, Verdict};
use voteops_chaos::guardian::Launcher;
use voteops_ledger::Ledger;
use voteops_local::StackFile;
use voteops_observability::marks::Fault;
use voteops_observability::prometheus::Prometheus;

use super::limits::{self, Bounds};
use super::marker::Marker;
use super::{fault_failure, plan, state_dir, stop_on_signals, vote_apps};
use crate::args::{CheckFilesArgs, READS_PER_S, RunArgs};
use crate::failure::{CANNOT_ASK, NOT_UNDONE, USAGE};
use crate::{Failure, runtime, sources};
use reports::Reports;
use view::Timeline;

/// Checks files.
pub(super) fn check(args: &CheckFilesArgs) -> Result<ExitCode, Failure> {
    files::check(args)
}

/// Runs the experiment of a file.
pub(super) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let Some(script) = files::sound(&args.file)? else {
        return Ok(ExitCode::from(USAGE));
    };
    let stack = super::stack(&args.stack)?;
    let scaled = script.scaled(stack.time_scale);
    let script = scaled.map_err(|reason| Failure::new(USAGE, reason))?;
    if stack.time_scale > 1.0 {
        let scale = stack.time_scale;
        eprintln!(
            "voteops: this stack's time is scaled: the times of the file are divided by {scale}"
        );
    }
    if args.dry_run {
        return tell(&script, &stack);
    }
    limits::confirm(&args.safety)?;
    permit(args, &script, &stack)?;
    let mut reports = Reports::open(&args.reports)?;
    let (begun_at, begun) = (Timestamp::now(), Instant::now());
    let outcome = runtime::multi_thread()?.block_on(carry_out(args, &script, &stack, &mut reports));
    let code = outcome.as_ref().map_or_else(Failure::code, code);
    let finding = Finding {
        title: script.title.clone(),
        file: args.file.display().to_string(),
        outcome: outcome.map_err(|failure| failure.to_string()),
        begun_at,
        took: begun.elapsed(),
    };
    match &finding.outcome {
        Ok(report) if args.json => println!("{}", serde_json::to_string_pretty(report)?),
        Ok(report) => print!("{}", view::table(report)),
        Err(reason) => eprintln!("voteops: {}: {reason}", finding.file),
    }
    let written = reports.write(&finding);
    if let Err(failure) = &written {
        eprintln!("voteops: {failure}");
    }
    // What was found comes before what could not be written.
    let unwritten = written.map_or_else(|failure| failure.code(), |()| 0);
    Ok(ExitCode::from(if code == 0 { unwritten } else { code }))
}

/// The exit code of a finding.
fn code(report: &Report) -> u8 {
    match report.verdict {
        _ if !report.undone => NOT_UNDONE,
        Verdict::Met => 0,
        Verdict::Deviated | Verdict::Aborted => 1,
    }
}

async fn carry_out(
    args: &RunArgs,
    script: &Script,
    stack: &StackFile,
    reports: &mut Reports,
) -> Result<Report, Failure> {
    let cancel = stop_on_signals()?;
    let prometheus = sources::of_stack(stack)?.sources.prometheus;
    let conditions = watch(args, script, stack).await?;
    let plan = |step: &FaultStep| faults::plan(step, stack).map_err(|failure| failure.to_string());
    let setup = Setup {
        prometheus,
        polls: Polls {
            vote_apps: vote_apps(stack),
            choices: super::CHOICES.map(str::to_owned).into(),
        },
        ledger: Ledger::connect(&stack.ledger_url)?,
        state_dir: state_dir(&stack.data_dir),
        launcher: Launcher::this_program(),
        time_scale: stack.time_scale,
        reads_per_s: READS_PER_S,
        plan: &plan,
        cancel,
    };
    let marker = Marker::begin(&args.safety, Some(stack))?;
    let shown = RefCell::new((Timeline::new(script), reports));
    let progress = |progress: Progress| {
        let (timeline, reports) = &mut *shown.borrow_mut();
        reports.progress(&progress);
        timeline.show(&progress);
        mark(&marker, &progress);
    };
    let outcome = experiments::run(script, &setup, conditions.as_ref(), &progress).await;
    shown.borrow().0.finish();
    marker.finish().await;
    outcome.map_err(failure)
}

/// Marks the beginning and the end of each fault.
fn mark(marker: &Marker, progress: &Progress) {
    match progress {
        Progress::Step(taken) => {
            if let Some(fault) = &taken.fault {
                let fault = Fault {
                    name: fault.clone(),
                    targets: taken.targets.join(", "),
                    alert: None,
                };
                marker.begun(&taken.step.to_string(), fault, Timestamp::now());
            }
        }
        Progress::StepOver(taken) if taken.fault.is_some() && taken.undone => {
            marker.ended(&taken.step.to_string(), Timestamp::now());
        }
        _ => {}
    }
}

/// Begins to check the stop conditions of the file and of the command line.
async fn watch(
    args: &RunArgs,
    script: &Script,
    stack: &StackFile,
) -> Result<Option<Watched>, Failure> {
    let own = sources::of_stack(stack)?.sources.prometheus;
    let named = args.safety.abort_prometheus.as_ref().map(Prometheus::new);
    let named = named.transpose()?.unwrap_or_else(|| own.clone());
    let typed = Conditions::new(&named, args.safety.abort_if.clone());
    let conditions = Conditions::new(&own, script.abort.clone()).and(typed);
    let watched = conditions.watch().await;
    watched.map_err(|error| Failure::from(error).with_code(CANNOT_ASK))
}

/// Refuses steps that the configuration does not allow, or that cannot be planned.
fn permit(args: &RunArgs, script: &Script, stack: &StackFile) -> Result<(), Failure> {
    for step in script.steps() {
        let mut bounds = Bounds {
            length: Some(step.longest()),
            ..Bounds::default()
        };
        match &step.act {
            Act::Fault { fault, .. } => {
                let planned =
                    faults::plan(fault, stack).map_err(|failure| named(step.number, &failure))?;
                let there = plan::there(&planned, stack)?;
                bounds.targets = there.map(|there| (planned.targets().len(), there));
                bounds.rate_per_s =
                    (*fault.fault == COLD_CACHE).then(|| fault.reads_per_s.unwrap_or(READS_PER_S));
            }
            Act::Load(load) => bounds.rate_per_s = Some(load.highest_per_s()),
            Act::Wait(_) | Act::Until(_) => continue,
        }
        limits::permit(&args.safety, bounds).map_err(|failure| named(step.number, &failure))?;
    }
    Ok(())
}

/// The failure of a step, by its number.
fn named(step: usize, failure: &Failure) -> Failure {
    Failure::new(failure.code(), format!("step {step}: {failure}"))
}

/// Tells what would be done.
fn tell(script: &Script, stack: &StackFile) -> Result<ExitCode, Failure> {
    println!("{}", script.title);
    for stage in &script.method {
        for step in &stage.steps {
            let together = if stage.steps.len() > 1 {
                ", with others"
            } else {
                ""
            };
            println!("  step {}{together}: {step}", step.number);
            if let Act::Fault { fault, .. } = &step.act {
                let planned =
                    faults::plan(fault, stack).map_err(|failure| named(step.number, &failure))?;
                for line in planned.steps() {
                    println!("    {line}");
                }
                println!("    undone: {}", fault.fault.undone);
            }
        }
    }
    println!("voteops: this was a dry run; nothing was touched");
    Ok(ExitCode::SUCCESS)
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Fault(error) => fault_failure(error),
        Error::Load { .. } => Failure::from(error).with_code(USAGE),
        _ => Failure::from(error).with_code(CANNOT_ASK),
    }
}
