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
        "the unit {unit} has no processes ({}); `systemctl list-units` tells what runs",
        .state.as_ref().map_or_else(|| "nothing fits".into(), |state| format!("it is {state}"))
    )]
    NotRunning {
        /// The unit.
        unit: String,
        /// What systemd says that it is; `None` for a pattern that nothing fits.
        state: Option<String>,
    },
    /// It is a template, which does not run itself.
    #[error(
        "{unit} is a template; name one of its instances, {prefix}NAME, or all of them, '{prefix}*'"
    )]
    Template {
        /// The unit.
        unit: String,
        /// What the names of its instances begin with.
        prefix: String,
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

/// What systemd says of one unit.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shown {
    id: String,
    group: String,
    state: String,
}

/// The living processes of a unit, lowest id first; of all units that run and fit, where `unit` is a
/// pattern such as `worker@*`.
///
/// # Errors
/// [`UnitError`].
pub fn processes(unit: &str) -> Result<Vec<Target>, UnitError> {
    let units = shown(&show(unit)?);
    let mut targets = Vec::new();
    for shown in &units {
        let name = if units.len() == 1 { unit } else { &shown.id };
        targets.extend(living(name, &shown.group)?);
    }
    if targets.is_empty() {
        let states = units.into_iter().map(|shown| shown.state);
        return Err(UnitError::NotRunning {
            unit: unit.to_owned(),
            state: states.reduce(|all, next| format!("{all}; {next}")),
        });
    }
    Ok(targets)
}

/// The living processes of a control group; none where there is no such group any more.
fn living(unit: &str, group: &str) -> Result<Vec<Target>, UnitError> {
    if group.is_empty() || group == "/" {
        return Ok(Vec::new());
    }
    let path = mounted(group);
    let mut pids = Vec::new();
    match collect(&path, &mut pids) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        collected => collected.map_err(|source| UnitError::Group {
            unit: unit.to_owned(),
            path,
            source,
        })?,
    }
    pids.sort_unstable();
    let alive = |process: &Process| process.state().is_ok_and(State::is_alive);
    let living = pids.into_iter().filter_map(|pid| Process::find(pid).ok());
    let named = |process: Process| Target::process(format!("{unit}/{}", process.pid), process);
    Ok(living.filter(alive).map(named).collect())
}

/// The answer of systemd: lines `KEY=VALUE`, with an empty one between units.
fn shown(text: &str) -> Vec<Shown> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    let read = |block: &str| {
        let value = |name: &str| {
            let mut values = block.lines().filter_map(|line| line.split_once('='));
            let found = values.find(|(key, _)| *key == name);
            found.map_or("", |(_, value)| value.trim())
        };
        Shown {
            id: value("Id").to_owned(),
            group: value("ControlGroup").to_owned(),
            state: [value("LoadState"), value("ActiveState")].join(", "),
        }
    };
    blocks.map(read).collect()
}

fn show(unit: &str) -> Result<String, UnitError> {
    if is_template(unit) {
        return Err(UnitError::Template {
            prefix: unit.trim_end_matches(".service").to_owned(),
            unit: unit.to_owned(),
        });
    }
    let refused = |reason: String| UnitError::NoSystemd {
        unit: unit.to_owned(),
        reason,
    };
    let mut systemctl = Command::new("systemctl");
    systemctl.args([
        "show",
        "--property=Id,ControlGroup,ActiveState,LoadState",
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

/// Whether it is what instances are made of, which has no processes itself: `worker@.service`.
fn is_template(unit: &str) -> bool {
    let (name, _) = unit.rsplit_once('.').unwrap_or((unit, ""));
    name.ends_with('@') || unit.ends_with('@')
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

    /// Answers of systemd 252.
    #[test]
    fn every_unit_that_fits_is_read() {
        let instances = "ControlGroup=/system.slice/system-worker.slice/worker@a.service\nId=worker@a.service\n\
                         LoadState=loaded\nActiveState=active\n\n\
                         ControlGroup=/system.slice/system-worker.slice/worker@b.service\nId=worker@b.service\n\
                         LoadState=loaded\nActiveState=active\n";
        let found = shown(instances);
        let ids: Vec<_> = found.iter().map(|shown| shown.id.as_str()).collect();
        assert_eq!(ids, ["worker@a.service", "worker@b.service"]);
        assert!(found[1].group.ends_with("worker@b.service"));

        let absent =
            "ControlGroup=\nId=absent.service\nLoadState=not-found\nActiveState=inactive\n";
        let [absent] = &shown(absent)[..] else {
            panic!("it is one");
        };
        assert_eq!(
            (&*absent.group, &*absent.state),
            ("", "not-found, inactive")
        );
        // What a pattern that nothing fits is answered by.
        assert_eq!(shown(""), []);
    }

    #[test]
    fn a_template_is_told_with_what_to_name_instead() {
        for unit in ["worker@.service", "worker@"] {
            let told = processes(unit).unwrap_err().to_string();
            assert!(
                told.ends_with("worker@NAME, or all of them, 'worker@*'"),
                "{told}"
            );
        }
        for unit in ["worker@a", "worker@*", "worker@a.service", "w.slice"] {
            assert!(!is_template(unit), "{unit}");
        }
    }
}
