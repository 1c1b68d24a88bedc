//! Puts the parts together.

use std::io;
use std::pin::pin;
use std::time::Duration;

use crossterm::event::EventStream;
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use voteops_observability::logs::LogSource;

use crate::deeds::{self, Deed, Doers};
use crate::event_loop::{Clock, Console};
use crate::lang::Lang;
use crate::message::Message;
use crate::model::{Model, Setup};
use crate::picture::svg;
use crate::poll;
use crate::settings::{Error, Outcome, Settings};
use crate::terminal::{self, Taken};
use crate::theme::Theme;
use crate::update::update;
use crate::view::{as_text, frame};
use crate::wanted::Wanted;

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
    let setup = Setup {
        lang: Lang::of(&settings.look),
        ..Setup::new(&settings, theme, TimeZone::system())
    };
    let mut model = Model::new(setup, Timestamp::now(), (0, 0));
    model.window.span = settings.range.unwrap_or(model.window.span);
    if let Some(kept) = settings.kept.take() {
        kept.restore(&mut model);
    }
    model.notice = settings.notice.take();
    let mut parts = Parts::begin()?;
    let (wanted, needs) = watch::channel(Wanted::default());
    parts.wanted = Some(wanted);
    parts.doers = Doers {
        alertmanager: settings.sources.alertmanager.clone(),
        experimenter: settings.experimenter.take(),
    };
    poll::start(
        &mut parts.tasks,
        &settings.sources,
        &model.setup,
        settings.refresh,
        &parts.messages,
        &needs,
    );
    if let Some(source) = settings.logs.take() {
        let (tasks, refresh) = (&mut parts.tasks, settings.refresh);
        poll::start_logs(tasks, source, refresh, &parts.messages, &needs);
    }
    if let Some(experiments) = settings.experiments.take() {
        let experiments = unfold(experiments).map(Message::Experiments);
        parts
            .tasks
            .spawn(forward(experiments, parts.messages.clone()));
    }
    if let Some(events) = settings.events.take() {
        let events = unfold(events).map(Message::News);
        parts.tasks.spawn(forward(events, parts.messages.clone()));
    }
    let panic_at = settings.panic_after.map(|after| Instant::now() + after);
    interact(model, parts, Clock::System, panic_at).await
}

/// What a console runs on besides the terminal.
pub(crate) struct Parts {
    /// The tasks that find things out; they end with the console.
    pub(crate) tasks: JoinSet<()>,
    /// Where they tell it.
    pub(crate) messages: Sender<Message>,
    /// Where the screens tell what they want.
    pub(crate) wanted: Option<watch::Sender<Wanted>>,
    /// Who does what is ordered.
    pub(crate) doers: Doers,
    received: Receiver<Message>,
}

impl Parts {
    /// The parts of a console that ends when the process is sent a signal.
    ///
    /// # Errors
    /// When signals cannot be listened to.
    pub(crate) fn begin() -> io::Result<Self> {
        let (messages, received) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        watch_signals(&mut tasks, &messages)?;
        Ok(Self {
            tasks,
            messages,
            wanted: None,
            doers: Doers::default(),
            received,
        })
    }
}

/// Takes the terminal and shows the model until the user quits or a signal ends it.
///
/// # Errors
/// As [`run`].
pub(crate) async fn interact(
    mut model: Model,
    mut parts: Parts,
    clock: Clock,
    panic_at: Option<Instant>,
) -> Result<Outcome, Error> {
    let (_taken, mut terminal) = Taken::take()?;
    let size = terminal.size()?;
    model.size = (size.width, size.height);
    let (deeds, asked) = mpsc::unbounded_channel();
    let doers = std::mem::take(&mut parts.doers);
    let performing = tokio::spawn(deeds::perform(asked, parts.messages.clone(), doers));
    if model.mouse {
        // The task that takes it has just been started.
        let _ = deeds.send(Deed::Mouse(true));
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        title = model.setup.title,
        backends = ?model.setup.addresses,
        "the console begins"
    );
    let mut console = Console {
        terminal: &mut terminal,
        input: EventStream::new(),
        messages: parts.received,
        is_taken: terminal::is_taken,
        wanted: parts.wanted.unwrap_or_default(),
        deeds,
        suspend: terminal::suspend,
        clock,
        panic_at,
    };
    let outcome = console.run(&mut model).await;
    drop(console);
    // What was begun here is undone before the terminal is given back.
    let _ = performing.await;
    tracing::info!(?outcome, "the console ends");
    outcome
}

/// One frame of `width` by `height` as text, after every backend was asked once. Backends that
/// do not answer within a few seconds are shown as such.
pub async fn once(settings: Settings, width: u16, height: u16) -> String {
    let theme = Theme::for_text(&settings.look);
    as_text(&frame_of(settings, theme, (width, height)).await)
}

/// As [`once`], as SVG.
pub async fn picture(settings: Settings, width: u16, height: u16) -> String {
    let theme = Theme::for_picture(&settings.look);
    svg(&frame_of(settings, theme, (width, height)).await)
}

async fn frame_of(mut settings: Settings, theme: Theme, size: (u16, u16)) -> Buffer {
    let setup = Setup {
        lang: Lang::of(&settings.look),
        ..Setup::new(&settings, theme, TimeZone::system())
    };
    let answers = Box::pin(poll::ask_once(&settings.sources, &setup, ONCE_LIMIT)).await;
    let mut model = Model::new(setup, Timestamp::now(), size);
    for answer in answers {
        update(&mut model, answer);
    }
    if let Some(LogSource::Loki(loki)) = settings.logs.take() {
        update(&mut model, poll::ask_loki_once(loki, ONCE_LIMIT).await);
    }
    while let Some(event) = settings.events.as_mut().and_then(|e| e.try_recv().ok()) {
        update(&mut model, Message::News(event));
    }
    update(&mut model, Message::Now(Timestamp::now()));
    frame(&model, size)
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
