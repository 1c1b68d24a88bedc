//! The arguments of the console, of `voteops status` and of `voteops config`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use url::Url;
use voteops_console::Look;

use super::StackArgs;
use super::values::{duration, http_url, refresh, time_limit};

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
    #[arg(long, value_name = "NAME", env = "VOTEOPS_CONTEXT")]
    pub context: Option<String>,
    /// Prometheus to ask [default: that of the stack that runs]
    #[arg(long, value_name = "URL", env = "VOTEOPS_PROMETHEUS", value_parser = http_url)]
    pub prometheus: Option<Url>,
    /// Alertmanager to ask; with --prometheus only
    #[arg(long, value_name = "URL", env = "VOTEOPS_ALERTMANAGER", value_parser = http_url)]
    pub alertmanager: Option<Url>,
    /// Grafana to ask for the alert rules that it evaluates itself; with --prometheus only
    #[arg(long, value_name = "URL", env = "VOTEOPS_GRAFANA", value_parser = http_url)]
    pub grafana: Option<Url>,
    /// Loki to ask for logs; with --prometheus only
    #[arg(long, value_name = "URL", env = "VOTEOPS_LOKI", value_parser = http_url)]
    pub loki: Option<Url>,
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

/// `voteops doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Which servers are asked
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Also push a line into Loki and, on a stack of this machine, send an alert that pages nobody, and
    /// wait until they arrive
    #[arg(long)]
    pub probe: bool,
    /// How long each question may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = time_limit)]
    pub time_limit: Duration,
    /// Print JSON (schemas/doctor.schema.json)
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
    #[arg(long, value_name = "DIR", conflicts_with = "export")]
    pub replay: Option<PathBuf>,
    /// How much time is shown at the start, and exported [default: 10m, divided by the time scale]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub range: Option<Duration>,
    /// What the console looks like
    #[command(flatten)]
    pub look: LookArgs,
    /// Let experiments be begun from the console; each shows its plan and asks first
    #[arg(long)]
    pub allow_chaos: bool,
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
    /// Language [default: that of the locale, if it is one of these; else en]
    #[arg(long, value_name = "LANG", env = "VOTEOPS_LANG",
        value_parser = clap::builder::PossibleValuesParser::new(Look::LANGS))]
    pub lang: Option<String>,
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
    /// List the console's keys: the name of each binding, its keys, what they do and where
    Keys(ConfigArgs),
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
