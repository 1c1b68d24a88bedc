//! `crash-campaign`: see the library. Under the first argument `vote-app` or `worker` it is one of
//! the services that it kills.

use std::process::ExitCode;

use clap::Parser;
use color_eyre::eyre::{Result, eyre};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};
use voteops_campaign::campaign::{Plan, RATE_PER_S, own_program, run};
use voteops_campaign::service::faketime;
use voteops_campaign::stack::LedgerKind;
use voteops_ledger::test_support::find;

/// Kills, stops and cuts off the parts of a voting stack under load, and counts every vote.
///
/// Exits with 0 when every vote answered 202 was recorded exactly once and none was invented, with 1
/// when not, and with 2 when it was called wrongly.
#[derive(Debug, Parser)]
#[command(name = "crash-campaign")]
struct Cli {
    /// How many times something is killed; other crashes come in between
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    kills: u32,

    /// Decides what is done and when; the same seed does the same again where libfaketime is there as well
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Where votes are recorded; both, each with half of the killings, when not given
    #[arg(long)]
    ledger: Option<LedgerKind>,

    /// Votes a second, from 1 to 5000
    #[arg(long, default_value_t = RATE_PER_S, value_parser = clap::value_parser!(u32).range(1..=5000))]
    rate: u32,
}

fn main() -> ExitCode {
    // What is left then begins with the service's name, as a command line does with the program's.
    let args = || std::env::args().skip(1);
    match args().next().as_deref() {
        Some("vote-app") => {
            return service(|| {
                voteops_vote_app::run_cli(voteops_vote_app::Cli::parse_from(args()))
            });
        }
        Some("worker") => {
            return service(|| voteops_worker::run_cli(voteops_worker::Cli::parse_from(args())));
        }
        _ => (),
    }
    match block_on(campaigns(Cli::parse())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("crash-campaign: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a service that ends with whoever started it.
fn service<F: Future<Output = Result<(), E>>, E: std::fmt::Display>(
    start: impl FnOnce() -> F,
) -> ExitCode {
    let parent = getppid();
    let tied = set_parent_process_death_signal(Some(Signal::KILL));
    if tied.is_err() || getppid() != parent {
        return ExitCode::FAILURE;
    }
    match block_on(async { start().await.map_err(|error| eyre!("{error}")) }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Whether every campaign was clean.
async fn campaigns(cli: Cli) -> Result<bool> {
    let half = cli.kills / 2;
    let mut shares = match cli.ledger {
        Some(ledger) => vec![(ledger, cli.kills)],
        None => vec![
            (LedgerKind::Sqlite, cli.kills - half),
            (LedgerKind::Postgres, half),
        ],
    };
    shares.retain(|(_, kills)| *kills > 0);
    check_programs(shares.iter().map(|(ledger, _)| *ledger))?;
    if faketime().is_none() {
        println!("SKIPPED: clocks are not set off; apt-get install libfaketime makes it possible");
    }
    let mut is_clean = true;
    for (ledger, kills) in shares {
        let plan = Plan {
            program: own_program()?,
            kills,
            seed: cli.seed,
            ledger,
            rate_per_s: cli.rate,
        };
        println!(
            "\n== {} on {}, seed {}",
            plan.kills,
            ledger.name(),
            plan.seed
        );
        let mut tell = |line: &str| println!("{line}");
        let ended = tokio::select! {
            ended = run(&plan, &mut tell) => ended,
            name = ended_by_signal() => return Err(eyre!("ended by {}", name?)),
        };
        let again = format!(
            "scripts/crash-campaign {} --seed {} --ledger {} --rate {}",
            plan.kills,
            plan.seed,
            ledger.flag(),
            plan.rate_per_s
        );
        let report = ended.map_err(|error| eyre!("{error}; again: {again}"))?;
        println!("\n{report}");
        if report.is_clean() {
            println!(
                "every one of {} votes answered 202 is recorded exactly once, none is invented",
                report.accepted()
            );
        } else {
            println!("NOT every vote is where it has to be; again: {again}");
            is_clean = false;
        }
    }
    Ok(is_clean)
}

/// Sees to it that nothing is missing, before any time is spent.
fn check_programs(ledgers: impl Iterator<Item = LedgerKind>) -> Result<()> {
    let mut needed = vec![("redis-server", "redis-server"), ("prlimit", "util-linux")];
    for ledger in ledgers {
        if ledger == LedgerKind::Postgres && find("initdb").is_err() {
            let way_out = "apt-get install postgresql, or say --ledger sqlite";
            return Err(eyre!("PostgreSQL is not installed: {way_out}"));
        }
    }
    needed.retain(|(program, _)| !is_on_path(program));
    match needed.first() {
        None => Ok(()),
        Some((program, package)) => Err(eyre!(
            "{program} is not installed: apt-get install {package}"
        )),
    }
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The name of the signal that asks this program to end, once there is one.
async fn ended_by_signal() -> Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    })
}
