//! Completions for shells, and manual pages, made from the command lines themselves.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::Failure;
use crate::args::{Cli, CompletionsArgs, ManArgs, Program, TuiArgs};
use crate::failure::USAGE;

/// Prints the completions of a shell.
///
/// # Errors
/// [`Failure`] when they cannot be written.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut command = match args.program {
        Program::Voteops => Cli::command(),
        Program::VoteopsTui => TuiArgs::command(),
    };
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    print(&script)
}

/// Prints the first page, or writes all of them.
///
/// # Errors
/// [`Failure`] that names the file.
pub(crate) fn pages(args: &ManArgs) -> Result<ExitCode, Failure> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page)?;
        return print(&page);
    };
    for command in [Cli::command(), TuiArgs::command()] {
        let name = command.get_name().to_owned();
        write(&command, &name, dir)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The page of a command and those of what it does, as git names its own: `voteops-up.1`.
fn write(command: &Command, name: &str, dir: &Path) -> Result<(), Failure> {
    let mut page = Vec::new();
    let titled = command
        .clone()
        .display_name(name)
        .bin_name(name.replace('-', " "));
    Man::new(titled).title(name).render(&mut page)?;
    let path = dir.join(format!("{name}.1"));
    fs::write(&path, page).map_err(|error| {
        let path = path.display();
        let told =
            format!("{path} cannot be written: {error}; name a directory that is there and yours");
        Failure::new(USAGE, told)
    })?;
    println!("{}", path.display());
    let parts = command.get_subcommands();
    // `voteops tui` is the program `voteops-tui`, which has its page.
    for part in parts.filter(|part| !part.is_hide_set() && part.get_name() != "tui") {
        write(part, &format!("{name}-{}", part.get_name()), dir)?;
    }
    Ok(())
}

/// Prints; a reader that has seen enough is no failure.
///
/// # Errors
/// [`Failure`] when standard output cannot be written.
pub(crate) fn print(bytes: &[u8]) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_names_its_arguments() {
        let dir = tempfile::tempdir().unwrap();
        pages(&ManArgs {
            dir: Some(dir.path().into()),
        })
        .unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(read("voteops-chaos-stall-worker.1").contains("workers"));
        assert!(read("voteops-tui.1").contains("VOTEOPS"));
        assert!(read("voteops.1").contains("voteops\\-up(1)"));
        assert!(!dir.path().join("voteops-internal.1").exists());
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = pages(&ManArgs {
            dir: Some("/nowhere/at/all".into()),
        });
        let told = format!("{:?}", error.unwrap_err());
        assert!(told.contains("/nowhere/at/all/voteops.1"), "{told}");
    }
}
