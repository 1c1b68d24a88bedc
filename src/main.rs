//! The program `voteops`.

use std::process::ExitCode;

use voteops::args::Cli;

fn main() -> ExitCode {
    voteops::end_quietly_without_a_reader();
    if let Some(code) = voteops::guardian() {
        return code;
    }
    voteops::report(
        "voteops",
        voteops::args::parse::<Cli>().and_then(voteops::dispatch),
    )
}
