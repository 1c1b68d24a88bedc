//! The arguments of `voteops chaos verify`.

use std::path::PathBuf;

use clap::Args;
use url::Url;
use voteops_chaos::catalogue::Entry;

use super::StackArgs;
use super::chaos::SafetyArgs;
use super::reach::ReachArgs;
use super::values::{held_fault, http_url, time_scale};

/// `voteops chaos verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The alerts to prove, one after the other
    #[arg(value_name = "ALERT", required_unless_present = "all")]
    pub alerts: Vec<String>,
    /// Prove every alert that the server has rules for
    #[arg(long, conflicts_with_all = ["alerts", "fault"])]
    pub all: bool,
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// The fault that is to make them fire, instead of the one that is there for each
    /// (`voteops chaos list`)
    #[arg(long, value_name = "FAULT", value_parser = held_fault)]
    pub fault: Option<&'static Entry>,
    /// Elsewhere than on a stack of `voteops up`
    #[command(flatten)]
    pub site: SiteArgs,
    /// Where the targets are
    #[command(flatten)]
    pub reach: ReachArgs,
    /// What keeps it within bounds
    #[command(flatten)]
    pub safety: SafetyArgs,
    /// Print JSON (schemas/verify.schema.json)
    #[arg(long)]
    pub json: bool,
    /// What is written besides
    #[command(flatten)]
    pub reports: ReportArgs,
}

/// Which servers prove an alert that is not of a stack of `voteops up`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Elsewhere")]
pub struct SiteArgs {
    /// Evaluates the rule; without it the alert is one of the stack that runs
    #[arg(long, value_name = "URL", value_parser = http_url, requires = "notifies")]
    pub prometheus: Option<Url>,
    /// Notifies
    #[arg(long, value_name = "URL", value_parser = http_url, requires = "prometheus", group = "notifies")]
    pub alertmanager: Option<Url>,
    /// Evaluates the rule and notifies in their stead, asking Prometheus: the alerts are Grafana's own
    #[arg(long, value_name = "URL", value_parser = http_url, conflicts_with = "alertmanager", group = "notifies")]
    pub grafana: Option<Url>,
    /// Holds a token of a service account of Grafana that may read rules, policies and contact points
    #[arg(long, value_name = "FILE", requires = "grafana")]
    pub grafana_token_file: Option<PathBuf>,
    /// A receiver of voteops that Alertmanager notifies; without one, Alertmanager itself is asked
    /// whether it holds the alert
    #[arg(long, value_name = "URL", value_parser = http_url, requires = "prometheus")]
    pub receiver: Option<Url>,
    /// What Prometheus scrapes of the targets, besides what is found; may be given more than once
    #[arg(long, value_name = "HOST[:PORT]", requires = "prometheus")]
    pub scraped: Vec<String>,
    /// Takes the votes that are cast meanwhile; may be given more than once
    #[arg(long, value_name = "URL", value_parser = http_url, requires = "prometheus")]
    pub vote_app: Vec<Url>,
    /// Where these votes end; without it they are not audited; with --vote-app, or on a Compose project
    #[arg(
        long,
        value_name = "URL",
        env = "VOTEOPS_LEDGER_URL",
        hide_env_values = true
    )]
    pub ledger: Option<String>,
    /// Where a Redis is reached that is to be filled, `redis://:PASSWORD@HOST:PORT`; with --prometheus
    #[arg(
        long,
        value_name = "URL",
        env = "VOTEOPS_REDIS_URL",
        hide_env_values = true
    )]
    pub redis: Option<Url>,
    /// What the durations of its rules are divided by
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = time_scale, requires = "prometheus")]
    pub time_scale: f64,
}

/// Reports that are written to files.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Write one self-contained page with charts
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write what happens as it happens, JSON lines (schemas/journal.schema.json)
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}
