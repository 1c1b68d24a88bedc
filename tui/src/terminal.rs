//! Takes the terminal and gives it back, whatever happens.

use std::io::{self, IsTerminal, Stdout, Write};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::DisableMouseCapture;
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::process::{Signal, getpid, kill_process};

/// Whether the terminal is taken. The panic hook needs it wherever the panic happens.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The taken terminal; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Taken(());

impl Taken {
    /// Takes the terminal: raw mode, alternate screen, no cursor. A panic anywhere in the
    /// process gives it back before the message is printed.
    pub(crate) fn take() -> io::Result<(Self, Terminal<CrosstermBackend<Stdout>>)> {
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("standard output is not one"));
        }
        HOOK.call_once(install_hook);
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let taken = Self(());
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok((taken, Terminal::new(CrosstermBackend::new(io::stdout()))?))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, stops the process until it is continued, and takes the terminal
/// again.
pub(crate) fn suspend() -> io::Result<()> {
    give_back();
    kill_process(getpid(), Signal::TSTP)?;
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, Hide)
}

/// Whether a panic somewhere gave the terminal back while the console was still drawing.
pub(crate) fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

fn install_hook() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        give_back();
        previous(info);
    }));
}

/// Gives the terminal back once. Errors have nowhere to go: after a hang-up there is no
/// terminal to write to.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            io::stdout(),
            DisableMouseCapture,
            LeaveAlternateScreen,
            Show
        );
        let _ = io::stdout().flush();
        let _ = disable_raw_mode();
    }
}
