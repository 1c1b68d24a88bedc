//! What is known and what is looked at. Only `update` changes it, only `view` draws it.

pub(crate) mod alerts;
pub(crate) mod charts;
pub(crate) mod events;
pub(crate) mod forecast;
pub(crate) mod freshness;
pub(crate) mod history;
pub(crate) mod logs;
pub(crate) mod prompt;
mod told;
pub(crate) mod window;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use voteops_observability::alertmanager::silences::Silence;
use voteops_observability::alertmanager::{Alertmanager, HeldAlert};
use voteops_observability::backend;
use voteops_observability::grafana::Grafana;
use voteops_observability::logs::LogSource;
use voteops_observability::prometheus::Target;
use voteops_observability::signals::{Component, Signal, Threshold};
use voteops_observability::slo::{Slo, SloReading};
use voteops_observability::snapshot::{AlertStatus, Reading};

use self::alerts::Alerts;
use self::logs::Logs;
use crate::experiments::{Experiment, Offer};
use crate::keys::KeyMap;
use crate::lang::Lang;
use crate::screens::{self, chaos, component, explore, targets};
use crate::settings::{Outcome, Settings};
use crate::theme::Theme;
use charts::Charts;
use events::Events;
pub(crate) use freshness::{Backend, Condition, Feed, Feeds};
use history::History;
use prompt::{Filter, Prompt};
use window::Window;

/// History that an unscaled stack is shown with, in seconds.
const HISTORY_S: f64 = 600.0;
/// Shortest history, however fast the stack's clock runs, in seconds.
const MIN_HISTORY_S: f64 = 60.0;
/// Window over which the queue's trend is measured on an unscaled stack, in seconds.
const TREND_S: f64 = 45.0;
/// Shortest window of the trend, in seconds.
const MIN_TREND_S: f64 = 5.0;
/// Points that a history is filled with at the start.
const FILL_POINTS: u32 = 120;
/// Refreshes without an answer after which values are stale.
const STALE_REFRESHES: f64 = 3.0;
/// No value is called stale earlier than this, in seconds.
const MIN_STALE_S: f64 = 3.0;

/// A screen of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Screen {
    /// Pipeline, signals, alerts and events at a glance.
    Overview,
    /// The vote app's signals as charts.
    VoteApp,
    /// Redis's signals as charts.
    Redis,
    /// The workers' signals as charts.
    Worker,
    /// Every alert rule.
    Alerts,
    /// What the services write.
    Logs,
    /// Experiments.
    Chaos,
    /// Scrape targets and backends.
    Targets,
    /// Any expression as a chart.
    Explore,
}

impl Screen {
    /// Every screen, in the order of Tab.
    pub(crate) const ALL: [Self; 9] = [
        Self::Overview,
        Self::VoteApp,
        Self::Redis,
        Self::Worker,
        Self::Alerts,
        Self::Logs,
        Self::Chaos,
        Self::Targets,
        Self::Explore,
    ];

    /// The component whose screen it is.
    pub(crate) fn component(self) -> Option<Component> {
        match self {
            Self::VoteApp => Some(Component::VoteApp),
            Self::Redis => Some(Component::Redis),
            Self::Worker => Some(Component::Worker),
            _ => None,
        }
    }

    /// The screen before this one.
    pub(crate) fn previous(self) -> Self {
        let count = Self::ALL.len();
        let at = Self::ALL.iter().position(|screen| *screen == self);
        at.map_or(self, |at| Self::ALL[(at + count - 1) % count])
    }

    /// The screen after this one.
    pub(crate) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|screen| *screen == self);
        at.map_or(self, |at| Self::ALL[(at + 1) % Self::ALL.len()])
    }
}

/// What does not change while the console runs.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// What is looked at.
    pub(crate) title: String,
    /// What is asked before leaving.
    pub(crate) quit_prompt: Option<String>,
    /// How many instances should be up.
    pub(crate) expected: Vec<(Component, usize)>,
    /// The signals, in the catalogue's order.
    pub(crate) signals: Vec<Signal>,
    /// The backends that are asked.
    pub(crate) backends: Vec<Backend>,
    /// Their addresses, without passwords.
    pub(crate) addresses: Vec<String>,
    /// Length of the histories.
    pub(crate) history: Duration,
    /// Window of the queue's trend.
    pub(crate) trend: Duration,
    /// Time between two readings.
    pub(crate) refresh: Duration,
    /// Age from which an answer is stale, in seconds.
    pub(crate) stale_after_s: f64,
    /// What states look like.
    pub(crate) theme: Theme,
    /// The language that is spoken.
    pub(crate) lang: Lang,
    /// What keys do.
    pub(crate) keys: KeyMap,
    /// The zone that times are told in.
    pub(crate) zone: TimeZone,
    /// The service level objectives.
    pub(crate) slos: Vec<Slo>,
    /// The stack's time scale.
    pub(crate) time_scale: f64,
    /// Whether the console begins with the mouse.
    pub(crate) mouse: bool,
    /// Where log lines come from, by name; `None` when there is nothing.
    pub(crate) log_source: Option<&'static str>,
    /// Who makes silences.
    pub(crate) user: String,
    /// Whether nothing may be changed from here.
    pub(crate) read_only: bool,
    /// The contexts that can be gone to.
    pub(crate) contexts: Vec<String>,
    /// The experiments that can be begun from here.
    pub(crate) offers: Offers,
    /// Whether a recording is shown, and nothing can be asked.
    pub(crate) recorded: bool,
}

/// The experiments that can be begun from the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Offers {
    /// None: the stack is not one of `voteops up`.
    Elsewhere,
    /// None: that was not allowed.
    Forbidden,
    /// These.
    These(Vec<Offer>),
}

impl Offers {
    fn of(settings: &Settings) -> Self {
        match (&settings.experimenter, &settings.experiments) {
            (Some(who), _) => Self::These(who.offers()),
            (None, Some(_)) => Self::Forbidden,
            (None, None) => Self::Elsewhere,
        }
    }
}

impl Setup {
    /// The setup that `settings` ask for.
    pub(crate) fn new(settings: &Settings, theme: Theme, zone: TimeZone) -> Self {
        let sources = &settings.sources;
        let (backends, addresses) = backends(settings).unzip();
        Self {
            quit_prompt: settings.quit_prompt.clone(),
            expected: settings.expected.clone(),
            backends,
            addresses,
            slos: settings.slos.clone(),
            keys: KeyMap::new(&settings.keys),
            mouse: settings.mouse,
            user: settings.user.clone(),
            read_only: settings.read_only,
            contexts: settings.contexts.clone(),
            offers: Offers::of(settings),
            log_source: settings.logs.as_ref().map(LogSource::name),
            ..Self::plain(
                settings.title.clone(),
                sources.signals.clone(),
                settings.time_scale,
                settings.refresh,
                theme,
                zone,
            )
        }
    }

    /// A setup of signals, without any backend.
    pub(crate) fn plain(
        title: String,
        signals: Vec<Signal>,
        time_scale: f64,
        refresh: Duration,
        theme: Theme,
        zone: TimeZone,
    ) -> Self {
        let scale = time_scale.max(1.0);
        let scaled = |span_s: f64, least_s: f64| {
            Duration::from_secs_f64((span_s / scale).clamp(least_s, span_s))
        };
        Self {
            title,
            quit_prompt: None,
            expected: Vec::new(),
            signals,
            backends: Vec::new(),
            addresses: Vec::new(),
            history: scaled(HISTORY_S, MIN_HISTORY_S),
            trend: scaled(TREND_S, MIN_TREND_S),
            refresh,
            stale_after_s: (STALE_REFRESHES * refresh.as_secs_f64()).max(MIN_STALE_S),
            theme,
            lang: Lang::default(),
            keys: KeyMap::default(),
            zone,
            slos: Vec::new(),
            time_scale: scale,
            mouse: false,
            log_source: None,
            user: String::new(),
            read_only: false,
            contexts: Vec::new(),
            offers: Offers::Elsewhere,
            recorded: false,
        }
    }

    /// How many instances of a component should be up, where that is known.
    pub(crate) fn expected(&self, component: Component) -> Option<usize> {
        self.expected
            .iter()
            .find(|(expected, _)| *expected == component)
            .map(|(_, count)| *count)
    }

    /// The address of a backend that is asked.
    pub(crate) fn address(&self, backend: Backend) -> Option<&str> {
        let all = self.backends.iter().zip(&self.addresses);
        let mut found = all.filter(|(known, _)| **known == backend);
        found.next().map(|(_, address)| address.as_str())
    }

    /// The time between two samples that fill a history.
    pub(crate) fn fill_step(&self) -> Duration {
        self.history / FILL_POINTS
    }
}

/// The backends that are asked, with their addresses.
fn backends(settings: &Settings) -> impl Iterator<Item = (Backend, String)> {
    let sources = &settings.sources;
    let base = |backend| match backend {
        Backend::Prometheus => Some(sources.prometheus.base()),
        Backend::Alertmanager => sources.alertmanager.as_ref().map(Alertmanager::base),
        Backend::Grafana => sources.grafana.as_ref().map(Grafana::base),
        Backend::Loki => match &settings.logs {
            Some(LogSource::Loki(loki)) => Some(loki.base()),
            _ => None,
        },
    };
    let all = Backend::ALL.into_iter();
    all.filter_map(move |backend| Some((backend, backend::bare(base(backend)?))))
}

/// What is known. Freezing the frame keeps a copy of it.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    /// The time that ages and countdowns are told from.
    pub(crate) now: Timestamp,
    /// The signals as last read.
    pub(crate) readings: Vec<Reading>,
    /// What they were before; one for each reading.
    pub(crate) histories: Vec<History>,
    /// The thresholds in force, by alert.
    pub(crate) thresholds: BTreeMap<String, Threshold>,
    /// The alert rules of all who could be asked.
    pub(crate) alerts: Alerts,
    /// What Alertmanager holds; `None` until it could be asked.
    pub(crate) held: Option<Vec<HeldAlert>>,
    /// The silences; `None` until they were asked for.
    pub(crate) silences: Option<Vec<Silence>>,
    /// The scrape targets; `None` until they were asked for.
    pub(crate) targets: Option<Vec<Target>>,
    /// How the objectives stand; `None` until they were asked for.
    pub(crate) slos: Option<Vec<SloReading>>,
    /// Experiments, newest first; `None` when nobody tells of them.
    pub(crate) experiments: Option<Vec<Experiment>>,
    /// How fresh each answer is.
    pub(crate) feeds: Feeds,
    /// What happened.
    pub(crate) events: Events,
}

impl Data {
    fn new(setup: &Setup, now: Timestamp) -> Self {
        let thresholds = BTreeMap::new();
        let readings = setup.signals.iter();
        Self {
            now,
            readings: readings
                .map(|signal| Reading::new(signal, None, &thresholds))
                .collect(),
            histories: vec![History::default(); setup.signals.len()],
            thresholds,
            alerts: Alerts::default(),
            held: None,
            silences: None,
            targets: None,
            slos: None,
            experiments: None,
            feeds: Feeds::new(setup.stale_after_s),
            events: Events::default(),
        }
    }

    /// Seconds from `then` until now; negative when `then` is still to come.
    pub(crate) fn age_s(&self, then: Timestamp) -> f64 {
        seconds_between(then, self.now)
    }

    /// The reading with this identity and its history.
    pub(crate) fn signal(&self, id: &str) -> Option<(&Reading, &History)> {
        self.readings
            .iter()
            .zip(&self.histories)
            .find(|(reading, _)| reading.id == id)
    }
}

/// Seconds from one instant to another.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// Everything that a frame is drawn from.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// What does not change.
    pub(crate) setup: Setup,
    /// What is known now.
    pub(crate) live: Data,
    /// What was known when the frame was frozen.
    pub(crate) frozen: Option<Box<Data>>,
    /// The screen that is shown.
    pub(crate) screen: Screen,
    /// Whether the help lies over it.
    pub(crate) help: bool,
    /// First row of the help that is shown.
    pub(crate) help_scroll: usize,
    /// How it ends if the question whether to leave is answered with yes, while that is open.
    pub(crate) asking: Option<Outcome>,
    /// The line that is being typed.
    pub(crate) prompt: Option<Prompt>,
    /// Commands that were entered, oldest first.
    pub(crate) entered: Vec<String>,
    /// What each screen's list is filtered by.
    pub(crate) filters: BTreeMap<Screen, Filter>,
    /// The time that charts and logs show.
    pub(crate) window: Window,
    /// What the charts are drawn from.
    pub(crate) charts: Charts,
    /// The log lines.
    pub(crate) logs: Logs,
    /// Whether the console has the mouse, rather than the terminal.
    pub(crate) mouse: bool,
    /// What was last told to the user, in place of the footer, until the next key.
    pub(crate) notice: Option<String>,
    /// The alerts screen's selection.
    pub(crate) alerts_pane: screens::alerts::Pane,
    /// What lies over the alerts.
    pub(crate) silencing: screens::alerts::silence::Silencing,
    /// The component screens' selection.
    pub(crate) component_pane: component::Pane,
    /// What the logs screen shows.
    pub(crate) logs_pane: screens::logs::Pane,
    /// The chaos screen's selection.
    pub(crate) chaos_pane: chaos::Pane,
    /// The experiment that is being chosen.
    pub(crate) starting: chaos::start::Starting,
    /// How many experiments that were begun here run.
    pub(crate) running: usize,
    /// The targets screen's selection.
    pub(crate) targets_pane: targets::Pane,
    /// What the query screen shows.
    pub(crate) explore_pane: explore::Pane,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
}

impl Model {
    /// A model that knows nothing yet.
    pub(crate) fn new(setup: Setup, now: Timestamp, size: (u16, u16)) -> Self {
        let window = Window::live(setup.history);
        let mouse = setup.mouse;
        Self {
            live: Data::new(&setup, now),
            setup,
            frozen: None,
            screen: Screen::Overview,
            help: false,
            help_scroll: 0,
            asking: None,
            prompt: None,
            entered: Vec::new(),
            filters: BTreeMap::new(),
            window,
            charts: Charts::default(),
            logs: Logs::default(),
            mouse,
            notice: None,
            alerts_pane: screens::alerts::Pane::default(),
            silencing: screens::alerts::silence::Silencing::default(),
            component_pane: component::Pane::default(),
            logs_pane: screens::logs::Pane::default(),
            chaos_pane: chaos::Pane::default(),
            starting: chaos::start::Starting::default(),
            running: 0,
            targets_pane: targets::Pane::default(),
            explore_pane: explore::Pane::default(),
            size,
        }
    }

    /// What is drawn: the frozen copy, or what is known now.
    pub(crate) fn shown(&self) -> &Data {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    /// The alert rules that are drawn.
    pub(crate) fn alerts(&self) -> &[AlertStatus] {
        self.shown().alerts.all()
    }
}
