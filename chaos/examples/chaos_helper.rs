//! The processes that the tests of the chaos crate start and kill: a guardian, and a runner that
//! stalls what it is told to.
//!
//! `chaos_helper guardian --record PATH` is a guardian. `chaos_helper docker-runner DIR TTL_MS ENGINE`
//! is a runner that pauses the containers of the Compose service `worker`, and `docker-killer` one that kills them.
//! `chaos_helper runner DIR TTL_MS PID...` stalls the processes and says `injected`; on the line `undo` it undoes and says `undone`; when
//! the fault ends early it says `breach REASON`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use voteops_chaos::Error;
use voteops_chaos::catalogue::{KILL_WORKER, STALL_WORKER};
use voteops_chaos::engine::{Address, Selection, containers};
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::{Plan, kill, stall};
use voteops_chaos::guardian::{self, Launcher};
use voteops_chaos::process::Process;
use voteops_chaos::record::Target;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next().as_deref().and_then(|role| role.to_str()) {
        Some("guardian") => guardian::main(args),
        Some("runner") => ended(run(words(args), processes, stalled)),
        Some("docker-runner") => ended(run(words(args), workers, stalled)),
        Some("docker-killer") => ended(run(words(args), workers, killed)),
        _ => ExitCode::from(2),
    }
}

fn words(args: impl Iterator<Item = std::ffi::OsString>) -> impl Iterator<Item = String> {
    args.filter_map(|arg| arg.into_string().ok())
}

fn stalled(targets: Vec<Target>) -> Result<Plan, Error> {
    stall::plan(&STALL_WORKER, targets)
}

fn killed(targets: Vec<Target>) -> Result<Plan, Error> {
    kill::plan(&KILL_WORKER, targets, None)
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn ended(outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error {error}"));
            ExitCode::FAILURE
        }
    }
}

fn processes(pids: &[String]) -> Outcome<Vec<Target>> {
    let targets = pids.iter().map(|pid| {
        let process = Process::find(pid.parse()?)?;
        Ok(Target::process(format!("target-{pid}"), process))
    });
    targets.collect()
}

fn workers(args: &[String]) -> Outcome<Vec<Target>> {
    let address = args.first().ok_or("no engine")?;
    let selection = Selection {
        service: Some("worker".to_owned()),
        ..Selection::default()
    };
    Ok(containers(&Address::from(address.as_str()), &selection)?)
}

fn run(
    mut args: impl Iterator<Item = String>,
    targets: impl Fn(&[String]) -> Outcome<Vec<Target>>,
    plan: impl Fn(Vec<Target>) -> Result<Plan, Error>,
) -> Outcome<()> {
    let dir = args.next().ok_or("no directory")?;
    let ttl = Duration::from_millis(args.next().ok_or("no TTL")?.parse()?);
    let targets = targets(&args.collect::<Vec<_>>())?;
    let launcher = Launcher::new(std::env::current_exe()?, ["guardian"]);
    let experiment = Experiment::open(Path::new(&dir))?;
    let mut injected = plan(targets)?.inject(&experiment, ttl, &launcher)?;
    say("injected");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (line_sender, line) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = io::stdin().read_line(&mut line);
        let _ = line_sender.send(line);
    });
    let breach = runtime.block_on(async {
        tokio::select! {
            breach = injected.breached() => Some(breach),
            _ = line => None,
        }
    });
    let report = injected.undo();
    let complete = report.is_complete();
    match breach {
        Some(breach) => say(&format!("breach complete={complete} {breach}")),
        None => say(&format!("undone complete={complete}")),
    }
    Ok(())
}

fn say(line: &str) {
    // The test that reads it may be gone.
    let _ = writeln!(io::stdout(), "{line}");
}
