//! `voteops chaos stall-worker`, `stall-redis` and `mute-traffic`: processes that hang for a while.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use voteops_chaos::catalogue::{Entry, STALL_WORKER};
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::stall::Stall;
use voteops_chaos::faults::{Hold, Injected};
use voteops_chaos::guardian::Launcher;
use voteops_chaos::record::Target;
use voteops_local::StackFile;
use voteops_local::component::Kind;

use super::{fault_failure, running, state_dir, stop_on_signals, told_length};
use crate::Failure;
use crate::args::{CourseArgs, HangArgs, StallArgs};
use crate::failure::{NOT_UNDONE, USAGE};
use crate::runtime;

/// How much longer than asked for the guardian waits before it undoes the fault itself.
const GRACE: Duration = Duration::from_secs(5);
/// How often the targets are looked at while the fault holds.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Stalls workers.
pub(super) fn workers(args: &StallArgs) -> Result<ExitCode, Failure> {
    let stack = super::stack(&args.stack)?;
    let targets = select(running(&stack, Kind::Worker)?, &args.workers)?;
    run(&STALL_WORKER, &stack, targets, &args.course)
}

/// Stalls the only component of a kind.
pub(super) fn hang(fault: &Entry, kind: Kind, args: &HangArgs) -> Result<ExitCode, Failure> {
    let stack = super::stack(&args.stack)?;
    let targets = running(&stack, kind)?;
    run(fault, &stack, targets, &args.course)
}

/// Tells what would be done.
fn tell(fault: &Entry, targets: &[Target], length: Duration) {
    println!("{}: {}", fault.name, fault.about);
    for target in targets {
        println!("  stops {} (process {})", target.name, target.process.pid);
    }
    println!("  for {}; Ctrl-C ends it sooner", told_length(length));
    println!("  undone: {}", fault.undone);
    println!("  makes fire: {}", fault.alerts.join(", "));
    println!("voteops: this was a dry run; nothing was touched");
}

fn run(
    fault: &Entry,
    stack: &StackFile,
    targets: Vec<Target>,
    course: &CourseArgs,
) -> Result<ExitCode, Failure> {
    let plan = Stall::plan(fault, targets).map_err(fault_failure)?;
    if course.dry_run {
        tell(fault, plan.targets(), course.length);
        return Ok(ExitCode::SUCCESS);
    }
    let experiment = Experiment::open(&state_dir(&stack.data_dir)).map_err(fault_failure)?;
    runtime::multi_thread()?.block_on(async {
        let stop = stop_on_signals()?;
        let names: Vec<_> = plan.targets().iter().map(|t| t.name.clone()).collect();
        let ttl = course.length + GRACE;
        let launcher = Launcher::this_program();
        let injected = plan
            .inject(&experiment, ttl, &launcher)
            .map_err(fault_failure)?;
        println!(
            "voteops: stalled {} for {}; Ctrl-C undoes it now",
            names.join(", "),
            told_length(course.length)
        );
        hold(injected, course.length, &stop).await
    })
}

/// Holds the fault for its time, tells of targets that are not under it any more, and undoes it.
async fn hold(
    mut injected: Injected,
    length: Duration,
    stop: &CancellationToken,
) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let mut lost = Vec::new();
    let ended = loop {
        let left = length.saturating_sub(started.elapsed());
        tokio::select! {
            () = stop.cancelled() => break "interrupted".to_owned(),
            breach = injected.breached() => break breach.to_string(),
            () = sleep(left.min(LOOK_INTERVAL)) => {}
        }
        if started.elapsed() >= length {
            break "the time is over".into();
        }
        for (target, hold) in injected.check() {
            if hold != Hold::Held && !lost.contains(&target.name) {
                println!(
                    "voteops: {} is not stalled any more ({})",
                    target.name,
                    hold.told()
                );
                lost.push(target.name);
            }
        }
    };
    let report = tokio::task::block_in_place(|| injected.undo());
    for failure in report.failures() {
        eprintln!("voteops: {failure}");
    }
    if !report.is_complete() {
        return Ok(ExitCode::from(NOT_UNDONE));
    }
    for gone in report.gone() {
        println!(
            "voteops: {} was restarted or has ended meanwhile",
            gone.name
        );
    }
    println!("voteops: {ended}; the fault is undone");
    Ok(ExitCode::SUCCESS)
}

/// The workers that are meant: all, the first so many, or those that are named.
fn select(workers: Vec<Target>, wanted: &[String]) -> Result<Vec<Target>, Failure> {
    let running = workers
        .iter()
        .map(|w| w.name.clone())
        .collect::<Vec<_>>()
        .join(", ");
    if let [one] = wanted {
        if one == "all" {
            return Ok(workers);
        }
        if let Ok(count) = one.parse::<usize>() {
            if count == 0 || count > workers.len() {
                let message = format!(
                    "--workers {count}: the stack runs {} ({running}); give a number from 1 to that",
                    workers.len()
                );
                return Err(Failure::new(USAGE, message));
            }
            return Ok(workers.into_iter().take(count).collect());
        }
    }
    wanted
        .iter()
        .map(|name| {
            workers
                .iter()
                .find(|worker| worker.name == *name)
                .cloned()
                .ok_or_else(|| {
                    let message =
                        format!("--workers {name}: no such worker runs; there are {running}");
                    Failure::new(USAGE, message)
                })
        })
        .collect()
}
