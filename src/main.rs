//! The program `voteops`.

use std::process::ExitCode;

use voteops::args::Cli;

fn main() -> ExitCode {
    voteops::report(
        "voteops",
        voteops::args::parse::<Cli>().and_then(voteops::dispatch),
    )
}
