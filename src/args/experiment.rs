//! The arguments of experiments from files.

use std::path::PathBuf;

use clap::Args;

use super::StackArgs;
use super::chaos::SafetyArgs;
use super::verify::ReportArgs;

/// `voteops chaos run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The experiment (docs/experiments.md, schemas/experiment-file.schema.json)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// What keeps it within bounds, besides the file's own `[abort]`
    #[command(flatten)]
    pub safety: SafetyArgs,
    /// Tell what would be done and whom it would touch, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON (schemas/experiment.schema.json)
    #[arg(long)]
    pub json: bool,
    /// What is written besides
    #[command(flatten)]
    pub reports: ReportArgs,
}

/// `voteops chaos check`.
#[derive(Debug, Clone, Args)]
pub struct CheckFilesArgs {
    /// The experiments
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Print JSON: for each file its problems, with line and column (schemas/chaos-check.schema.json)
    #[arg(long)]
    pub json: bool,
}
