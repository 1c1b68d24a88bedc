//! The command lines.

mod chaos;
mod console;
mod experiment;
mod flood;
mod given;
mod reach;
mod stack;
mod values;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use url::Url;

use crate::Failure;
use crate::failure::USAGE;

pub(crate) use chaos::READS_PER_S;
pub use chaos::{
    ChaosCommand, ColdCacheArgs, CourseArgs, FailVotesArgs, FaultStatusArgs, FillRedisArgs,
    GuardianArgs, HangArgs, ListArgs, RecoverArgs, SafetyArgs, SlowVotesArgs, SlowWorkerArgs,
    StallArgs, VotesArgs,
};
pub use console::{
    CheckArgs, ConfigArgs, ConfigCommand, DoctorArgs, LookArgs, SourceArgs, StatusArgs, TuiArgs,
};
pub use experiment::{CheckFilesArgs, RunArgs};
pub use flood::FloodArgs;
pub(crate) use given::{LEDGER_URL, REDIS_URL, is_typed};
pub use reach::{AskedArgs, ReachArgs, Via};
pub use stack::{FrontArgs, UpArgs};
pub(crate) use values::refresh;
pub(crate) use values::{fault_length, share};
pub use verify::{ReportArgs, SiteArgs, VerifyArgs};

/// Terminal-first ops console and chaos tool for a voting service.
#[derive(Debug, Parser)]
#[command(name = "voteops", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What `voteops` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole stack on this machine
    Up(UpArgs),
    /// Stop the stack
    Down(StackArgs),
    /// Show signals, alerts and backends once
    ///
    /// Exit codes: 0 nothing fires, 1 something fires, 2 wrong usage, 3 a backend could not be
    /// asked.
    Status(StatusArgs),
    /// Check whether what watches the service can be relied on, and tell the way out of what is wrong
    ///
    /// One line for each check: servers, targets, rules, metrics, services, clocks, logs, the route of
    /// alerts, storage; processes, disk, faults, secrets and ports of this machine. Nothing is written
    /// without --probe.
    ///
    /// Exit codes: 0 nothing failed, 1 something failed, 2 wrong usage, 3 a server could not be asked.
    Doctor(DoctorArgs),
    /// Open the console
    Tui(TuiArgs),
    /// Inject faults that are always undone, and prove alerts with them
    #[command(subcommand)]
    Chaos(ChaosCommand),
    /// Contexts: the services that are looked at, and how their backends are spoken to
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions of a shell
    ///
    /// For bash: `voteops completions bash > /etc/bash_completion.d/voteops`. For zsh, into a file
    /// `_voteops` in a directory of `$fpath`. For fish: `~/.config/fish/completions/voteops.fish`.
    Completions(CompletionsArgs),
    /// Write the manual pages into a directory, or print the first one
    ///
    /// `voteops man | man -l -` shows it; `voteops man /usr/local/share/man/man1` installs them all.
    Man(ManArgs),
    /// Parts of the stack that `up` starts
    #[command(subcommand, hide = true)]
    Internal(InternalCommand),
}

/// Which running stack is meant.
#[derive(Debug, Clone, Default, Args)]
pub struct StackArgs {
    /// The stack's data directory [default: the stack that runs]
    #[arg(long, value_name = "DIR", env = "VOTEOPS_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
}

/// `voteops completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
    /// The program that is completed
    #[arg(long, value_enum, default_value_t)]
    pub program: Program,
}

/// A program of this project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Program {
    /// Everything
    #[default]
    Voteops,
    /// The console by its own name
    VoteopsTui,
}

/// `voteops man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Where the pages are written [default: voteops(1) on standard output]
    pub dir: Option<PathBuf>,
}

/// Parts of the stack, and the processes behind `up`.
#[derive(Debug, Subcommand)]
pub enum InternalCommand {
    /// Own the stack's components
    Supervise,
    /// Become a program whose life is tied to its parent's
    Launch {
        /// The parent
        #[arg(long)]
        parent: i32,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        program: Vec<std::ffi::OsString>,
    },
    /// Take votes over HTTP
    VoteApp(Box<voteops_vote_app::Cli>),
    /// Drain the queue into the ledger
    Worker(Box<voteops_worker::Cli>),
    /// Vote gently, for ever
    Voters {
        /// Votes in a second
        #[arg(long)]
        rate: f64,
        /// Vote apps
        #[arg(long, required = true)]
        url: Vec<Url>,
    },
    /// Take notifications from Alertmanager, and log them
    Receiver {
        /// Address to take them on
        #[arg(long, default_value = "127.0.0.1:9095")]
        listen: SocketAddr,
    },
    /// Write the files of Prometheus and Alertmanager in containers, with all durations divided
    Scaled {
        /// What they are divided by
        #[arg(long, value_name = "N", value_parser = self::values::time_scale)]
        time_scale: f64,
        /// Where the files are written to
        dir: PathBuf,
    },
    /// Succeed when an address is answered with success
    Probe {
        /// What is asked
        url: Url,
    },
    /// Ask the service of this container about its faults, and print the status and the body of its answer
    #[command(subcommand)]
    Ask(AskCommand),
}

/// What the service of a container is asked through its admin listener.
#[derive(Debug, Subcommand)]
pub enum AskCommand {
    /// Which faults are in force, and which there are
    Get,
    /// To put a fault in force, or to keep it so
    Put {
        /// The fault
        kind: String,
        /// Its lease and its parameters, a JSON object
        #[arg(value_parser = self::values::json)]
        body: serde_json::Value,
    },
    /// To end a fault
    Delete {
        /// The fault
        kind: String,
    },
}

/// Reads the command line; help and versions are printed, and end the program.
///
/// # Errors
/// [`Failure`] with one line that names what is wrong, and exit code 2.
pub fn parse<T: Parser>() -> Result<T, Failure> {
    T::try_parse().map_err(|error| {
        if !error.use_stderr()
            || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        {
            error.exit();
        }
        Failure::new(USAGE, one_line(&error.to_string()))
    })
}

/// What clap says on several lines, without the usage, in one.
pub(crate) fn one_line(told: &str) -> String {
    let lines = told
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"));
    let said = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let said = said.collect::<Vec<_>>().join("; ");
    format!(
        "{}; --help tells more",
        said.strip_prefix("error: ").unwrap_or(&said)
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_lines_are_sound() {
        Cli::command().debug_assert();
        TuiArgs::command().debug_assert();
    }

    #[test]
    fn bad_values_name_the_way_out() {
        for (args, told) in [
            (
                ["voteops", "chaos", "stall-worker", "--for", "5 parsecs"],
                "write 30s, 5m or 1h30m",
            ),
            (
                ["voteops", "chaos", "stall-worker", "--for", "9h"],
                "between 100ms and 4h",
            ),
            (
                ["voteops", "tui", "--once", "--prometheus", "localhost:9090"],
                "http://",
            ),
            (
                ["voteops", "up", "--no-tui", "--time-scale", "0.5"],
                "between 1 and 60",
            ),
        ] {
            let error = Cli::try_parse_from(args).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
