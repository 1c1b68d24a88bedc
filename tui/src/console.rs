//! Puts the parts together.

use std::io;
use std::pin::pin;
use std::time::Duration;

use crossterm::event::EventStream;
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, Sender, UnboundedReceiver};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::deeds::{self, Deed};
use crate::event_loop::Console;
use crate::message::Message;
use crate::model::{Model, Setup};
use crate::settings::{Error, Outcome, Settings};
use crate::terminal::{self, Taken};
use crate::theme::Theme;
use crate::update::update;
use crate::view::{as_text, view};
use crate::wanted::Wanted;
use crate::{poll, poll_logs};

/// Messages that may wait; tasks that send more wait for the loop.
const WAITING: usize = 64;
/// Longest wait for the answers of a single frame.
const ONCE_LIMIT: Duration = Duration::from_secs(5);

/// Runs the interactive console until the user quits or the process is sent SIGTERM, SIGHUP or
/// SIGINT. The terminal is given back however it ends; a panic is told on the restored screen.
/// From then on these signals no longer end the process by themselves: see [`Outcome::Signal`].
///
/// # Errors
/// [`Error::Terminal`] when there is no usable terminal, [`Error::Panicked`] when another part
/// of the program panicked meanwhile.
pub async fn run(mut settings: Settings) -> Result<Outcome, Error> {
    let theme = Theme::choose(&settings.look, |name| std::env::var(name).ok());
    let setup = Setup::new(&settings, theme, TimeZone::system());
    let (messages, received) = mpsc::channel(WAITING);
    let mut tasks = JoinSet::new();
    watch_signals(&mut tasks, &messages)?;
    let (_taken, mut terminal) = Taken::take()?;
    let size = terminal.size()?;
    let mut model = Model::new(setup, Timestamp::now(), (size.width, size.height));
    let (wanted, needs) = watch::channel(Wanted::default());
    poll::start(
        &mut tasks,
        &settings.sources,
        &model.setup,
        settings.refresh,
        &messages,
        &needs,
    );
    let (deeds, asked) = mpsc::unbounded_channel();
    tasks.spawn(deeds::perform(asked, messages.clone()));
    if model.mouse {
        // The task that takes it has just been started.
        let _ = deeds.send(Deed::Mouse(true));
    }
    if let Some(source) = settings.logs.take() {
        tasks.spawn(poll_logs::follow(
            source,
            settings.refresh,
            messages.clone(),
            needs.clone(),
        ));
    }
    if let Some(experiments) = settings.experiments.take() {
        let experiments = unfold(experiments).map(Message::Experiments);
        tasks.spawn(forward(experiments, messages.clone()));
    }
    if let Some(events) = settings.events.take() {
        let events = unfold(events).map(Message::News);
        tasks.spawn(forward(events, messages.clone()));
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        title = settings.title,
        backends = ?model.setup.addresses,
        "the console begins"
    );
    let mut console = Console {
        terminal: &mut terminal,
        input: EventStream::new(),
        messages: received,
        is_taken: terminal::is_taken,
        wanted,
        deeds,
        suspend: terminal::suspend,
        panic_at: settings.panic_after.map(|after| Instant::now() + after),
    };
    let outcome = console.run(&mut model).await;
    tracing::info!(?outcome, "the console ends");
    outcome
}

/// One frame of `width` by `height` as text, after every backend was asked once. Backends that
/// do not answer within a few seconds are shown as such.
pub async fn once(mut settings: Settings, width: u16, height: u16) -> String {
    let theme = Theme::new(false).with_ascii(settings.look.ascii);
    let setup = Setup::new(&settings, theme, TimeZone::system());
    let answers = poll::ask_once(&settings.sources, &setup, ONCE_LIMIT).await;
    let mut model = Model::new(setup, Timestamp::now(), (width, height));
    for answer in answers {
        update(&mut model, answer);
    }
    while let Some(event) = settings.events.as_mut().and_then(|e| e.try_recv().ok()) {
        update(&mut model, Message::News(event));
    }
    update(&mut model, Message::Now(Timestamp::now()));
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(frame) = terminal.draw(|frame| view(&model, frame));
    as_text(frame.buffer)
}

fn watch_signals(tasks: &mut JoinSet<()>, messages: &Sender<Message>) -> io::Result<()> {
    for kind in [
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::interrupt(),
    ] {
        let mut signal = signal(kind)?;
        let messages = messages.clone();
        tasks.spawn(async move {
            if signal.recv().await.is_some() {
                // Nobody listens when the console is leaving already.
                let _ = messages.send(Message::Signal(kind.as_raw_value())).await;
            }
        });
    }
    Ok(())
}

fn unfold<T>(receiver: UnboundedReceiver<T>) -> impl Stream<Item = T> {
    futures::stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    })
}

async fn forward(news: impl Stream<Item = Message>, messages: Sender<Message>) {
    let mut news = pin!(news);
    while let Some(message) = news.next().await {
        if messages.send(message).await.is_err() {
            return;
        }
    }
}
