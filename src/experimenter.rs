//! The experiments that the console may begin, with `--allow-chaos`: each is this program's own
//! command, run as a process of its own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use voteops_chaos::catalogue::{Entry, FAULTS, FLOOD};
use voteops_console::{Experimenter, Offer, Plan};
use voteops_local::StackFile;

use crate::chaos;
use crate::config::Config;

/// Votes in a second of a flood that is begun from the console.
const FLOOD_PER_S: u32 = 1000;
/// How long a fault lasts unless something else is written.
const USUAL: Duration = Duration::from_mins(1);
const VERIFY: &str = "verify";
/// The alert that `verify` proves.
const BACKLOG: &str = "CriticalVoteQueueBacklog";

/// Experiments on a stack of this machine.
#[derive(Debug)]
pub(crate) struct OnStack {
    data_dir: PathBuf,
    /// The configuration that was named, if one was.
    config: Option<PathBuf>,
}

impl OnStack {
    /// On the stack of this data directory.
    pub(crate) fn new(data_dir: PathBuf, config: Option<PathBuf>) -> Self {
        Self { data_dir, config }
    }

    fn stack(&self) -> Result<StackFile, String> {
        StackFile::find(Some(&self.data_dir)).map_err(|error| error.to_string())
    }

    /// A plan of a command of `voteops chaos`. Its life is tied to this console's: when that is
    /// killed, it is too, and its guardian undoes what it did.
    fn tied(&self, name: &str, mut lines: Vec<String>, arguments: &[&str]) -> Result<Plan, String> {
        let mut typed: Vec<OsString> = vec!["chaos".into(), name.into()];
        typed.extend(arguments.iter().map(OsString::from));
        typed.extend(["--data-dir".into(), self.data_dir.clone().into()]);
        let config = Config::read(self.config.as_deref()).map_err(|failure| failure.to_string())?;
        if let Some(protected) = config.file.chaos.protected {
            return Err(format!(
                "this stack is protected: begin it in another terminal with --confirm {protected}"
            ));
        }
        if let Some(config) = &self.config {
            typed.extend(["--config".into(), config.clone().into()]);
        }
        let words: Vec<_> = typed.iter().map(|word| word.to_string_lossy()).collect();
        lines.push(format!("the same by hand: voteops {}", words.join(" ")));
        let program = OsString::from(program()?);
        let own_pid = std::process::id().to_string();
        let launcher = ["internal", "launch", "--parent", &own_pid, "--"].map(OsString::from);
        let mut command = vec![program.clone()];
        command.extend(launcher);
        command.push(program);
        command.extend(typed);
        Ok(Plan {
            name: name.to_owned(),
            lines,
            command,
        })
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

impl OnStack {
    /// A fault that is held for a while.
    fn hold(&self, fault: &'static Entry, length: Duration) -> Result<Plan, String> {
        let plan = chaos::plan::usual(fault, &self.stack()?);
        let plan = plan.map_err(|failure| failure.to_string())?;
        let length = told(length);
        let mut lines = plan.steps();
        lines.push(format!("for {length}, or until it is ended from here"));
        lines.push(format!("undone: {}", fault.undone));
        lines.push(GUARDED.into());
        self.tied(fault.name, lines, &["--for", &length])
    }

    fn flood(&self, length: Duration) -> Result<Plan, String> {
        let apps = chaos::vote_apps(&self.stack()?);
        let apps: Vec<_> = apps.iter().map(ToString::to_string).collect();
        let votes = length.as_secs_f64() * f64::from(FLOOD_PER_S);
        let (rate, length) = (FLOOD_PER_S.to_string(), told(length));
        let apps = apps.join(", ");
        let lines = vec![
            format!("sends {votes:.0} votes, {rate}/s for {length}, to {apps}"),
            "they are counted like any other, and not taken back".into(),
        ];
        self.tied(FLOOD.name, lines, &["--rate", &rate, "--for", &length])
    }

    fn verify(&self) -> Result<Plan, String> {
        self.stack()?;
        let lines = vec![
            "stops every worker (SIGSTOP), and floods the queue until the alert fires".into(),
            "lets them go on (SIGCONT) once the notification has arrived".into(),
            format!("proves {BACKLOG}: pending, firing, notified, resolved, no vote lost"),
            GUARDED.into(),
        ];
        self.tied(VERIFY, lines, &[BACKLOG])
    }
}

impl Experimenter for OnStack {
    fn offers(&self) -> Vec<Offer> {
        let of_catalogue = FAULTS.iter().map(|fault| Offer {
            name: fault.name.into(),
            about: fault.about.into(),
            alerts: fault
                .alerts
                .iter()
                .map(|alert| (*alert).to_owned())
                .collect(),
            length: Some(USUAL),
        });
        let verify = Offer {
            name: VERIFY.into(),
            about: "the backlog alert is proven end to end".into(),
            alerts: vec![BACKLOG.into()],
            length: None,
        };
        of_catalogue.chain([verify]).collect()
    }

    fn plan(&self, name: &str, length: Option<Duration>) -> Result<Plan, String> {
        let length = length.unwrap_or(USUAL);
        let fault = FAULTS.iter().find(|fault| fault.name == name);
        match fault {
            Some(fault) if *fault == FLOOD => self.flood(length),
            Some(fault) => self.hold(fault, length),
            None if name == VERIFY => self.verify(),
            None => Err(format!("there is no experiment {name:?}")),
        }
    }
}

/// Who looks after a fault that was begun from the console.
const GUARDED: &str = "its guardian undoes it should this console or the program die";

/// A length of time as arguments take it.
fn told(length: Duration) -> String {
    humantime::format_duration(length)
        .to_string()
        .replace(' ', "")
}
