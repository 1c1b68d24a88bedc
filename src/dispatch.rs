//! From a parsed command line to the library that does it.

use std::process::ExitCode;

use crate::args::{Cli, Command, TuiArgs};
use crate::{Failure, chaos, config, console, doctor, internal, manual, status, up};

/// Runs what the command line asks for.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Up(args) => up::up(&args),
        Command::Down(args) => up::down(&args),
        Command::Status(mut args) => {
            args.sources.settle()?;
            status::status(&args)
        }
        Command::Doctor(mut args) => {
            args.sources.settle()?;
            doctor::doctor(&args)
        }
        Command::Tui(args) => tui(args),
        Command::Chaos(command) => chaos::run(command),
        Command::Config(command) => config::run(&command),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::pages(&args),
        Command::Internal(command) => internal::run(command),
    }
}

/// Runs the console, by whichever name.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn tui(mut args: TuiArgs) -> Result<ExitCode, Failure> {
    args.settle()?;
    console::run(&args)
}
