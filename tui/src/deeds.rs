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

use crate::done::{Done, Failed, Silenced};
use crate::experiments::{Experimenter, Plan};
use crate::lang::en;
use crate::message::Message;
use crate::runs::Runs;

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
                Err(error) => vec![done(Done::Failed(Failed::Begin, error))],
            },
            Deed::End => {
                runs.end();
                Vec::new()
            }
            Deed::Silence(silence) => {
                let made = make(doers.alertmanager.as_ref(), &silence).await;
                vec![Message::Silenced(Timestamp::now(), made)]
            }
            Deed::Expire(id) => {
                let expired = expire(doers.alertmanager.as_ref(), id).await;
                vec![Message::Silenced(Timestamp::now(), expired)]
            }
            Deed::Mouse(on) => {
                let failure = mouse(on).err().into_iter();
                failure
                    .map(|error| done(Done::Failed(Failed::Mouse, error)))
                    .collect()
            }
            Deed::Write(path, text) => vec![done(match write(&path, &text) {
                Ok(()) => Done::Wrote(path),
                Err(error) => Done::Failed(Failed::Write(path), error),
            })],
            Deed::Copy(text) => vec![done(match copy(&text) {
                Ok(()) => Done::Copied(text.chars().count()),
                Err(error) => Done::Failed(Failed::Copy, error),
            })],
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
    let experimenter = experimenter.ok_or(en!("experiments cannot be begun from here"))?;
    let planned = tokio::task::spawn_blocking(move || experimenter.plan(&name, length)).await;
    planned.map_err(|error| error.to_string())?
}

/// Why nothing can be silenced.
const NOBODY: &str = en!("no Alertmanager is asked");

/// Makes a silence; says why when it cannot.
async fn make(
    alertmanager: Option<&Alertmanager>,
    silence: &NewSilence,
) -> Result<Silenced, String> {
    let made = alertmanager.ok_or(NOBODY)?.silence(silence).await;
    made.map(Silenced::Made).map_err(|error| error.to_string())
}

/// Ends a silence; says why when it cannot.
async fn expire(alertmanager: Option<&Alertmanager>, id: String) -> Result<Silenced, String> {
    let ended = alertmanager.ok_or(NOBODY)?.expire(&id).await;
    ended.map_err(|error| error.to_string())?;
    Ok(Silenced::Expired(id))
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

fn done(done: Done) -> Message {
    Message::Done(Timestamp::now(), done)
}
