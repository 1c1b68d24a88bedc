//! Asks for everything once, and writes it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use voteops_observability::logs::{LogLine, LogQuery, LogSource, MAX_LINES};

use super::{Bundle, BundleError, Expected, Known, Named, Refused, VERSION};
use crate::lang::Lang;
use crate::message::Message;
use crate::model::window::Window;
use crate::model::{Backend, Feed, Model, Screen, Setup};
use crate::poll::{self, refusal};
use crate::settings::{Settings, Severity};
use crate::theme::Theme;
use crate::update::update;
use crate::view::{as_text, frame};
use crate::wanted::{Wanted, wanted};

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for whoever tells of experiments.
const EXPERIMENTS_LIMIT: Duration = Duration::from_secs(3);
/// Range queries that are under way at once.
const AT_ONCE: usize = 4;
/// Columns and rows of the screens as text.
const SIZE: (u16, u16) = (120, 50);
/// The screens that are written, and the names of their files.
const SCREENS: [(Screen, &str); 8] = [
    (Screen::Overview, "overview.txt"),
    (Screen::VoteApp, "vote-app.txt"),
    (Screen::Redis, "redis.txt"),
    (Screen::Worker, "worker.txt"),
    (Screen::Alerts, "alerts.txt"),
    (Screen::Logs, "logs.txt"),
    (Screen::Chaos, "chaos.txt"),
    (Screen::Targets, "targets.txt"),
];

/// Asks the backends for what every screen shows of the settings' range and writes it into `dir`,
/// which must not be there yet. `tell` is told how far it is. Backends that do not answer are in
/// the bundle as such. Gives the files.
///
/// # Errors
/// [`BundleError`] when the files cannot be written.
pub async fn export(
    mut settings: Settings,
    dir: &Path,
    tell: impl Fn(&str),
) -> Result<Vec<PathBuf>, BundleError> {
    if dir.exists() {
        return Err(BundleError::InTheWay { dir: dir.into() });
    }
    let theme = Theme::new(false).with_ascii(settings.look.ascii);
    let mut setup = Setup::new(&settings, theme, TimeZone::system());
    setup.recorded = true;
    setup.lang = Lang::of(&settings.look);
    let span = settings.range.unwrap_or(setup.history);
    let taken_at = Timestamp::now();
    let mut known = begin(&setup, &settings, taken_at, span);
    let mut model = Model::new(setup, taken_at, SIZE);
    model.window = Window {
        end: Some(taken_at),
        ..Window::live(span)
    };

    tell("asking for signals, alerts and targets");
    for message in Box::pin(facts(&mut settings, &model.setup)).await {
        known.note(&message);
        update(&mut model, message);
    }
    known.events = model.live.events.newest().cloned().collect();
    let asked = charts_wanted(&mut model);
    tell(&format!("asking for {} charts", asked.charts.len()));
    let answers = stream::iter(asked.charts.clone())
        .map(|expr| poll::ask_chart(settings.sources.prometheus.clone(), expr, asked.clone()))
        .buffer_unordered(AT_ONCE);
    let answers: Vec<_> = answers.collect().await;
    for (expr, answer) in answers {
        update(&mut model, Message::Charted(expr, Box::new(answer)));
    }
    let mut logs = Vec::new();
    if let Some(source) = &settings.logs {
        tell(&format!("asking the {} for lines", source.name()));
        match lines(source, taken_at, span).await {
            Ok(lines) => logs = lines,
            Err(refused) => known.logs_refused = Some(refused),
        }
    }
    let bundle = Bundle {
        known,
        charts: model.charts.all(),
        logs,
    };
    let texts = texts(&mut model, &bundle.logs);
    bundle.write(dir, &texts)
}

fn begin(setup: &Setup, settings: &Settings, taken_at: Timestamp, span: Duration) -> Known {
    let backends = setup.backends.iter().zip(&setup.addresses);
    // How Loki stands is told with its lines.
    let backends = backends.filter(|(backend, _)| **backend != Backend::Loki);
    let backends = backends.map(|(backend, url)| Named {
        name: backend.name().into(),
        url: url.clone(),
    });
    let expected = setup.expected.iter();
    let expected = expected.map(|(component, instances)| Expected {
        component: *component,
        instances: *instances,
    });
    Known {
        version: VERSION,
        program: concat!("voteops ", env!("CARGO_PKG_VERSION")).into(),
        taken_at,
        title: setup.title.clone(),
        time_scale: setup.time_scale,
        span_s: span.as_secs_f64(),
        refresh_s: settings.refresh.as_secs_f64(),
        expected: expected.collect(),
        backends: backends.collect(),
        log_source: setup.log_source.map(Into::into),
        logs_refused: None,
        signals: setup.signals.clone(),
        slos: setup.slos.clone(),
        past: Vec::new(),
        read: None,
        rules: None,
        grafana_rules: None,
        held: None,
        objectives: None,
        targets: None,
        experiments: None,
        events: Vec::new(),
    }
}

async fn facts(settings: &mut Settings, setup: &Setup) -> Vec<Message> {
    let targets = poll::ask_targets(settings.sources.prometheus.clone());
    let targets = poll::ask(Feed::Targets, LIMIT, targets);
    let experiments = async {
        let told = settings.experiments.as_mut()?.recv();
        let told = tokio::time::timeout(EXPERIMENTS_LIMIT, told).await;
        told.ok().flatten().map(Message::Experiments)
    };
    let (mut answers, targets, experiments) = tokio::join!(
        poll::ask_once(&settings.sources, setup, LIMIT),
        targets,
        experiments
    );
    answers.push(Message::Answered(targets));
    answers.extend(experiments);
    answers
}

/// What every screen wants to chart, each alert's own chart too.
fn charts_wanted(model: &mut Model) -> Wanted {
    let mut all = Wanted::default();
    let mut seen = BTreeSet::new();
    let mut add = |wants: Wanted| {
        for expr in &wants.charts {
            if seen.insert(expr.clone()) {
                all.charts.push(expr.clone());
            }
        }
        (all.span, all.end, all.step) = (wants.span, wants.end, wants.step);
        all.looks_back = wants.looks_back;
    };
    for (screen, _) in SCREENS {
        model.screen = screen;
        add(wanted(model));
    }
    model.screen = Screen::Alerts;
    model.alerts_pane.expanded = true;
    for selected in 0..model.alerts().len() {
        model.alerts_pane.selected = selected;
        add(wanted(model));
    }
    model.alerts_pane = crate::screens::alerts::Pane::default();
    all
}

async fn lines(
    source: &LogSource,
    taken_at: Timestamp,
    span: Duration,
) -> Result<Vec<LogLine>, Refused> {
    let to_ns = i64::try_from(taken_at.as_nanosecond()).unwrap_or(i64::MAX);
    let span_ns = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    let query = LogQuery::default();
    let asked = source.newest(&query, to_ns.saturating_sub(span_ns), to_ns, MAX_LINES);
    match tokio::time::timeout(LIMIT, asked).await {
        Ok(answer) => answer
            .map(|found| found.lines)
            .map_err(|error| Refused::from(&refusal(&error))),
        Err(_) => Err(Refused {
            short: "timeout".into(),
            full: format!("no lines within {} s", LIMIT.as_secs()),
        }),
    }
}

/// The screens as text; of the logs every line, and the events.
fn texts(model: &mut Model, logs: &[LogLine]) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for (screen, name) in SCREENS {
        model.screen = screen;
        let text = if screen == Screen::Logs {
            logs.iter().map(told).collect()
        } else {
            as_text(&frame(model, SIZE))
        };
        texts.push((name.to_owned(), text));
    }
    let events = model.live.events.newest().map(|event| {
        let mark = match event.severity {
            Severity::Good => "good",
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        };
        format!("{} {mark} {}\n", event.at, clean(&event.text))
    });
    texts.push(("events.txt".into(), events.collect()));
    texts
}

fn told(line: &LogLine) -> String {
    let at = Timestamp::from_nanosecond(line.at_ns.into()).unwrap_or(Timestamp::MIN);
    let who = line.instance().unwrap_or_default();
    format!(
        "{at} {:<7} {who} {}\n",
        line.level.word(),
        clean(&line.message())
    )
}

fn clean(text: &str) -> Cow<'_, str> {
    voteops_observability::text::clean_line(text)
}
