//! The command lines.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use url::Url;
use voteops_console::Look;

use crate::Failure;
use crate::failure::USAGE;

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

/// Which servers are asked.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// The stack, when no server is named
    #[command(flatten)]
    pub stack: StackArgs,
    /// The configuration
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The context of the configuration to look at
    /// [default: the stack that runs; without one, the configuration's default]
    #[arg(long, value_name = "NAME", env = "VOTEOPS_CONTEXT", conflicts_with_all = ["prometheus", "data_dir"])]
    pub context: Option<String>,
    /// Prometheus to ask [default: that of the stack that runs]
    #[arg(long, value_name = "URL", env = "VOTEOPS_PROMETHEUS", value_parser = http_url)]
    pub prometheus: Option<Url>,
    /// Alertmanager to ask; with --prometheus only
    #[arg(long, value_name = "URL", env = "VOTEOPS_ALERTMANAGER", value_parser = http_url,
        requires = "prometheus")]
    pub alertmanager: Option<Url>,
    /// Loki to ask for logs; with --prometheus only
    #[arg(long, value_name = "URL", env = "VOTEOPS_LOKI", value_parser = http_url,
        requires = "prometheus")]
    pub loki: Option<Url>,
}

/// `voteops up`.
#[derive(Debug, Clone, Args)]
pub struct UpArgs {
    /// Where the stack writes [default: voteops in the user's data directory]
    #[arg(long, value_name = "DIR", env = "VOTEOPS_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Install missing servers with the system's package manager
    #[arg(long)]
    pub install: bool,
    /// Stay in the foreground until Ctrl-C, without the console
    #[arg(long)]
    pub no_tui: bool,
    /// Return when all is healthy; `voteops down` stops the stack
    #[arg(long, conflicts_with = "no_tui")]
    pub detach: bool,
    /// First port of a block for all components [default: each component's usual port]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=65000))]
    pub port_base: Option<u16>,
    /// Number of workers
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub workers: u16,
    /// Number of vote apps
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub vote_apps: u16,
    /// The ledger: <sqlite://PATH> or <postgres://USER:PASSWORD@HOST/DB>
    /// [default: a SQLite file in the data directory]
    #[arg(
        long,
        value_name = "URL",
        env = "VOTEOPS_DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// Rate of the background voters; 0 for none
    #[arg(long, value_name = "R", default_value_t = 20.0, value_parser = voter_rate,
        allow_negative_numbers = true)]
    pub votes_per_second: f64,
    /// Divide every duration (scrapes, windows, `for`, group waits) by N; thresholds stay
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = time_scale,
        allow_negative_numbers = true)]
    pub time_scale: f64,
}

/// `voteops status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Which servers are asked
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Print JSON (schemas/status.schema.json)
    #[arg(long)]
    pub json: bool,
}

/// The console's arguments, those of `voteops-tui` too.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "voteops-tui",
    version,
    about = "The console: golden signals, alerts, live"
)]
pub struct TuiArgs {
    /// Which servers are asked
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Time between two readings [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = refresh)]
    pub refresh: Option<Duration>,
    /// Print one frame as text and exit
    #[arg(long)]
    pub once: bool,
    /// Write that frame into FILE as a picture (SVG) instead
    #[arg(long, value_name = "FILE", requires = "once")]
    pub svg: Option<PathBuf>,
    /// Write all that the screens show of the last --range into a directory and exit
    ///
    /// bundle.json (schemas/bundle.schema.json), charts.json and logs.jsonl for programs, the
    /// screens as text for people; --replay shows it again, anywhere.
    #[arg(long, value_name = "DIR", conflicts_with = "once")]
    pub export: Option<PathBuf>,
    /// Show what --export wrote; nothing is asked
    #[arg(long, value_name = "DIR", conflicts_with_all = ["export", "prometheus", "data_dir"])]
    pub replay: Option<PathBuf>,
    /// How much time is shown at the start, and exported [default: 10m, divided by the time scale]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub range: Option<Duration>,
    /// What the console looks like
    #[command(flatten)]
    pub look: LookArgs,
    /// The console's own log [default: console.log in the user's state directory]
    ///
    /// `VOTEOPS_LOG=debug` logs every request.
    #[arg(long, value_name = "FILE", env = "VOTEOPS_LOG_FILE")]
    pub log_file: Option<PathBuf>,
    /// Panic after this time, to see that the terminal is given back
    #[arg(long, value_name = "DURATION", value_parser = duration, hide = true)]
    pub panic_after: Option<Duration>,
}

/// What the console looks like.
#[derive(Debug, Clone, Default, Args)]
pub struct LookArgs {
    /// Colours [default: what suits the terminal; none with `NO_COLOR`]
    #[arg(long, value_name = "THEME", env = "VOTEOPS_THEME",
        value_parser = clap::builder::PossibleValuesParser::new(Look::THEMES))]
    pub theme: Option<String>,
    /// Draw nothing but ASCII, as on terminals that show nothing else
    #[arg(long)]
    pub ascii: bool,
    /// Leave the mouse to the terminal, to select text
    #[arg(long)]
    pub no_mouse: bool,
}

/// What `voteops config` does.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write an example
    Init(ConfigArgs),
    /// Print what is in force as JSON (schemas/config.schema.json), without secrets
    Show(ConfigArgs),
    /// Tell all that is wrong
    Check(CheckArgs),
}

/// `voteops config check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The file
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Ask every backend too
    #[arg(long)]
    pub ask: bool,
}

/// Which configuration is meant.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// The configuration [default: voteops/config.toml in the user's configuration directory]
    #[arg(long, value_name = "FILE", env = "VOTEOPS_CONFIG")]
    pub config: Option<PathBuf>,
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

/// What `voteops chaos` does.
#[derive(Debug, Subcommand)]
pub enum ChaosCommand {
    /// Stop workers (SIGSTOP), and let them go on at the end (SIGCONT)
    StallWorker(StallArgs),
    /// Send votes at a constant rate, whether or not the answers keep up
    Flood(FloodArgs),
    /// Prove an alert end to end: fault, pending, firing, notified, undone, resolved, no vote lost
    ///
    /// Exit codes: 0 proven, 1 not proven, 2 wrong usage, 3 could not run, 4 a fault could not
    /// be undone.
    Verify(VerifyArgs),
    /// Undo what a run that was killed left behind
    Recover(RecoverArgs),
    /// Undoes a fault when its runner dies
    #[command(hide = true)]
    Guardian(GuardianArgs),
}

/// `voteops chaos stall-worker`.
#[derive(Debug, Clone, Args)]
pub struct StallArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Which workers: all, a number of them, or their names
    #[arg(long, value_name = "all|N|NAME", num_args = 1.., value_delimiter = ',', default_value = "all")]
    pub workers: Vec<String>,
    /// How long
    #[arg(long = "for", value_name = "DURATION", default_value = "1m", value_parser = fault_length)]
    pub length: Duration,
}

/// `voteops chaos flood`.
#[derive(Debug, Clone, Args)]
pub struct FloodArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Vote app to send to, instead of the stack's; may be given more than once
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub url: Vec<Url>,
    /// Votes in a second
    #[arg(long, value_name = "R", value_parser = flood_rate, allow_negative_numbers = true)]
    pub rate: f64,
    /// How long
    #[arg(long = "for", value_name = "DURATION", value_parser = fault_length)]
    pub length: Duration,
    /// Connections to send over
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,
    /// Choices to vote for, in turn
    #[arg(long, value_name = "ID", value_delimiter = ',', default_values_t = ["cats".to_owned(), "dogs".to_owned()])]
    pub choice: Vec<String>,
    /// Print JSON (schemas/flood.schema.json)
    #[arg(long)]
    pub json: bool,
}

/// `voteops chaos verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The alert to prove
    #[arg(value_name = "ALERT")]
    pub alert: String,
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// The fault that is to make it fire
    #[arg(long, value_name = "FAULT", default_value = "stall-worker", value_parser = ["stall-worker"])]
    pub fault: String,
    /// Print JSON (schemas/verify.schema.json)
    #[arg(long)]
    pub json: bool,
}

/// `voteops chaos recover`.
#[derive(Debug, Clone, Args)]
pub struct RecoverArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Undo faults whose runner is still alive, too
    #[arg(long)]
    pub force: bool,
}

/// `voteops chaos guardian`.
#[derive(Debug, Clone, Args)]
pub struct GuardianArgs {
    /// The fault's record
    #[arg(long, value_name = "FILE")]
    pub record: PathBuf,
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
    VoteApp(voteops_vote_app::Cli),
    /// Drain the queue into the ledger
    Worker(voteops_worker::Cli),
    /// Vote gently, for ever
    Voters {
        /// Votes in a second
        #[arg(long)]
        rate: f64,
        /// Vote apps
        #[arg(long, required = true)]
        url: Vec<Url>,
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
fn one_line(told: &str) -> String {
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

fn http_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("{error}; write http://HOST:PORT"))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err("it must begin with http:// or https:// and name a host".into())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write 30s, 5m or 1h30m"))
}

/// A time between two readings.
pub(crate) fn refresh(text: &str) -> Result<Duration, String> {
    let given = duration(text)?;
    if (Duration::from_millis(200)..=Duration::from_hours(1)).contains(&given) {
        Ok(given)
    } else {
        Err("it must be between 200ms and 1h".into())
    }
}

fn fault_length(text: &str) -> Result<Duration, String> {
    let given = duration(text)?;
    if (Duration::from_millis(100)..=Duration::from_hours(4)).contains(&given) {
        Ok(given)
    } else {
        Err("it must be between 100ms and 4h".into())
    }
}

fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let given: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (least..=most).contains(&given) {
        Ok(given)
    } else {
        Err(format!("it must be between {least} and {most}"))
    }
}

fn voter_rate(text: &str) -> Result<f64, String> {
    number(text, 0.0, 10_000.0)
}

fn flood_rate(text: &str) -> Result<f64, String> {
    number(text, 0.1, 200_000.0)
}

fn time_scale(text: &str) -> Result<f64, String> {
    number(text, 1.0, 60.0)
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
