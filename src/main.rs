//! The program `voteops`.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use voteops::args::Cli;

/// Vote apps and workers are this program too: what one of their threads has taken, another gives back, and
/// threads would wait for each other in the allocator of glibc.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
