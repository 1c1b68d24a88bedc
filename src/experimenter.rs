//! The experiments that the console may begin, with `--allow-chaos`: each is this program's own
//! command, run as a process of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use voteops_console::{Experimenter, Offer, Plan};
use voteops_local::StackFile;

use crate::chaos;

/// Votes in a second of a flood that is begun from the console.
const FLOOD_PER_S: u32 = 1000;
const STALL: &str = "stall-worker";
const FLOOD: &str = "flood";
const VERIFY: &str = "verify";
/// The alert that `verify` proves.
const BACKLOG: &str = "CriticalVoteQueueBacklog";

/// Experiments on a stack of this machine.
#[derive(Debug)]
pub(crate) struct OnStack {
    data_dir: PathBuf,
}

impl OnStack {
    /// On the stack of this data directory.
    pub(crate) fn new(data_dir: PathBuf) -> Self {
        Self { data_dir }
    }

    fn stack(&self) -> Result<StackFile, String> {
        StackFile::find(Some(&self.data_dir)).map_err(|error| error.to_string())
    }

    fn command(&self, arguments: &[&str]) -> Result<Vec<OsString>, String> {
        let mut command: Vec<OsString> = vec![program()?.into(), "chaos".into()];
        command.extend(arguments.iter().map(OsString::from));
        command.extend(["--data-dir".into(), self.data_dir.clone().into()]);
        Ok(command)
    }
}

/// The program `voteops`: the console may be the other one, which lies beside it.
fn program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let beside = own.with_file_name("voteops");
    if beside.is_file() {
        Ok(beside)
    } else {
        Err(format!(
            "{} is not there: install voteops beside voteops-tui",
            beside.display()
        ))
    }
}

impl Experimenter for OnStack {
    fn offers(&self) -> Vec<Offer> {
        let offer = |name: &str, about: &str, alerts: &[&str], length| Offer {
            name: name.into(),
            about: about.into(),
            alerts: alerts.iter().map(|alert| (*alert).to_owned()).collect(),
            length,
        };
        let minute = Some(Duration::from_mins(1));
        vec![
            offer(
                STALL,
                "stops every worker",
                &[BACKLOG, "WorkerDown"],
                minute,
            ),
            offer(FLOOD, "sends votes faster than usual", &[], minute),
            offer(
                VERIFY,
                "proves the backlog alert end to end",
                &[BACKLOG],
                None,
            ),
        ]
    }

    fn plan(&self, name: &str, length: Option<Duration>) -> Result<Plan, String> {
        let stack = self.stack()?;
        let length = length.unwrap_or_default();
        let length_told = humantime::format_duration(length)
            .to_string()
            .replace(' ', "");
        let for_length = ["--for", &length_told];
        let told = |failure: crate::Failure| failure.to_string();
        let stops = || -> Result<String, String> {
            let workers = chaos::workers(&stack).map_err(told)?;
            let names: Vec<_> = workers
                .iter()
                .map(|worker| format!("{} (process {})", worker.name, worker.process.pid))
                .collect();
            if names.is_empty() {
                return Err("no worker of the stack runs, so there is nothing to stop".into());
            }
            Ok(format!("stops {} (SIGSTOP)", names.join(", ")))
        };
        let (mut lines, command) = match name {
            STALL => (
                vec![
                    stops()?,
                    format!("lets them go on (SIGCONT) after {length_told}, or when x is pressed"),
                ],
                self.command(&[&[STALL], &for_length[..]].concat())?,
            ),
            FLOOD => {
                let votes = length.as_secs_f64() * f64::from(FLOOD_PER_S);
                let apps = chaos::vote_apps(&stack);
                let apps: Vec<_> = apps.iter().map(ToString::to_string).collect();
                let rate = FLOOD_PER_S.to_string();
                (
                    vec![
                        format!(
                            "sends {votes:.0} votes, {rate}/s for {length_told}, to {}",
                            apps.join(", ")
                        ),
                        "they are counted like any other, and not taken back".into(),
                    ],
                    self.command(&[&[FLOOD, "--rate", &rate], &for_length[..]].concat())?,
                )
            }
            VERIFY => (
                vec![
                    stops()?,
                    "floods the queue until the alert fires, and lets them go on".into(),
                    format!("proves {BACKLOG}: pending, firing, notified, resolved, no vote lost"),
                ],
                self.command(&[VERIFY, BACKLOG])?,
            ),
            other => return Err(format!("there is no experiment {other:?}")),
        };
        if name != FLOOD {
            lines.push("its guardian undoes it should this console or the program die".into());
        }
        lines.push(format!("the same by hand: {}", by_hand(&command)));
        Ok(Plan { lines, command })
    }
}

/// A command as one would type it.
fn by_hand(command: &[OsString]) -> String {
    let program = command.first().map(Path::new).and_then(Path::file_name);
    let words = program
        .into_iter()
        .chain(command.iter().skip(1).map(OsString::as_os_str));
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
