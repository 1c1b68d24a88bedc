//! A fault that is held for a while: told, injected, watched and undone.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use voteops_chaos::abort::{Watched, tripped};
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::{Hold, Injected, Plan};
use voteops_chaos::guardian::Launcher;
use voteops_chaos::load::readers;
use voteops_local::StackFile;

use super::limits::{self, Bounds};
use super::{fault_failure, state_dir, stop_on_signals, told_length, vote_apps};
use crate::Failure;
use crate::args::CourseArgs;
use crate::failure::NOT_UNDONE;
use crate::runtime;

/// How often the targets are looked at while the fault holds.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Tells what would be done.
fn tell(plan: &Plan, length: Duration) {
    let fault = plan.fault();
    println!("{}: {}", fault.name, fault.about);
    for step in plan.steps() {
        println!("  {step}");
    }
    println!("  for {}; Ctrl-C ends it sooner", told_length(length));
    println!("  undone: {}", fault.undone);
    println!("  makes fire: {}", fault.alerts.join(", "));
    println!("voteops: this was a dry run; nothing was touched");
}

/// Holds a fault for its time, or tells what it would be. Meanwhile the results are read
/// `reads_per_s` times a second, if they are. Of the targets there could be, there are `there`.
pub(super) fn run(
    plan: Plan,
    there: Option<usize>,
    stack: &StackFile,
    course: &CourseArgs,
    reads_per_s: Option<f64>,
) -> Result<ExitCode, Failure> {
    if course.dry_run {
        tell(&plan, course.length);
        return Ok(ExitCode::SUCCESS);
    }
    limits::confirm(&course.safety)?;
    limits::permit(
        &course.safety,
        Bounds {
            length: Some(course.length),
            targets: there.map(|there| (plan.targets().len(), there)),
            rate_per_s: reads_per_s,
        },
    )?;
    let experiment = Experiment::open(&state_dir(&stack.data_dir)).map_err(fault_failure)?;
    runtime::multi_thread()?.block_on(async {
        let stop = stop_on_signals()?;
        let conditions = limits::watch(&course.safety, stack).await?;
        let names: Vec<_> = plan.targets().iter().map(|t| t.name.clone()).collect();
        let fault = plan.fault().name;
        // Its guardian waits for as much longer before it undoes the fault itself.
        let ttl = course.length + plan.injection();
        let launcher = Launcher::this_program();
        let inject = || plan.inject(&experiment, ttl, &launcher);
        let injected = tokio::task::block_in_place(inject).map_err(fault_failure)?;
        println!(
            "voteops: {fault} on {} for {}; Ctrl-C undoes it now",
            names.join(", "),
            told_length(course.length)
        );
        let over = CancellationToken::new();
        let urls = vote_apps(stack);
        let reading = async {
            match reads_per_s {
                Some(rate_per_s) => readers::run(&urls, rate_per_s, &over).await,
                None => Ok(()),
            }
        };
        let holding = async {
            let held = hold(injected, course.length, conditions.as_ref(), &stop).await;
            over.cancel();
            held
        };
        let (held, read) = tokio::join!(holding, reading);
        let code = held?;
        read?;
        Ok(code)
    })
}

/// Holds the fault for its time, tells of targets that are not under it any more, and undoes it.
async fn hold(
    mut injected: Injected,
    length: Duration,
    conditions: Option<&Watched>,
    stop: &CancellationToken,
) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let mut lost = Vec::new();
    let mut aborted = false;
    let ended = loop {
        let left = length.saturating_sub(started.elapsed());
        tokio::select! {
            () = stop.cancelled() => break "interrupted".to_owned(),
            breach = injected.breached() => break breach.to_string(),
            reason = tripped(conditions) => {
                aborted = true;
                break reason;
            }
            () = sleep(left.min(LOOK_INTERVAL)) => {}
        }
        if started.elapsed() >= length {
            break "the time is over".into();
        }
        for (target, hold) in tokio::task::block_in_place(|| injected.check()) {
            if matches!(hold, Hold::Lifted | Hold::Gone) && !lost.contains(&target.name) {
                println!(
                    "voteops: {} is not under the fault any more ({})",
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
    Ok(ExitCode::from(u8::from(aborted)))
}
