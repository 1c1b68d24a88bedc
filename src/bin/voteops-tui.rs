//! The program `voteops-tui`: the console by its own name.

use std::process::ExitCode;

use clap::Parser;
use voteops::args::TuiArgs;

fn main() -> ExitCode {
    voteops::report("voteops-tui", voteops::console::run(&TuiArgs::parse()))
}
