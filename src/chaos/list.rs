//! `voteops chaos list`.

use std::process::ExitCode;

use voteops_chaos::catalogue::FAULTS;

use crate::Failure;
use crate::args::ListArgs;

/// Columns of a word before its text.
const WORD: usize = 11;

/// Lists the faults.
pub(super) fn run(args: ListArgs) -> Result<ExitCode, Failure> {
    if args.json {
        println!("{}", serde_json::to_string_pretty(&FAULTS)?);
        return Ok(ExitCode::SUCCESS);
    }
    for fault in FAULTS {
        println!("{}", fault.name);
        for (word, text) in [
            ("", fault.about),
            ("touches", fault.touches),
            ("undone", fault.undone),
            ("makes fire", &fault.alerts.join(", ")),
        ] {
            println!("  {word:WORD$}{text}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
