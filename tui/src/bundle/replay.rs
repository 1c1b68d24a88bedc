//! A bundle in the console: nothing is asked, and the clock stands still.

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use voteops_observability::logs::{Excerpt, MAX_LINES};

use super::Bundle;
use crate::console::{self, Parts};
use crate::event_loop::Clock;
use crate::keys::{KeyMap, Keys};
use crate::lang::{Lang, en};
use crate::message::{Message, Refusal};
use crate::model::logs::{LogNews, LogQuestion};
use crate::model::window::Window;
use crate::model::{Backend, Model, Setup};
use crate::picture::svg;
use crate::settings::{Error, Look, Outcome};
use crate::theme::Theme;
use crate::update::update;
use crate::view::{as_text, frame};
use crate::wanted::Wanted;

impl Bundle {
    /// Shows the bundle in the console until the user quits or a signal ends it.
    ///
    /// # Errors
    /// As [`crate::run`].
    pub async fn replay(self, look: &Look, keys: &Keys, mouse: bool) -> Result<Outcome, Error> {
        let theme = Theme::choose(look, |name| std::env::var(name).ok());
        let setup = Setup {
            mouse,
            lang: Lang::of(look),
            keys: KeyMap::new(keys),
            ..self.setup(theme)
        };
        let taken_at = self.known.taken_at;
        let mut parts = Parts::begin()?;
        let messages = parts.messages.clone();
        let (wanted, needs) = watch::channel(Wanted::default());
        parts.wanted = Some(wanted);
        let mut model = Model::new(setup, taken_at, (0, 0));
        self.tell(&mut model);
        parts.tasks.spawn(answer(self, needs, messages));
        console::interact(model, parts, Clock::Fixed(taken_at), None).await
    }

    /// One frame of the bundle as text.
    #[must_use]
    pub fn once(&self, look: &Look, keys: &Keys, width: u16, height: u16) -> String {
        as_text(&self.frame(look, keys, Theme::for_text(look), (width, height)))
    }

    /// One frame of the bundle as SVG.
    #[must_use]
    pub fn picture(&self, look: &Look, keys: &Keys, width: u16, height: u16) -> String {
        svg(&self.frame(look, keys, Theme::for_picture(look), (width, height)))
    }

    fn frame(&self, look: &Look, keys: &Keys, theme: Theme, size: (u16, u16)) -> Buffer {
        let setup = Setup {
            lang: Lang::of(look),
            keys: KeyMap::new(keys),
            ..self.setup(theme)
        };
        let mut model = Model::new(setup, self.known.taken_at, size);
        self.tell(&mut model);
        frame(&model, size)
    }

    pub(super) fn setup(&self, theme: Theme) -> Setup {
        let known = &self.known;
        let backends = Backend::ALL.into_iter();
        let is_named = |backend: &Backend| known.backends.iter().any(|b| b.name == backend.name());
        let seconds = |s: f64| Duration::try_from_secs_f64(s).unwrap_or_default();
        Setup {
            backends: backends.filter(is_named).collect(),
            addresses: known.backends.iter().map(|b| b.url.clone()).collect(),
            expected: known
                .expected
                .iter()
                .map(|expected| (expected.component, expected.instances))
                .collect(),
            slos: known.slos.clone(),
            log_source: known.log_source.as_ref().map(|_| en!("the recording")),
            recorded: true,
            ..Setup::plain(
                known.title.clone(),
                known.signals.clone(),
                known.time_scale,
                seconds(known.refresh_s),
                theme,
                TimeZone::system(),
            )
        }
    }

    /// Tells a model all that was known.
    pub(super) fn tell(&self, model: &mut Model) {
        let span = Duration::try_from_secs_f64(self.known.span_s);
        model.window = Window::live(span.unwrap_or(model.setup.history));
        for message in self.known.messages() {
            update(model, message);
        }
        // What changed while it was recorded is among the events, and told once.
        model.live.events = crate::model::events::Events::default();
        for event in self.known.events.iter().rev() {
            model.live.events.push(event.clone());
        }
        for (expr, charted) in &self.charts {
            model.charts.answered(expr.clone(), charted.clone());
        }
        update(model, Message::Now(self.known.taken_at));
    }

    pub(super) fn select(&self, question: &LogQuestion) -> LogNews {
        if let Some(refused) = &self.known.logs_refused {
            return LogNews::Failed(refused.clone().into(), None);
        }
        if question.query.entered.is_some() {
            let full = en!(
                "a recording answers no LogQL; services, levels and the filter select its lines"
            );
            return LogNews::Failed(recorded(full), None);
        }
        let end = question.end.unwrap_or(self.known.taken_at);
        let to_ns = i64::try_from(end.as_nanosecond()).unwrap_or(i64::MAX);
        let span_ns = i64::try_from(question.span.as_nanos()).unwrap_or(i64::MAX);
        let from_ns = to_ns.saturating_sub(span_ns);
        let lines = self.logs.iter();
        let kept = lines
            .filter(|line| (from_ns..=to_ns).contains(&line.at_ns) && question.query.keeps(line));
        LogNews::Begin(Excerpt {
            lines: kept.cloned().collect(),
            cut_ns: Some(self.lines_since_ns()).filter(|since_ns| *since_ns > from_ns),
        })
    }

    /// Since when it holds all lines, in Unix nanoseconds: since its time begins or, of more lines
    /// than a bundle takes, since the oldest of them.
    fn lines_since_ns(&self) -> i64 {
        let taken_ns = i64::try_from(self.known.taken_at.as_nanosecond()).unwrap_or(i64::MAX);
        let span = Duration::try_from_secs_f64(self.known.span_s).unwrap_or_default();
        let span_ns = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        let oldest = self.logs.first().filter(|_| self.logs.len() >= MAX_LINES);
        let begin_ns = taken_ns.saturating_sub(span_ns);
        oldest.map_or(begin_ns, |line| line.at_ns.max(begin_ns))
    }
}

fn recorded(full: &str) -> Refusal {
    Refusal {
        short: en!("recorded").into(),
        full: full.into(),
    }
}

/// Answers what the screens ask from the bundle, and says so where it cannot.
pub(super) async fn answer(
    bundle: Bundle,
    mut needs: watch::Receiver<Wanted>,
    messages: Sender<Message>,
) {
    let mut asked = None;
    loop {
        let wanted = needs.borrow_and_update().clone();
        let mut news = Vec::new();
        for expr in wanted.charts {
            if !bundle.charts.contains_key(&expr) {
                let full = en!("a recording holds only what the screens showed");
                news.push(Message::Charted(expr, Box::new(Err(recorded(full)))));
            }
        }
        if asked != wanted.logs {
            if let Some(question) = &wanted.logs {
                news.push(Message::Logs(question.clone(), bundle.select(question)));
            }
            asked = wanted.logs;
        }
        for message in news {
            if messages.send(message).await.is_err() {
                return;
            }
        }
        if needs.changed().await.is_err() {
            return;
        }
    }
}
