//! What the console does besides showing: it asks others to do it, and tells how it went. The
//! loop never waits for a deed.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use jiff::Timestamp;
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::alertmanager::silences::NewSilence;

use crate::experiments::{Experimenter, Plan};
use crate::message::Message;
use crate::runs::Runs;
use crate::settings::{Event, Severity};

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deed {
    /// Let the console (`true`) or the terminal have the mouse.
    Mouse(bool),
    /// Write a text into a file that is not there yet.
    Write(PathBuf, String),
    /// Put a text into the terminal's clipboard (OSC 52).
    Copy(String),
    /// Make a silence.
    Silence(NewSilence),
    /// End the silence of this identity.
    Expire(String),
    /// Plan the experiment of this name and length.
    Plan(String, Option<Duration>),
    /// Begin what was planned.
    Begin(Plan),
    /// End the experiments that were begun here: they undo what they did.
    End,
}

/// Who the deeds are done by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doers {
    /// Where silences are made.
    pub(crate) alertmanager: Option<Alertmanager>,
    /// Who plans experiments.
    pub(crate) experimenter: Option<Arc<dyn Experimenter>>,
}

/// Does what is asked for, one after the other, until nobody asks any more; then ends what was
/// begun here.
pub(crate) async fn perform(
    mut deeds: UnboundedReceiver<Deed>,
    messages: Sender<Message>,
    doers: Doers,
) {
    let mut runs = Runs::new(messages.clone());
    while let Some(deed) = deeds.recv().await {
        let told = match deed {
            Deed::Plan(name, length) => {
                let planned = plan(doers.experimenter.clone(), name, length).await;
                vec![Message::Planned(planned)]
            }
            Deed::Begin(plan) => match runs.begin(&plan) {
                Ok(count) => vec![Message::Running(count)],
                Err(error) => vec![failed("beginning the experiment", &error)],
            },
            Deed::End => {
                runs.end();
                Vec::new()
            }
            Deed::Silence(_) | Deed::Expire(_) => {
                let answer = silence(doers.alertmanager.as_ref(), deed).await;
                let told = match &answer {
                    Ok(done) => news(done.clone(), Severity::Info),
                    Err(problem) => news(problem.clone(), Severity::Warning),
                };
                vec![Message::Silenced(answer), told]
            }
            Deed::Mouse(on) => {
                let failure = mouse(on).err();
                failure
                    .iter()
                    .map(|error| failed("the mouse", error))
                    .collect()
            }
            Deed::Write(path, text) => vec![match write(&path, &text) {
                Ok(()) => news(format!("wrote {}", path.display()), Severity::Info),
                Err(error) => failed(&format!("writing {}", path.display()), &error),
            }],
            Deed::Copy(text) => vec![match copy(&text) {
                Ok(()) => news(
                    format!("copied {} characters", text.chars().count()),
                    Severity::Info,
                ),
                Err(error) => failed("copying", &error),
            }],
        };
        for message in told {
            // Nobody listens when the console is leaving; what was begun is ended all the same.
            let _ = messages.send(message).await;
        }
    }
    runs.end_all().await;
}

async fn plan(
    experimenter: Option<Arc<dyn Experimenter>>,
    name: String,
    length: Option<Duration>,
) -> Result<Plan, String> {
    let experimenter = experimenter.ok_or("experiments cannot be begun from here")?;
    let planned = tokio::task::spawn_blocking(move || experimenter.plan(&name, length)).await;
    planned.map_err(|error| error.to_string())?
}

/// Makes or ends a silence; says what came of it, or why nothing did.
async fn silence(alertmanager: Option<&Alertmanager>, deed: Deed) -> Result<String, String> {
    let alertmanager = alertmanager.ok_or("no Alertmanager is asked")?;
    match deed {
        Deed::Silence(silence) => {
            let made = alertmanager.silence(&silence).await;
            let id = made.map_err(|error| error.to_string())?;
            Ok(format!("silence {id} was made"))
        }
        Deed::Expire(id) => {
            let ended = alertmanager.expire(&id).await;
            ended.map_err(|error| error.to_string())?;
            Ok(format!("silence {id} was expired"))
        }
        _ => Err("that is no silence".into()),
    }
}

fn mouse(on: bool) -> io::Result<()> {
    if on {
        execute!(io::stdout(), EnableMouseCapture)
    } else {
        execute!(io::stdout(), DisableMouseCapture)
    }
}

/// Never overwrites: what is there may be somebody's.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn copy(text: &str) -> io::Result<()> {
    execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))?;
    io::stdout().flush()
}

/// Something that happened now.
pub(crate) fn news(text: String, severity: Severity) -> Message {
    Message::News(Event {
        at: Timestamp::now(),
        text,
        severity,
    })
}

fn failed(what: &str, error: &io::Error) -> Message {
    news(format!("{what} failed: {error}"), Severity::Warning)
}
