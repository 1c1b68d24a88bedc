//! The worker as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use voteops_worker::{Cli, run_cli};

/// What one thread has taken, another gives back: threads would wait for each other in the allocator of
/// glibc.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
