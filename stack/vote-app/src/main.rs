//! The vote app as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use voteops_vote_app::{Cli, run_cli, runtime};

/// What one thread has taken, another gives back: threads would wait for each other in the allocator of
/// glibc.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("vote-app: cannot start its threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run_cli(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vote-app: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
