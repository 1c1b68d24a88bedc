//! The loop with scripted keys and messages. Tests wait for a frame that shows what they wait
//! for; only one about time sleeps.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use futures::{Stream, StreamExt};
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, TestBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::deeds::Deed;
use crate::event_loop::{Clock, Console};
use crate::message::{Facts, Message};
use crate::model::{Feed, Model};
use crate::settings::{Error, Outcome};
use crate::tests::fixtures::{
    BACKLOG, WELL, answered, connecting, firing, inactive, live, rules, settings,
};
use crate::view::as_text;
use crate::wanted::Wanted;

/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// A backend that publishes every frame as text.
struct Screen {
    inner: TestBackend,
    frames: watch::Sender<String>,
    drawn: Arc<Mutex<usize>>,
}

impl Screen {
    fn new(frames: watch::Sender<String>) -> Self {
        Self {
            inner: TestBackend::new(120, 36),
            frames,
            drawn: Arc::default(),
        }
    }
}

/// A [`TestBackend`] cannot fail.
fn sure(never: Infallible) -> io::Error {
    match never {}
}

impl Backend for Screen {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, cells: I) -> io::Result<()> {
        self.inner.draw(cells).map_err(sure)
    }
    fn hide_cursor(&mut self) -> io::Result<()> {
        self.inner.hide_cursor().map_err(sure)
    }
    fn show_cursor(&mut self) -> io::Result<()> {
        self.inner.show_cursor().map_err(sure)
    }
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.inner.get_cursor_position().map_err(sure)
    }
    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner.set_cursor_position(position).map_err(sure)
    }
    fn clear(&mut self) -> io::Result<()> {
        self.inner.clear().map_err(sure)
    }
    fn clear_region(&mut self, kind: ClearType) -> io::Result<()> {
        self.inner.clear_region(kind).map_err(sure)
    }
    fn size(&self) -> io::Result<Size> {
        self.inner.size().map_err(sure)
    }
    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size().map_err(sure)
    }
    fn flush(&mut self) -> io::Result<()> {
        *self.drawn.lock().unwrap() += 1;
        self.frames.send_replace(as_text(self.inner.buffer()));
        Ok(())
    }
}

/// A running loop and the hands on it.
struct Running {
    keys: mpsc::UnboundedSender<io::Result<Input>>,
    messages: mpsc::Sender<Message>,
    frames: watch::Receiver<String>,
    drawn: Arc<Mutex<usize>>,
    ended: JoinHandle<Result<Outcome, Error>>,
}

fn start(model: Model) -> Running {
    start_with(model, || true)
}

fn start_with(mut model: Model, is_taken: fn() -> bool) -> Running {
    let (keys, typed) = mpsc::unbounded_channel();
    let (messages, received) = mpsc::channel(64);
    let (sender, frames) = watch::channel(String::new());
    let drawn = Arc::new(Mutex::new(0));
    let screen = Screen {
        drawn: Arc::clone(&drawn),
        ..Screen::new(sender)
    };
    let ended = tokio::spawn(async move {
        let mut terminal = Terminal::new(screen)?;
        let mut console = Console {
            terminal: &mut terminal,
            input: Box::pin(typed_keys(typed)),
            messages: received,
            is_taken,
            wanted: watch::channel(Wanted::default()).0,
            deeds: mpsc::unbounded_channel().0,
            suspend: || Ok(()),
            clock: Clock::System,
            panic_at: None,
        };
        console.run(&mut model).await
    });
    Running {
        keys,
        messages,
        frames,
        drawn,
        ended,
    }
}

fn typed_keys(
    keys: mpsc::UnboundedReceiver<io::Result<Input>>,
) -> impl Stream<Item = io::Result<Input>> {
    futures::stream::unfold(keys, |mut keys| async move {
        let key = keys.recv().await?;
        Some((key, keys))
    })
}

impl Running {
    fn press(&self, code: KeyCode) {
        let input = Input::Key(KeyEvent::from(code));
        self.keys.send(Ok(input)).unwrap();
    }

    fn interrupt(&self) {
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        self.keys.send(Ok(Input::Key(key))).unwrap();
    }

    /// Waits for a frame for which `holds` is true.
    async fn frame(&mut self, holds: impl Fn(&str) -> bool) -> String {
        let found = tokio::time::timeout(DEADLINE, self.frames.wait_for(|frame| holds(frame)));
        let found = found.await.map(|frame| frame.unwrap().clone());
        found.unwrap_or_else(|_| panic!("last frame:\n{}", *self.frames.borrow()))
    }

    async fn shows(&mut self, text: &str) -> String {
        self.frame(|frame| frame.contains(text)).await
    }

    async fn end(self) -> Result<Outcome, Error> {
        tokio::time::timeout(DEADLINE, self.ended)
            .await
            .unwrap()
            .unwrap()
    }
}

#[tokio::test]
async fn the_first_frame_needs_no_answer() {
    let mut running = start(connecting());
    running.shows("prometheus connecting").await;
    running.press(KeyCode::Char('q'));
    assert_eq!(running.end().await.unwrap(), Outcome::Quit);
}

#[tokio::test]
async fn answers_are_drawn_and_keys_work_meanwhile() {
    let mut running = start(connecting());
    let signals = Facts::Signals(WELL.to_vec(), Vec::new());
    running
        .messages
        .send(answered(Feed::Signals, 0, Ok(signals)))
        .await
        .unwrap();
    running.shows("queue 12").await;
    running.press(KeyCode::Char('5'));
    running.shows("Waiting for the first answer.").await;
    running
        .messages
        .send(answered(Feed::Rules, 0, Ok(rules(inactive()))))
        .await
        .unwrap();
    running.shows("● 20 ok").await;
    running.press(KeyCode::Char('?'));
    running.shows("Keys").await;
    running.press(KeyCode::Esc);
    running.frame(|frame| !frame.contains("Keys")).await;
    running.press(KeyCode::BackTab);
    running.frame(|frame| !frame.contains("20 ok")).await;
    running.press(KeyCode::Tab);
    running.shows("● 20 ok").await;
    running.press(KeyCode::Esc);
    running.shows("Latency p95").await;
    running.interrupt();
    assert_eq!(running.end().await.unwrap(), Outcome::Quit);
}

#[tokio::test]
async fn alerts_are_walked_and_opened() {
    let mut running = start(firing());
    running.press(KeyCode::Char('5'));
    running.shows("› ■ ").await;
    running.press(KeyCode::Char('j'));
    let frame = running.shows("› ◆ ").await;
    assert!(frame.contains(BACKLOG));
    running.press(KeyCode::Enter);
    let condition = "avg_over_time(redis_queue_length[5m]) > 1000";
    running.shows("waiting for the first answer").await;
    let details = running.shows(condition).await;
    assert!(!details.contains("WorkerSlowProcessing"), "{details}");
    running.press(KeyCode::Esc);
    running.shows("› ◆ ").await;
    running.press(KeyCode::Char('G'));
    let last = |line: &str| line.starts_with("› ") && line.contains("Watchdog");
    running.frame(|frame| frame.lines().any(last)).await;
    running.press(KeyCode::Esc);
    running.shows("Latency p95").await;
}

#[tokio::test]
async fn a_frozen_frame_stays_while_data_arrives() {
    let mut running = start(live());
    running.shows("queue 12").await;
    running.press(KeyCode::Char(' '));
    running.shows("FROZEN since").await;
    let mut values = WELL;
    values[8] = Some(4321.0);
    let signals = Facts::Signals(values.to_vec(), Vec::new());
    running
        .messages
        .send(answered(Feed::Signals, 0, Ok(signals)))
        .await
        .unwrap();
    running.press(KeyCode::Char(':'));
    running.press(KeyCode::Char('x'));
    let frozen = running.shows(":x").await;
    assert!(frozen.contains("queue 12"), "{frozen}");
    running.press(KeyCode::Esc);
    running.press(KeyCode::Char(' '));
    running.shows("queue 4321").await;
}

/// Runs a loop on a screen of 120 by 36 until its input ends it; gives what it ordered.
async fn run_through(
    model: &mut Model,
    input: impl Stream<Item = Input>,
) -> mpsc::UnboundedReceiver<Deed> {
    let mut terminal = Terminal::new(Screen::new(watch::channel(String::new()).0)).unwrap();
    let (deeds, ordered) = mpsc::unbounded_channel();
    let (_sender, messages) = mpsc::channel(1);
    let mut console = Console {
        terminal: &mut terminal,
        input: Box::pin(futures::StreamExt::map(input, Ok)),
        messages,
        is_taken: || true,
        wanted: watch::channel(Wanted::default()).0,
        deeds,
        suspend: || Ok(()),
        clock: Clock::System,
        panic_at: None,
    };
    let outcome = tokio::time::timeout(DEADLINE, console.run(model)).await;
    assert_eq!(outcome.unwrap().unwrap(), Outcome::Quit);
    ordered
}

fn pressed(code: char, modifiers: KeyModifiers) -> Input {
    Input::Key(KeyEvent::new(KeyCode::Char(code), modifiers))
}

#[tokio::test]
async fn once_continued_it_has_the_mouse_again_and_the_terminals_size() {
    let keys = || {
        let suspend = pressed('z', KeyModifiers::CONTROL);
        futures::stream::iter([suspend, pressed('q', KeyModifiers::NONE)])
    };
    let mut model = live();
    (model.mouse, model.size) = (false, (80, 24));
    let mut ordered = run_through(&mut model, keys()).await;
    assert_eq!(model.size, (120, 36));
    assert!(
        ordered.recv().await.is_none(),
        "the terminal's mouse stays so"
    );
    model.mouse = true;
    let mut ordered = run_through(&mut model, keys()).await;
    assert_eq!(ordered.recv().await, Some(Deed::Mouse(true)));
}

#[tokio::test]
async fn a_key_in_a_frozen_frame_is_pressed_now() {
    let mut model = live();
    let freeze = futures::stream::iter([pressed(' ', KeyModifiers::NONE)]);
    let pause = Duration::from_millis(200);
    let quit = futures::stream::once(async move {
        tokio::time::sleep(pause).await;
        pressed('q', KeyModifiers::NONE)
    });
    run_through(&mut model, freeze.chain(quit)).await;
    let since = model.frozen.unwrap().now;
    let passed = model.live.now.duration_since(since);
    assert!(passed.unsigned_abs() >= pause, "{passed:?}");
}

#[tokio::test]
async fn quitting_asks_once_when_told_to() {
    let mut asking = settings();
    asking.quit_prompt = Some("Quitting stops the stack. Quit?".into());
    let model = || crate::tests::fixtures::model(&asking, true);
    let mut running = start(model());
    running.press(KeyCode::Char('q'));
    running.shows("stops the stack").await;
    running.press(KeyCode::Char('n'));
    running
        .frame(|frame| !frame.is_empty() && !frame.contains("stops the stack"))
        .await;
    running.interrupt();
    running.shows("stops the stack").await;
    running.interrupt();
    assert_eq!(running.end().await.unwrap(), Outcome::Quit);

    let running = start(model());
    running.press(KeyCode::Char('q'));
    running.press(KeyCode::Enter);
    assert_eq!(running.end().await.unwrap(), Outcome::Quit);
}

#[tokio::test]
async fn a_signal_ends_the_console_without_a_question() {
    let mut asking = settings();
    asking.quit_prompt = Some("Quit?".into());
    let running = start(crate::tests::fixtures::model(&asking, true));
    running.messages.send(Message::Signal(15)).await.unwrap();
    assert_eq!(running.end().await.unwrap(), Outcome::Signal(15));
}

#[tokio::test]
async fn a_terminal_that_cannot_be_read_or_was_given_back_ends_it() {
    let running = start(live());
    running.keys.send(Err(io::Error::other("gone"))).unwrap();
    let error = running.end().await.unwrap_err();
    assert!(error.to_string().starts_with("terminal: gone"), "{error}");
    let running = start_with(live(), || false);
    assert!(matches!(running.end().await, Err(Error::Panicked)));
}

#[tokio::test]
async fn a_burst_of_answers_shares_frames() {
    let mut running = start(live());
    running.shows("queue 12").await;
    for length in 0..200_i32 {
        let mut values = WELL;
        values[8] = Some(f64::from(length));
        let signals = Facts::Signals(values.to_vec(), Vec::new());
        let message = answered(Feed::Signals, 0, Ok(signals));
        running.messages.send(message).await.unwrap();
    }
    running.shows("queue 199").await;
    let drawn = *running.drawn.lock().unwrap();
    assert!(drawn < 100, "{drawn} frames for 200 answers");
}

#[tokio::test]
async fn nothing_is_drawn_while_nothing_changes() {
    let mut running = start(live());
    running.press(KeyCode::Char(' '));
    running.shows("FROZEN since").await;
    let before = *running.drawn.lock().unwrap();
    for _ in 0..50 {
        let signals = Facts::Signals(WELL.to_vec(), Vec::new());
        let message = answered(Feed::Signals, 0, Ok(signals));
        running.messages.send(message).await.unwrap();
    }
    // This key draws, so every message before it was dealt with; `z` means nothing.
    running.press(KeyCode::Char('z'));
    running.press(KeyCode::Char('?'));
    running.shows("Keys").await;
    assert_eq!(*running.drawn.lock().unwrap(), before + 1);
}
