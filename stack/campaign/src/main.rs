//! `crash-campaign`: see the library. Under the first argument `vote-app` or `worker` it is one of
//! the services that it kills.

use std::process::ExitCode;

use clap::Parser;
use color_eyre::eyre::{Result, eyre};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use voteops_campaign::campaign::{Plan, RATE_PER_S, own_program, run};
use voteops_campaign::service::faketime;
use voteops_campaign::stack::LedgerKind;

/// Kills, stops and cuts off the parts of a voting stack under load, and counts every vote.
///
/// Exits with 0 when every vote answered 202 was recorded exactly once and none was invented, with 1
/// when not, and with 2 when it was called wrongly.
#[derive(Debug, Parser)]
#[command(name = "crash-campaign")]
struct Cli {
    /// How many times something is killed; other crashes come in between
    kills: u32,

    /// Decides what is done and when; the same seed does the same again
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
    if faketime().is_none() {
        println!("SKIPPED: clocks are not set off; apt-get install libfaketime makes it possible");
    }
    let ledgers = match cli.ledger {
        Some(ledger) => vec![ledger],
        None => vec![LedgerKind::Sqlite, LedgerKind::Postgres],
    };
    let mut is_clean = true;
    for (number, ledger) in (0..).zip(&ledgers) {
        let halves = u32::try_from(ledgers.len())?;
        let plan = Plan {
            program: own_program()?,
            kills: (cli.kills + halves - 1 - number) / halves,
            seed: cli.seed,
            ledger: *ledger,
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
            _ = tokio::signal::ctrl_c() => return Err(eyre!("interrupted")),
        };
        let again = format!(
            "scripts/crash-campaign {} --seed {} --ledger {}",
            plan.kills,
            plan.seed,
            ledger.flag()
        );
        let report = ended.map_err(|error| eyre!("{error}; again: {again}"))?;
        println!("\n{report}");
        if report.is_clean() {
            println!("every vote answered 202 is recorded exactly once, none is invented");
        } else {
            println!("NOT every vote is where it has to be; again: {again}");
            is_clean = false;
        }
    }
    Ok(is_clean)
}
