//! A fault that is held for a while: told, injected, watched and undone.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::Url;
use voteops_chaos::abort::{Watched, tripped};
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::{Hold, Injected, Plan};
use voteops_chaos::guardian::Launcher;
use voteops_chaos::load::readers;
use voteops_observability::marks::Fault;

use super::limits::{self, Bounds};
use super::marker::Marker;
use super::plan::Planned;
use super::reach::Ground;
use super::{fault_failure, stop_on_signals, told_length};
use crate::Failure;
use crate::args::{ColdCacheArgs, CourseArgs};
use crate::compose::Compose;
use crate::failure::{NOT_UNDONE, USAGE};
use crate::runtime;

/// Vote apps of which only the admin listeners or the containers are known.
const UNREADABLE: &str = "name the vote apps whose results are read with --url";

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

/// Readings of the results while a fault holds.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// How many in a second.
    rate_per_s: f64,
    /// Of whom; of the stack's vote apps if nobody is named.
    urls: Vec<Url>,
}

impl Reading {
    /// Where the results of a plan's targets are read: as it was said, or where the stack or its Compose
    /// project has them.
    fn urls(&self, plan: &Plan, ground: &Ground) -> Result<Vec<Url>, Failure> {
        if !self.urls.is_empty() {
            return Ok(self.urls.clone());
        }
        if ground.stack.is_some() {
            return Ok(ground.vote_apps());
        }
        let mut containers = plan.targets().iter();
        let container = containers.find_map(|target| target.identity.container());
        let compose = container.map(|container| Compose::with(&container.id));
        let unknown = |error: Failure| {
            Failure::new(
                USAGE,
                format!("{UNREADABLE}; its project is not known: {error}"),
            )
        };
        let compose = compose.transpose().map_err(unknown)?.flatten();
        let gateway = compose.as_ref().and_then(Compose::gateway);
        let gateway = gateway.ok_or_else(|| Failure::new(USAGE, UNREADABLE))?;
        Ok(vec![gateway])
    }

    /// # Errors
    /// [`Failure`] when services are named without the addresses where they are read.
    pub(super) fn of(args: &ColdCacheArgs) -> Result<Self, Failure> {
        if args.url.is_empty() && !args.votes.place.admin.is_empty() {
            return Err(Failure::new(USAGE, UNREADABLE));
        }
        Ok(Self {
            rate_per_s: args.reads,
            urls: args.url.clone(),
        })
    }
}

/// Holds a fault for its time, or tells what it would be. Meanwhile the results are read, if they are.
pub(super) fn run(
    planned: Planned,
    course: &CourseArgs,
    reading: Option<Reading>,
) -> Result<ExitCode, Failure> {
    let Planned {
        plan,
        there,
        ground,
    } = planned;
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
            rate_per_s: reading.as_ref().map(|reading| reading.rate_per_s),
        },
    )?;
    let read = |reading: Reading| Ok((reading.urls(&plan, &ground)?, reading.rate_per_s));
    let reading: Option<Result<_, Failure>> = reading.map(read);
    let reading = reading.transpose()?;
    if let Some((urls, rate_per_s)) = &reading {
        let check = readers::check(urls, *rate_per_s);
        check.map_err(|error| Failure::from(error).with_code(USAGE))?;
    }
    let experiment = Experiment::open(&ground.state_dir).map_err(fault_failure)?;
    runtime::multi_thread()?.block_on(async {
        let stop = stop_on_signals()?;
        let conditions = limits::watch(&course.safety, ground.stack.as_ref()).await?;
        let marker = Marker::begin(&course.safety, ground.stack.as_ref())?;
        let names: Vec<_> = plan.targets().iter().map(|t| t.name.clone()).collect();
        let fault = plan.fault().name;
        // Its guardian waits for as much longer before it undoes the fault itself.
        let ttl = course.length + plan.injection();
        let launcher = Launcher::this_program();
        let experiment = experiment.until(stop.clone());
        let inject = || plan.inject(&experiment, ttl, &launcher);
        let injected = tokio::task::block_in_place(inject).map_err(fault_failure)?;
        say(format_args!(
            "{fault} on {} for {}; Ctrl-C undoes it now",
            names.join(", "),
            told_length(course.length)
        ));
        let told = Fault {
            name: fault.to_owned(),
            targets: names.join(", "),
            alert: None,
        };
        marker.begun(fault, told, injected.onset().1);
        let over = CancellationToken::new();
        let reading = async {
            let Some((urls, rate_per_s)) = reading else {
                return Ok(());
            };
            readers::run(&urls, rate_per_s, &over).await
        };
        let holding = async {
            let held = hold(injected, course.length, conditions.as_ref(), &stop).await;
            over.cancel();
            held
        };
        let (held, read) = tokio::join!(holding, reading);
        let code = held?;
        let is_undone = code != ExitCode::from(NOT_UNDONE);
        if is_undone {
            marker.ended(fault, Timestamp::now());
        }
        marker.finish().await;
        match read {
            Err(error) if is_undone => Err(error.into()),
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "voteops: {error}");
                Ok(code)
            }
            Ok(()) => Ok(code),
        }
    })
}

/// Tells something while a fault is in force, which goes on whether or not anybody reads it: the
/// terminal may have been closed.
fn say(line: fmt::Arguments) {
    let _ = writeln!(std::io::stdout(), "voteops: {line}");
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
            breach = injected.breached() => {
                aborted = true;
                break breach.to_string();
            }
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
                say(format_args!(
                    "{} is not under the fault any more ({})",
                    target.name,
                    hold.told()
                ));
                lost.push(target.name);
            }
        }
    };
    let report = tokio::task::block_in_place(|| injected.undo());
    let disk_errors = report.disk_errors.iter().map(String::as_str);
    for failure in report.failures().chain(disk_errors) {
        let _ = writeln!(std::io::stderr(), "voteops: {failure}");
    }
    if !report.is_complete() {
        return Ok(ExitCode::from(NOT_UNDONE));
    }
    for gone in report.gone() {
        say(format_args!(
            "{} was restarted or has ended meanwhile",
            gone.name
        ));
    }
    say(format_args!("{ended}; the fault is undone"));
    Ok(ExitCode::from(u8::from(aborted)))
}
