//! The program `voteops`.

use std::process::ExitCode;

use clap::Parser;
use voteops::args::Cli;

fn main() -> ExitCode {
    voteops::report("voteops", voteops::dispatch(Cli::parse()))
}
