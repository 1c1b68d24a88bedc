//! What the screen that is shown needs to know: a pure function of the model. The tasks that ask
//! follow it, so that nothing is asked that nobody looks at.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::model::logs::LogQuestion;
use crate::model::{Model, Screen};
use crate::screens;

/// What is asked for besides what is always asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wanted {
    /// Queries over the window.
    pub(crate) charts: Vec<String>,
    /// The first series whose samples are looked at.
    pub(crate) first_series: usize,
    /// The window's length.
    pub(crate) span: Duration,
    /// Its end; `None` follows the clock.
    pub(crate) end: Option<Timestamp>,
    /// The time between two points.
    pub(crate) step: Duration,
    /// Whether a sample of the alerts' history is to stand for the step before it.
    pub(crate) looks_back: bool,
    /// Log lines over the window.
    pub(crate) logs: Option<LogQuestion>,
    /// Whether the scrape targets are shown.
    pub(crate) targets: bool,
    /// Whether the silences are shown.
    pub(crate) silences: bool,
}

impl Wanted {
    /// Asks for a query over the window, once.
    pub(crate) fn chart(&mut self, expr: &str) {
        if !self.charts.iter().any(|known| known == expr) {
            self.charts.push(expr.to_owned());
        }
    }

    /// Tells the tasks that ask, unless they know it already.
    pub(crate) fn tell(self, tasks: &watch::Sender<Self>) {
        tasks.send_if_modified(|known| {
            let changed = *known != self;
            *known = self;
            changed
        });
    }
}

/// What the model's screen needs.
pub(crate) fn wanted(model: &Model) -> Wanted {
    let step = model.window.step();
    let mut wanted = Wanted {
        span: model.window.span,
        end: model.window.end,
        step,
        looks_back: model.setup.looks_back(step.as_secs_f64()),
        ..Wanted::default()
    };
    match model.screen {
        Screen::Overview | Screen::Chaos => {}
        Screen::VoteApp | Screen::Redis | Screen::Worker => {
            screens::component::want(model, &mut wanted);
        }
        Screen::Alerts => screens::alerts::want(model, &mut wanted),
        Screen::Logs => screens::logs::want(model, &mut wanted),
        Screen::Targets => screens::targets::want(model, &mut wanted),
        Screen::Explore => screens::explore::want(model, &mut wanted),
    }
    wanted
}
