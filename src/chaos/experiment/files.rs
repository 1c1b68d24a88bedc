//! Experiment files: read, checked, and told where something is wrong with them.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use voteops_chaos::experiments::{Problem, Script, parse};

use crate::Failure;
use crate::args::CheckFilesArgs;
use crate::failure::USAGE;

/// Checks files, and tells of each.
pub(super) fn check(args: &CheckFilesArgs) -> Result<ExitCode, Failure> {
    let mut sound = true;
    let mut told: Vec<Value> = Vec::new();
    for path in &args.files {
        let parsed = match read(path) {
            Ok(text) => parse(&text),
            // The other files are told of all the same.
            Err(failure) if args.json => Err(vec![unreadable(&failure)]),
            Err(failure) => {
                eprintln!("voteops: {failure}");
                sound = false;
                continue;
            }
        };
        sound &= parsed.is_ok();
        if args.json {
            let problems = parsed.err().unwrap_or_default();
            told.push(json!({ "file": path.display().to_string(), "problems": problems }));
            continue;
        }
        match parsed {
            Ok(script) => println!("{}: {}, {}", path.display(), script.title, steps(&script)),
            Err(problems) => tell(path, &problems),
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&told)?);
    }
    Ok(ExitCode::from(if sound { 0 } else { USAGE }))
}

/// The experiment of a file; `None` when something is wrong with it, which is told.
///
/// # Errors
/// [`Failure`] that names the file when it cannot be read.
pub(super) fn sound(path: &Path) -> Result<Option<Script>, Failure> {
    match parse(&read(path)?) {
        Ok(script) => Ok(Some(script)),
        Err(problems) => {
            tell(path, &problems);
            Ok(None)
        }
    }
}

/// A file that cannot be read, as something that is wrong at its beginning.
fn unreadable(failure: &Failure) -> Problem {
    Problem {
        line: 1,
        column: 1,
        problem: failure.to_string(),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let told = format!(
            "{}: {error}; name an experiment file (docs/experiments.md)",
            path.display()
        );
        Failure::new(USAGE, told)
    })
}

/// Tells what is wrong, as compilers do, so that editors find the place.
fn tell(path: &Path, problems: &[Problem]) {
    for problem in problems {
        eprintln!("{}:{problem}", path.display());
    }
}

fn steps(script: &Script) -> String {
    match script.steps().count() {
        1 => "1 step".to_owned(),
        count => format!("{count} steps"),
    }
}
