//! From a parsed command line to the library that does it.

use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use crate::args::{Cli, Command};
use crate::{Failure, chaos, console, internal, status, up};

/// Runs what the command line asks for.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Up(args) => up::up(&args),
        Command::Down(args) => up::down(&args),
        Command::Status(args) => status::status(&args),
        Command::Tui(args) => console::run(&args),
        Command::Chaos(command) => chaos::run(command),
        Command::Internal(command) => internal::run(command),
    }
}

/// A runtime that works on all cores.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

/// A runtime on this very thread.
pub(crate) fn single_thread_runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
