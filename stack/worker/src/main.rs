//! The worker as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use voteops_worker::{Cli, run_cli};

#[tokio::main]
async fn main() -> ExitCode {
    match run_cli(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
