//! `voteops chaos`.

mod experiment;
mod flood;
mod hold;
mod limits;
mod list;
mod marker;
pub(crate) mod plan;
mod reach;
mod reports;
mod select;
mod site;
pub(crate) mod status;
mod timeline;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use url::Url;
use voteops_chaos::catalogue::{KILL_WORKER, MUTE_TRAFFIC, STALL_REDIS, STALL_WORKER};
use voteops_chaos::identity::Identity;
use voteops_chaos::process::Process;
use voteops_chaos::record::Target;
use voteops_chaos::recover::Action;
use voteops_chaos::{guardian, load, recover};
use voteops_local::StackFile;
use voteops_local::component::Kind;

use crate::Failure;
use crate::args::{ChaosCommand, RecoverArgs, StackArgs};
use crate::failure::{CANNOT_ASK, NOT_UNDONE, USAGE};
use crate::runtime;
use hold::Reading;

/// What the stack's ballot offers.
const CHOICES: [&str; 2] = ["cats", "dogs"];
/// Voters that come back and change their minds.
const BACKGROUND_VOTERS: u64 = 5_000;

pub(crate) fn run(command: ChaosCommand) -> Result<ExitCode, Failure> {
    match command {
        ChaosCommand::StallWorker(args) => hold::run(
            plan::halt_workers(&STALL_WORKER, &args)?,
            &args.course,
            None,
        ),
        ChaosCommand::KillWorker(args) => {
            hold::run(plan::halt_workers(&KILL_WORKER, &args)?, &args.course, None)
        }
        ChaosCommand::SlowWorker(args) => hold::run(plan::slow_workers(&args)?, &args.course, None),
        ChaosCommand::SlowVotes(args) => {
            hold::run(plan::slow_votes(&args)?, &args.votes.course, None)
        }
        ChaosCommand::FailVotes(args) => {
            hold::run(plan::fail_votes(&args)?, &args.votes.course, None)
        }
        ChaosCommand::FillRedis(args) => hold::run(plan::fill_redis(&args)?, &args.course, None),
        ChaosCommand::ColdCache(args) => {
            let reading = Reading::of(&args)?;
            hold::run(plan::cold_cache(&args)?, &args.votes.course, Some(reading))
        }
        ChaosCommand::StallRedis(args) => {
            hold::run(plan::hang(&STALL_REDIS, &args)?, &args.course, None)
        }
        ChaosCommand::MuteTraffic(args) => {
            hold::run(plan::hang(&MUTE_TRAFFIC, &args)?, &args.course, None)
        }
        ChaosCommand::List(args) => list::run(args),
        ChaosCommand::Status(args) => status::run(&args),
        ChaosCommand::Flood(args) => flood::run(&args),
        ChaosCommand::Verify(mut args) => verify::run(&mut args),
        ChaosCommand::Run(args) => experiment::run(&args),
        ChaosCommand::Check(args) => experiment::check(&args),
        ChaosCommand::Recover(args) => run_recover(&args),
        ChaosCommand::Guardian(args) => {
            let record = [OsString::from("--record"), args.record.into_os_string()];
            Ok(guardian::main(record))
        }
    }
}

/// Guards a fault when the arguments are a guardian's. It is asked for before all others are
/// parsed, which would make a guardian half as large again.
#[must_use]
pub fn guardian() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let words = ["chaos", "guardian"];
    let is_guardian = words
        .iter()
        .all(|word| args.next().is_some_and(|arg| arg == *word));
    let rest: Vec<OsString> = args.collect();
    // Anything else, `--help` for instance, is for the parser.
    (is_guardian && rest.len() == 2).then(|| guardian::main(rest))
}

/// Votes gently until it is told to stop.
pub(crate) fn voters(votes_per_second: f64, urls: Vec<Url>) -> Result<(), Failure> {
    runtime::multi_thread()?.block_on(async {
        voteops_service::logs::init("info")?;
        tracing::info!(votes_per_second, "votes are cast");
        let plan = load::voters::Plan {
            urls,
            votes_per_second,
            voters: BACKGROUND_VOTERS,
            name: "background".into(),
            choices: CHOICES.map(str::to_owned).into(),
            seed: 0,
        };
        let stop = stop_on_signals()?;
        load::voters::run(&plan, &stop)
            .await
            .map_err(|error| Failure::from(error).with_code(USAGE))
    })
}

/// The data directory of a stack, whether or not it runs.
pub(crate) fn data_dir(args: &StackArgs) -> Result<PathBuf, Failure> {
    Ok(match &args.data_dir {
        Some(dir) => dir.clone(),
        None => match StackFile::find(None) {
            Ok(stack) => stack.data_dir,
            Err(voteops_local::Error::NoStack) => voteops_local::data_dir::default_dir()?,
            Err(error) => return Err(Failure::from(error).with_code(USAGE)),
        },
    })
}

/// The data directories in which faults may be on record: the one that is named, else that of the stack that runs, and
/// the usual one, where those are that touch anything else.
pub(crate) fn data_dirs(args: &StackArgs) -> Result<Vec<PathBuf>, Failure> {
    with_usual(data_dir(args)?, args)
}

/// A data directory and, unless one is named, the usual one.
pub(crate) fn with_usual(dir: PathBuf, args: &StackArgs) -> Result<Vec<PathBuf>, Failure> {
    let mut dirs = vec![dir];
    if args.data_dir.is_none() {
        let usual = voteops_local::data_dir::default_dir()?;
        dirs.extend(Some(usual).filter(|usual| *usual != dirs[0]));
    }
    Ok(dirs)
}

fn run_recover(args: &RecoverArgs) -> Result<ExitCode, Failure> {
    let dirs = data_dirs(&args.stack)?;
    let mut outcomes = Vec::new();
    let mut failed = false;
    for dir in &dirs {
        match recover::recover(&state_dir(dir), Timestamp::now(), args.force) {
            Ok(of_dir) => outcomes.extend(of_dir),
            // What was undone in the others is told all the same.
            Err(error) => {
                eprintln!("voteops: {error}");
                failed = true;
            }
        }
    }
    if outcomes.is_empty() && !failed {
        let dirs: Vec<_> = dirs.iter().map(|dir| dir.display().to_string()).collect();
        let dirs = dirs.join(" or ");
        println!("voteops: no fault is on record in {dirs}; --data-dir names another directory");
    }
    let mut untidy = false;
    for outcome in &outcomes {
        for error in outcome.disk_errors() {
            eprintln!("voteops: {error}");
            untidy = true;
        }
        match (outcome.failure(), &outcome.action) {
            (Some(reason), _) => {
                eprintln!("voteops: {reason}");
                failed = true;
            }
            (None, Action::InUse { runner_pid }) => println!(
                "voteops: a fault is in force on behalf of process {runner_pid}, which still runs; \
                 --force undoes it all the same"
            ),
            (None, _) => {
                println!(
                    "voteops: fault {} is undone",
                    outcome.id.unwrap_or_default()
                );
            }
        }
    }
    Ok(ExitCode::from(match (failed, untidy) {
        (true, _) => NOT_UNDONE,
        (false, untidy) => u8::from(untidy),
    }))
}

/// The stack that the arguments mean.
fn stack(args: &StackArgs) -> Result<StackFile, Failure> {
    StackFile::find(args.data_dir.as_deref())
        .map_err(|error| Failure::from(error).with_code(CANNOT_ASK))
}

/// Where the faults of a stack are put on record.
fn state_dir(data_dir: &std::path::Path) -> std::path::PathBuf {
    data_dir.join("chaos")
}

/// The stack's components of a kind that run.
pub(crate) fn running(stack: &StackFile, kind: Kind) -> Result<Vec<Target>, Failure> {
    stack
        .of_kind(kind)
        .filter_map(|component| Some((component, component.pid?, component.start_ticks?)))
        .map(|(component, pid, start_ticks)| {
            let pid = i32::try_from(pid)?;
            Ok(Target {
                name: component.name.clone(),
                identity: Identity::Process(Process { pid, start_ticks }),
                admin_url: match &component.admin_url {
                    Some(url) => Some(url.parse()?),
                    None => None,
                },
            })
        })
        .collect()
}

/// The addresses of the stack's vote apps.
pub(crate) fn vote_apps(stack: &StackFile) -> Vec<Url> {
    stack
        .of_kind(Kind::VoteApp)
        .filter_map(|app| app.url.as_deref()?.parse().ok())
        .collect()
}

/// An error of the chaos library with its exit code: a fault that stays behind is the worst.
fn fault_failure(error: voteops_chaos::Error) -> Failure {
    let code = match error {
        voteops_chaos::Error::NotUndone { .. } => NOT_UNDONE,
        voteops_chaos::Error::NoTarget
        | voteops_chaos::Error::NoFill { .. }
        | voteops_chaos::Error::DuplicateTarget { .. }
        | voteops_chaos::Error::OwnProcess { .. }
        | voteops_chaos::Error::Unfit { .. } => USAGE,
        _ => CANNOT_ASK,
    };
    Failure::from(error).with_code(code)
}

/// A token that Ctrl-C, SIGTERM and SIGHUP cancel. None of them ends the process from then on:
/// what is injected is undone first.
fn stop_on_signals() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        let mut stream = signal(kind)?;
        let stop = stop.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                stop.cancel();
            }
        });
    }
    Ok(stop)
}

/// A length of time as a person reads it, to the tenth of a second below a minute.
fn told_length(length: Duration) -> String {
    if length < Duration::from_mins(1) {
        format!("{:.1}s", length.as_secs_f64())
    } else {
        voteops_observability::units::age(length.as_secs_f64())
    }
}
