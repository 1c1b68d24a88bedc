//! What the console does besides showing: it asks others to do it, and tells how it went. The
//! loop never waits for a deed.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use jiff::Timestamp;
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::alertmanager::silences::NewSilence;

use crate::message::Message;
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
}

/// Does what is asked for, one after the other, until nobody asks any more.
pub(crate) async fn perform(
    mut deeds: UnboundedReceiver<Deed>,
    messages: Sender<Message>,
    alertmanager: Option<Alertmanager>,
) {
    while let Some(deed) = deeds.recv().await {
        let told = match deed {
            Deed::Silence(_) | Deed::Expire(_) => {
                let answer = silence(alertmanager.as_ref(), deed).await;
                let told = match &answer {
                    Ok(done) => event(done.clone(), Severity::Info),
                    Err(problem) => event(problem.clone(), Severity::Warning),
                };
                if messages.send(Message::Silenced(answer)).await.is_err() {
                    return;
                }
                Some(told)
            }
            Deed::Mouse(on) => mouse(on).err().map(|error| failed("the mouse", &error)),
            Deed::Write(path, text) => Some(match write(&path, &text) {
                Ok(()) => event(format!("wrote {}", path.display()), Severity::Info),
                Err(error) => failed(&format!("writing {}", path.display()), &error),
            }),
            Deed::Copy(text) => Some(match copy(&text) {
                Ok(()) => event(
                    format!("copied {} characters", text.chars().count()),
                    Severity::Info,
                ),
                Err(error) => failed("copying", &error),
            }),
        };
        if let Some(event) = told
            && messages.send(Message::News(event)).await.is_err()
        {
            return;
        }
    }
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

fn event(text: String, severity: Severity) -> Event {
    Event {
        at: Timestamp::now(),
        text,
        severity,
    }
}

fn failed(what: &str, error: &io::Error) -> Event {
    event(format!("{what} failed: {error}"), Severity::Warning)
}
