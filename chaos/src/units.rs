//! The processes of a systemd unit: those in its control group.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Process, State};
use crate::record::Target;

/// Where the one hierarchy of control groups is mounted.
const HIERARCHY: &str = "/sys/fs/cgroup";
/// The same beside the older ones, and systemd's own of these.
const OLDER: [&str; 2] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];

/// Why the processes of a unit are not known.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// Systemd could not be asked.
    #[error("systemd cannot be asked for {unit}: {reason}; give the processes with --pid")]
    NoSystemd {
        /// The unit.
        unit: String,
        /// What went wrong.
        reason: String,
    },
    /// There is no such unit, or it does not run.
    #[error(
        "the unit {unit} has no processes (it is {state}); `systemctl list-units` tells what runs"
    )]
    NotRunning {
        /// The unit.
        unit: String,
        /// What systemd says that it is.
        state: String,
    },
    /// Its control group cannot be read.
    #[error("cannot read the control group of {unit}, {}: {source}", .path.display())]
    Group {
        /// The unit.
        unit: String,
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The living processes of a unit, oldest id first.
///
/// # Errors
/// [`UnitError`].
pub fn processes(unit: &str) -> Result<Vec<Target>, UnitError> {
    let shown = show(unit)?;
    let value = |name: &str| {
        let mut values = shown.lines().filter_map(|line| line.split_once('='));
        let found = values.find(|(key, _)| *key == name);
        found.map_or("", |(_, value)| value.trim())
    };
    let not_running = || UnitError::NotRunning {
        unit: unit.to_owned(),
        state: [value("LoadState"), value("ActiveState")].join(", "),
    };
    let group = value("ControlGroup");
    if group.is_empty() || group == "/" {
        return Err(not_running());
    }
    let path = mounted(group);
    let mut pids = Vec::new();
    collect(&path, &mut pids).map_err(|source| match source.kind() {
        ErrorKind::NotFound => not_running(),
        _ => UnitError::Group {
            unit: unit.to_owned(),
            path: path.clone(),
            source,
        },
    })?;
    pids.sort_unstable();
    let alive = |process: &Process| process.state().is_ok_and(State::is_alive);
    let living = pids.into_iter().filter_map(|pid| Process::find(pid).ok());
    let targets: Vec<_> = living
        .filter(alive)
        .map(|process| Target::process(format!("{unit}/{}", process.pid), process))
        .collect();
    if targets.is_empty() {
        return Err(not_running());
    }
    Ok(targets)
}

fn show(unit: &str) -> Result<String, UnitError> {
    let refused = |reason: String| UnitError::NoSystemd {
        unit: unit.to_owned(),
        reason,
    };
    let mut systemctl = Command::new("systemctl");
    systemctl.args([
        "show",
        "--property=ControlGroup,ActiveState,LoadState",
        "--",
        unit,
    ]);
    let shown = systemctl
        .output()
        .map_err(|error| refused(format!("systemctl: {error}")))?;
    if !shown.status.success() {
        let said = String::from_utf8_lossy(&shown.stderr);
        return Err(refused(said.trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&shown.stdout).into_owned())
}

fn mounted(group: &str) -> PathBuf {
    let below = group.trim_start_matches('/');
    let [unified, systemd] = OLDER.map(Path::new);
    let roots = [Path::new(HIERARCHY), unified, systemd];
    let mut there = roots.iter().map(|root| root.join(below));
    let first = Path::new(HIERARCHY).join(below);
    there.find(|path| path.is_dir()).unwrap_or(first)
}

/// The ids of all processes in a control group and those below it.
fn collect(group: &Path, pids: &mut Vec<i32>) -> std::io::Result<()> {
    let listed = fs::read_to_string(group.join("cgroup.procs"))?;
    pids.extend(listed.lines().filter_map(|line| line.parse::<i32>().ok()));
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            match collect(&entry.path(), pids) {
                // It was removed meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                collected => collected?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processes_of_a_group_and_those_below_it_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("below");
        fs::create_dir(&below).unwrap();
        fs::write(dir.path().join("cgroup.procs"), "7\n8\n").unwrap();
        fs::write(below.join("cgroup.procs"), "9\n").unwrap();
        let mut pids = Vec::new();
        collect(dir.path(), &mut pids).unwrap();
        assert_eq!(pids, [7, 8, 9]);
    }
}
