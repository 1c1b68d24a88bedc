//! `voteops chaos stall-worker`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::Hold;
use voteops_chaos::faults::stall::Stall;
use voteops_chaos::guardian::Launcher;
use voteops_chaos::record::Target;

use super::{fault_failure, state_dir, stop_on_signals, told_length, workers};
use crate::Failure;
use crate::args::StallArgs;
use crate::failure::{NOT_UNDONE, USAGE};
use crate::runtime;

/// How much longer than asked for the guardian waits before it undoes the fault itself.
const GRACE: Duration = Duration::from_secs(5);
/// How often the targets are looked at while the fault holds.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

pub(super) fn run(args: &StallArgs) -> Result<ExitCode, Failure> {
    let stack = super::stack(&args.stack)?;
    let targets = select(workers(&stack)?, &args.workers)?;
    let plan = Stall::plan(targets).map_err(fault_failure)?;
    let experiment = Experiment::open(&state_dir(&stack.data_dir)).map_err(fault_failure)?;
    runtime::multi_thread()?.block_on(async {
        let stop = stop_on_signals()?;
        let names: Vec<_> = plan
            .targets()
            .iter()
            .map(|target| target.name.clone())
            .collect();
        let mut injected = plan
            .inject(&experiment, args.length + GRACE, &Launcher::this_program())
            .map_err(fault_failure)?;
        println!(
            "voteops: stalled {} for {}; Ctrl-C undoes it now",
            names.join(", "),
            told_length(args.length)
        );
        let started = Instant::now();
        let mut lost = Vec::new();
        let ended = loop {
            let left = args.length.saturating_sub(started.elapsed());
            tokio::select! {
                () = stop.cancelled() => break "interrupted".to_owned(),
                breach = injected.breached() => break breach.to_string(),
                () = sleep(left.min(LOOK_INTERVAL)) => {}
            }
            if started.elapsed() >= args.length {
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
    })
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
