//! Whom a fault may touch, and where: the components of a stack of `voteops up`, processes, containers,
//! or services by their admin listeners.

use std::path::{Path, PathBuf};

use url::Url;
use voteops_chaos::catalogue::{
    COLD_CACHE, Entry, FAIL_VOTES, FILL_REDIS, MUTE_TRAFFIC, SLOW_VOTES, STALL_REDIS,
};
use voteops_chaos::engine::{self, Address, EngineError, Selection};
use voteops_chaos::faults::lease;
use voteops_chaos::process::Process;
use voteops_chaos::record::Target;
use voteops_chaos::units;
use voteops_local::StackFile;
use voteops_local::component::Kind;
use voteops_observability::text::clean_line;

use super::{data_dir, fault_failure, running, state_dir};
use crate::Failure;
use crate::args::{AskedArgs, ReachArgs, StackArgs, Via};
use crate::failure::{CANNOT_ASK, USAGE};

/// Where an experiment is done.
#[derive(Debug)]
pub(super) struct Ground {
    /// The stack of `voteops up`, if it is one.
    pub(super) stack: Option<StackFile>,
    /// Where faults are put on record.
    pub(super) state_dir: PathBuf,
}

impl Ground {
    /// A stack of `voteops up`.
    pub(super) fn of(stack: StackFile) -> Self {
        Self {
            state_dir: state_dir(&stack.data_dir),
            stack: Some(stack),
        }
    }

    fn elsewhere(args: &StackArgs) -> Result<Self, Failure> {
        Ok(Self {
            stack: None,
            state_dir: state_dir(&data_dir(args)?),
        })
    }

    /// The addresses of its vote apps.
    pub(super) fn vote_apps(&self) -> Vec<Url> {
        self.stack.as_ref().map_or_else(Vec::new, super::vote_apps)
    }
}

/// Those that a fault may touch.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) targets: Vec<Target>,
    pub(super) ground: Ground,
}

impl Found {
    /// Of how many the targets of a fault are chosen; `None` for what there is only ever one of.
    pub(super) fn count(&self, fault: &Entry) -> Option<usize> {
        let kind = kind(fault);
        (!matches!(kind, Kind::Redis | Kind::Voters)).then_some(self.targets.len())
    }
}

/// What a fault touches.
pub(super) fn kind(fault: &Entry) -> Kind {
    match fault {
        _ if [STALL_REDIS, FILL_REDIS].contains(fault) => Kind::Redis,
        _ if *fault == MUTE_TRAFFIC => Kind::Voters,
        _ if [SLOW_VOTES, FAIL_VOTES, COLD_CACHE].contains(fault) => Kind::VoteApp,
        _ => Kind::Worker,
    }
}

/// What is called so in the label.
fn component(kind: Kind) -> &'static str {
    match kind {
        Kind::Redis => "redis",
        Kind::Voters => "voters",
        Kind::VoteApp => "vote-app",
        _ => "worker",
    }
}

/// Processes or containers that are named, or those that are there.
pub(super) fn found(fault: &Entry, stack: &StackArgs, reach: &ReachArgs) -> Result<Found, Failure> {
    let names_processes = !reach.pid.is_empty() || !reach.unit.is_empty();
    let selection = selection(reach);
    let names_containers = !selection.is_empty() || reach.engine.is_some();
    let elsewhere = |targets| {
        let ground = Ground::elsewhere(stack)?;
        Ok(Found { targets, ground })
    };
    match reach.via {
        Some(Via::Http) => Err(Failure::new(
            USAGE,
            format!(
                "{} cannot be done over HTTP; give --via process or --via docker",
                fault.name
            ),
        )),
        Some(Via::Docker) if names_processes => Err(contrary("docker", "--pid and --unit")),
        Some(Via::Process) if names_containers => Err(contrary("process", "containers")),
        _ if names_processes => elsewhere(processes(reach)?),
        Some(Via::Docker) => elsewhere(labelled(fault, reach, selection)?),
        _ if names_containers => elsewhere(labelled(fault, reach, selection)?),
        via => match StackFile::find(stack.data_dir.as_deref()) {
            Ok(stack) => Ok(Found {
                targets: running(&stack, kind(fault))?,
                ground: Ground::of(stack),
            }),
            Err(error @ voteops_local::Error::NoStack) if via.is_none() => {
                let none = Failure::from(error).with_code(CANNOT_ASK);
                elsewhere(unnamed(fault, none)?)
            }
            Err(error) => Err(Failure::from(error).with_code(CANNOT_ASK)),
        },
    }
}

/// Whether targets are named.
pub(super) fn is_named(reach: &ReachArgs) -> bool {
    let names_processes = !reach.pid.is_empty() || !reach.unit.is_empty();
    let names_containers = !selection(reach).is_empty() || reach.engine.is_some();
    names_processes || names_containers || reach.via == Some(Via::Docker)
}

fn contrary(via: &str, named: &str) -> Failure {
    let told = format!("--via {via} does not go with {named}; leave out one of them");
    Failure::new(USAGE, told)
}

fn selection(reach: &ReachArgs) -> Selection {
    Selection {
        names: reach.container.clone(),
        service: reach.service.clone(),
        project: reach.project.clone(),
        labels: reach.label.clone(),
    }
}

fn processes(reach: &ReachArgs) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for pid in &reach.pid {
        let process = Process::find(*pid);
        let process =
            process.map_err(|error| Failure::new(USAGE, format!("--pid {pid}: {error}")))?;
        targets.push(Target::process(command(*pid), process));
    }
    for unit in &reach.unit {
        let processes = units::processes(unit);
        targets.extend(processes.map_err(|error| Failure::from(error).with_code(USAGE))?);
    }
    Ok(targets)
}

/// What a process is called.
fn command(pid: i32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    match clean_line(name.trim()) {
        name if name.is_empty() => format!("{pid}"),
        name => name.into_owned(),
    }
}

/// The containers that are meant; where nothing is said but perhaps a project, those that the label
/// tells to be what the fault touches.
fn labelled(
    fault: &Entry,
    reach: &ReachArgs,
    mut selection: Selection,
) -> Result<Vec<Target>, Failure> {
    let of_project = Selection {
        project: selection.project.clone(),
        ..Selection::default()
    };
    if selection == of_project {
        selection.labels = vec![label(fault)];
    }
    let address = match &reach.engine {
        Some(address) => Address::named(address),
        None => Address::usual().map_err(refused)?,
    };
    let found = engine::containers(&address, &selection).map_err(refused)?;
    if found.is_empty() {
        let told = format!(
            "no container runs that is meant ({}); name them with --container, --service or --label",
            told(&selection)
        );
        return Err(Failure::new(USAGE, told));
    }
    Ok(found)
}

/// What is touched where nothing is named and no stack runs, which `none` tells: only what says that it is of a voting
/// service, and only on this machine.
fn unnamed(fault: &Entry, none: Failure) -> Result<Vec<Target>, Failure> {
    let nor = |told: &str| format!("{none}; nor is a container touched: {told}");
    let refused = |error| {
        let failure = refused(error);
        Failure::new(failure.code(), nor(&failure.to_string()))
    };
    let address = match Address::usual() {
        Err(EngineError::None) => return Err(none),
        address => address.map_err(refused)?,
    };
    if !address.is_here().map_err(refused)? {
        let told = format!(
            "the engine at {address} may be another machine's; --via docker says that it is meant, --engine names another"
        );
        return Err(Failure::new(USAGE, nor(&told)));
    }
    let selection = Selection {
        labels: vec![label(fault)],
        ..Selection::default()
    };
    match engine::containers(&address, &selection).map_err(refused)? {
        found if found.is_empty() => Err(none),
        found => Ok(found),
    }
}

/// The label of the containers that a fault touches.
fn label(fault: &Entry) -> String {
    format!("{}={}", engine::COMPONENT, component(kind(fault)))
}

/// A selection in words.
fn told(selection: &Selection) -> String {
    let service = selection
        .service
        .iter()
        .map(|name| format!("service {name}"));
    let project = selection
        .project
        .iter()
        .map(|name| format!("project {name}"));
    let labels = selection
        .labels
        .iter()
        .map(|label| format!("label {label}"));
    let all: Vec<_> = service.chain(project).chain(labels).collect();
    all.join(", ")
}

fn refused(error: EngineError) -> Failure {
    let code = match error {
        EngineError::Refused(_) | EngineError::Address { .. } => USAGE,
        _ => CANNOT_ASK,
    };
    Failure::from(error).with_code(code)
}

/// Services, for a fault that they are asked for, and the file with the token that opens them; containers are
/// asked from inside, where theirs is.
pub(super) fn asked(
    fault: &Entry,
    stack: &StackArgs,
    place: &AskedArgs,
) -> Result<(Found, Option<PathBuf>), Failure> {
    let via = place.reach.via;
    if let (Some(token_file), false) = (&place.admin_token_file, place.admin.is_empty()) {
        if via.is_some_and(|via| via != Via::Http) {
            let told = "--admin goes with --via http, and without --via; leave out one of them";
            return Err(Failure::new(USAGE, told));
        }
        let targets = place.admin.iter().map(|url| lease::at(url, token_file));
        let targets = targets.collect::<Result<_, _>>().map_err(fault_failure)?;
        let ground = Ground::elsewhere(stack)?;
        return Ok((Found { targets, ground }, Some(absolute(token_file)?)));
    }
    let is_process = !place.reach.pid.is_empty() || !place.reach.unit.is_empty();
    if is_process || via == Some(Via::Process) {
        let told = "a process is asked for this fault by its admin listener; name that with --admin URL \
                    --admin-token-file FILE";
        return Err(Failure::new(USAGE, told));
    }
    let found = if via == Some(Via::Http) {
        let stack = super::stack(stack)?;
        Found {
            targets: running(&stack, kind(fault))?,
            ground: Ground::of(stack),
        }
    } else {
        found(fault, stack, &place.reach)?
    };
    let token_file = found.ground.stack.as_ref().map(admin_token_file);
    Ok((found, token_file.transpose()?))
}

/// The guardian works from `/`.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(path);
    absolute.map_err(|error| Failure::new(USAGE, format!("{}: {error}", path.display())))
}

/// The file with the token that opens the admin listeners of a stack.
pub(super) fn admin_token_file(stack: &StackFile) -> Result<PathBuf, Failure> {
    stack.admin_token_file.clone().ok_or_else(|| {
        let message = "this stack was started by an older voteops and takes no such faults; \
                       start it anew";
        Failure::new(CANNOT_ASK, message)
    })
}

#[cfg(test)]
mod tests {
    use voteops_chaos::catalogue::{KILL_WORKER, STALL_WORKER};

    use super::*;

    #[test]
    fn an_engine_names_targets_too() {
        let engine = ReachArgs {
            engine: Some("unix:///run/other.sock".to_owned()),
            ..ReachArgs::default()
        };
        assert!(is_named(&engine));
        assert!(!is_named(&ReachArgs::default()));
    }

    fn none() -> StackArgs {
        StackArgs { data_dir: None }
    }

    #[test]
    fn means_that_contradict_what_is_named_are_refused() {
        let pid = ReachArgs {
            via: Some(Via::Docker),
            pid: vec![1],
            ..ReachArgs::default()
        };
        let container = ReachArgs {
            via: Some(Via::Process),
            container: vec!["shop".to_owned()],
            ..ReachArgs::default()
        };
        for (reach, told) in [(pid, "--via docker"), (container, "--via process")] {
            let refused = found(&STALL_WORKER, &none(), &reach).unwrap_err();
            assert_eq!(refused.code(), USAGE);
            assert!(refused.to_string().starts_with(told), "{refused}");
        }
    }

    #[test]
    fn what_stops_or_kills_is_not_done_over_http_and_what_is_asked_for_not_by_signals() {
        let reach = |via| ReachArgs {
            via: Some(via),
            ..ReachArgs::default()
        };
        let refused = found(&STALL_WORKER, &none(), &reach(Via::Http)).unwrap_err();
        let told = refused.to_string();
        assert!(
            told.starts_with("stall-worker cannot be done over HTTP"),
            "{told}"
        );
        let place = |via, admin: &[&str]| AskedArgs {
            reach: reach(via),
            admin: admin.iter().map(|url| url.parse().unwrap()).collect(),
            admin_token_file: Some("/nowhere/token".into()),
        };
        for (place, told) in [
            (place(Via::Process, &[]), "name that with --admin"),
            (
                place(Via::Docker, &["http://a:1"]),
                "--admin goes with --via http",
            ),
        ] {
            let refused = asked(&SLOW_VOTES, &none(), &place).unwrap_err();
            assert_eq!(refused.code(), USAGE);
            assert!(refused.to_string().contains(told), "{refused}");
        }
    }

    #[test]
    fn a_process_is_called_by_its_command_and_one_that_is_gone_is_told() {
        let own = i32::try_from(std::process::id()).unwrap();
        let reach = |pid| ReachArgs {
            pid: vec![pid],
            ..ReachArgs::default()
        };
        let found = processes(&reach(own)).unwrap();
        assert!(!found[0].name.is_empty());
        let gone = processes(&reach(i32::MAX)).unwrap_err().to_string();
        assert!(gone.starts_with("--pid 2147483647: no process"), "{gone}");
    }

    #[test]
    fn a_fault_on_workers_touches_workers() {
        assert_eq!(component(kind(&KILL_WORKER)), "worker");
        assert_eq!(component(kind(&MUTE_TRAFFIC)), "voters");
        assert_eq!(component(kind(&STALL_REDIS)), "redis");
        assert_eq!(component(kind(&SLOW_VOTES)), "vote-app");
    }
}
