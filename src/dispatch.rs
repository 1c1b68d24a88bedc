//! From a parsed command line to the library that does it.

use std::process::ExitCode;

use crate::args::{Cli, Command};
use crate::{Failure, chaos, config, console, doctor, internal, manual, status, up};

/// Runs what the command line asks for.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Up(args) => up::up(&args),
        Command::Down(args) => up::down(&args),
        Command::Status(args) => status::status(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Tui(args) => console::run(&args),
        Command::Chaos(command) => chaos::run(command),
        Command::Config(command) => config::run(&command),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::pages(&args),
        Command::Internal(command) => internal::run(command),
    }
}
