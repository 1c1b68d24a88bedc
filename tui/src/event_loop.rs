//! Waits for input, messages and the time of the next frame, and for nothing else.

use std::io;
use std::time::Duration;

use crossterm::event::Event as Input;
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::Backend;
use tokio::sync::mpsc::{Receiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::deeds::Deed;
use crate::message::{Effect, Message};
use crate::model::Model;
use crate::settings::{Error, Outcome};
use crate::update::update;
use crate::view::view;
use crate::wanted::{Wanted, wanted};

/// Shortest time between two frames that nobody is waiting for.
const FRAME: Duration = Duration::from_millis(50);
/// Answers that come within this time of each other share a frame.
const GATHER: Duration = Duration::from_millis(40);
/// Ages and countdowns move this often when nothing else happens. A little more than the usual
/// refresh, so that the frame of an answer makes that of the tick needless.
const TICK: Duration = Duration::from_millis(1050);

/// Where the console's time comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// The system.
    System,
    /// A recording, whose time stands still.
    Fixed(Timestamp),
}

impl Clock {
    fn now(self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(at) => at,
        }
    }
}

/// When the next frame is due.
struct Pace {
    drawn: Instant,
    due: Option<Instant>,
}

impl Pace {
    fn new() -> Self {
        Self {
            drawn: Instant::now(),
            due: None,
        }
    }

    /// Asks for a frame soon.
    fn soon(&mut self) {
        let due = (Instant::now() + GATHER).max(self.drawn + FRAME);
        self.due = Some(self.due.map_or(due, |known| known.min(due)));
    }

    /// Asks for a frame at once.
    fn now(&mut self) {
        self.due = Some(Instant::now());
    }

    /// The time of the next frame: when one is asked for, else with the tick. A frozen frame has
    /// no ages that move.
    fn next(&self, frozen: bool) -> Option<Instant> {
        let tick = (!frozen).then(|| self.drawn + TICK);
        self.due.or(tick)
    }

    fn drew(&mut self) {
        *self = Self::new();
    }
}

/// The parts of a running console that a test can replace.
pub(crate) struct Console<'a, B: Backend, I> {
    /// Where frames go.
    pub(crate) terminal: &'a mut Terminal<B>,
    /// What the user does.
    pub(crate) input: I,
    /// What the tasks find out.
    pub(crate) messages: Receiver<Message>,
    /// Asked before every frame: whether the terminal is still ours.
    pub(crate) is_taken: fn() -> bool,
    /// Told what the screen needs to know.
    pub(crate) wanted: watch::Sender<Wanted>,
    /// Told what is to be done.
    pub(crate) deeds: UnboundedSender<Deed>,
    /// Gives the terminal back until the process is continued.
    pub(crate) suspend: fn() -> io::Result<()>,
    /// Tells the time.
    pub(crate) clock: Clock,
    /// When to panic, for tests of the binary.
    pub(crate) panic_at: Option<Instant>,
}

impl<B, I> Console<'_, B, I>
where
    B: Backend,
    B::Error: Into<io::Error>,
    I: Stream<Item = io::Result<Input>> + Unpin,
{
    /// Runs until the user or a signal ends it.
    ///
    /// # Errors
    /// [`Error`] when the terminal cannot be read or written any more.
    pub(crate) async fn run(&mut self, model: &mut Model) -> Result<Outcome, Error> {
        let mut pace = Pace::new();
        let mut listening = true;
        self.draw(model)?;
        wanted(model).tell(&self.wanted);
        loop {
            let next_frame = pace.next(model.frozen.is_some() && self.panic_at.is_none());
            let message = tokio::select! {
                input = self.input.next(), if listening => {
                    let Some(input) = input else {
                        listening = false;
                        continue;
                    };
                    Message::Input(input?)
                }
                Some(message) = self.messages.recv() => message,
                () = wait_until(next_frame) => {
                    self.draw(model)?;
                    pace.drew();
                    continue;
                }
            };
            // Of a frozen frame the last one may be long past, but silences begin now.
            update(model, Message::Now(self.clock.now()));
            for effect in update(model, message) {
                match effect {
                    Effect::Redraw => pace.soon(),
                    Effect::RedrawNow => pace.now(),
                    // Who does it may have ended: the console is leaving.
                    Effect::Do(deed) => drop(self.deeds.send(deed)),
                    Effect::Suspend => {
                        self.suspend(model)?;
                        pace.now();
                    }
                    Effect::Quit(outcome) => return Ok(outcome),
                }
            }
            wanted(model).tell(&self.wanted);
        }
    }

    /// Gives the terminal back, and has it as before once the process is continued: with the mouse,
    /// at the size that it has by then.
    fn suspend(&mut self, model: &mut Model) -> Result<(), Error> {
        (self.suspend)()?;
        let terminal = |error: B::Error| Error::Terminal(error.into());
        self.terminal.clear().map_err(terminal)?;
        let size = self.terminal.size().map_err(terminal)?;
        update(
            model,
            Message::Input(Input::Resize(size.width, size.height)),
        );
        if model.mouse {
            drop(self.deeds.send(Deed::Mouse(true)));
        }
        Ok(())
    }

    fn draw(&mut self, model: &mut Model) -> Result<(), Error> {
        assert!(
            self.panic_at.is_none_or(|at| Instant::now() < at),
            "the console was told to panic"
        );
        if !(self.is_taken)() {
            return Err(Error::Panicked);
        }
        update(model, Message::Now(self.clock.now()));
        self.terminal
            .draw(|frame| view(model, frame))
            .map_err(|error| Error::Terminal(error.into()))?;
        Ok(())
    }
}

async fn wait_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
