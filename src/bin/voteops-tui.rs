//! The program `voteops-tui`: the console by its own name.

use std::process::ExitCode;

use voteops::args::TuiArgs;

fn main() -> ExitCode {
    voteops::end_quietly_without_a_reader();
    let outcome = voteops::args::parse().and_then(|args: TuiArgs| voteops::tui(args));
    voteops::report("voteops-tui", outcome)
}
