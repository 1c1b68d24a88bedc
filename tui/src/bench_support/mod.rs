//! A console with as much to show as there may be, for the benchmarks of this crate.

mod answers;

use std::error::Error;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use voteops_observability::prometheus::Answer;
use voteops_observability::signals::{self, Component};
use voteops_observability::{rules, slo};

use self::answers::{PAST, answered, at};
use crate::message::{Facts, Message};
use crate::model::charts::Charted;
use crate::model::logs::{LogNews, MAX_LINES};
use crate::model::{Backend, Model, Setup};
use crate::picture;
use crate::settings::{Event, Look, Severity};
use crate::theme::Theme;
use crate::update::update;
use crate::view::view;
use crate::wanted::wanted;

#[cfg(test)]
pub(crate) use self::answers::alert;

/// The screens and the keys that lead to them.
pub const SCREENS: [(&str, &str); 9] = [
    ("overview", "1"),
    ("vote-app", "2"),
    ("redis", "3"),
    ("worker", "4"),
    ("alerts", "5"),
    ("logs", "6"),
    ("chaos", "7"),
    ("targets", "8"),
    ("query", ":query up\r"),
];

/// Scrape targets and instances.
const WORKERS: u32 = 1000;
/// Series that a query answers with.
const SERIES: u32 = 10_000;

/// A console without a terminal.
#[derive(Debug)]
pub struct Console {
    model: Model,
    terminal: Terminal<TestBackend>,
    refreshes: u32,
}

/// What one refresh tells: signals and rules.
#[derive(Debug)]
pub struct Refresh(Vec<Message>);

impl Console {
    /// A console that knows 1000 workers, 10,000 log lines and ten minutes of every signal, and
    /// whose queries by instance were answered with 10,000 series each.
    ///
    /// # Errors
    /// When the shipped signals or rules cannot be read.
    pub fn full(width: u16, height: u16) -> Result<Self, Box<dyn Error>> {
        let Ok(terminal) = Terminal::new(TestBackend::new(width, height));
        let setup = Setup {
            expected: vec![(Component::VoteApp, 2), (Component::Worker, 1000)],
            backends: vec![Backend::Prometheus, Backend::Alertmanager],
            addresses: vec!["http://127.0.0.1:9090/".into(); 2],
            slos: slo::shipped(1.0)?,
            log_source: Some("loki"),
            ..Setup::plain(
                "benchmark".into(),
                signals::shipped(1.0)?,
                1.0,
                Duration::from_secs(1),
                Theme::for_picture(&Look::default()),
                TimeZone::UTC,
            )
        };
        let model = Model::new(setup, at(0), (width, height));
        let mut console = Self {
            model,
            terminal,
            refreshes: 0,
        };
        let alerts = rules::shipped()?.into_iter().map(answers::alert).collect();
        console.tell(answered(0, Facts::Rules(alerts, [].into())));
        for _ in 0..PAST {
            let refresh = console.next_refresh();
            console.refresh(refresh);
        }
        console.tell_the_rest();
        Ok(console)
    }

    /// Presses keys; `\r` is Enter, `\x08` Backspace, and what they ask for is answered.
    pub fn press(&mut self, keys: &str) {
        let asked = wanted(&self.model);
        for key in keys.chars() {
            let code = match key {
                '\r' => KeyCode::Enter,
                '\x08' => KeyCode::Backspace,
                key => KeyCode::Char(key),
            };
            self.tell(Message::Input(Input::Key(KeyEvent::from(code))));
        }
        if wanted(&self.model) != asked {
            self.answer();
        }
    }

    /// The next refresh.
    #[must_use]
    pub fn next_refresh(&mut self) -> Refresh {
        self.refreshes += 1;
        let after_s = self.refreshes;
        let values = (0..self.model.setup.signals.len())
            .map(|signal| Some(answers::wave(signal, after_s)))
            .collect();
        let alerts = self.model.alerts().to_vec();
        let thresholds = self.model.live.thresholds.clone();
        Refresh(vec![
            answered(after_s, Facts::Signals(values, Vec::new())),
            answered(after_s, Facts::Rules(alerts, thresholds)),
            Message::Now(at(after_s)),
        ])
    }

    /// Tells the model what a refresh tells.
    pub fn refresh(&mut self, refresh: Refresh) {
        for message in refresh.0 {
            self.tell(message);
        }
    }

    /// Draws a frame.
    pub fn draw(&mut self) {
        let Ok(_) = self.terminal.draw(|frame| view(&self.model, frame));
    }

    /// The frame that was drawn last, as SVG.
    #[must_use]
    pub fn picture(&self) -> String {
        picture::svg(self.terminal.backend().buffer())
    }

    fn tell(&mut self, message: Message) {
        update(&mut self.model, message);
    }

    /// Answers what the screen asks for.
    fn answer(&mut self) {
        let needs = wanted(&self.model);
        for expr in needs.charts {
            // The others add everything up.
            let many = expr == "up" || expr.contains("by (instance");
            let found = if many { SERIES } else { 1 };
            let answer = Answer {
                data: (0..found)
                    .map(|number| answers::series(number, self.refreshes))
                    .collect(),
                warnings: Vec::new(),
            };
            let range = self.model.window.range(self.model.live.now);
            let charted = Charted::new(
                answer,
                Some(range),
                needs.step.as_secs_f64(),
                self.model.live.now,
                0,
            );
            self.tell(Message::Charted(expr, Box::new(Ok(charted))));
        }
        if let Some(question) = needs.logs.filter(|_| !self.model.logs.loaded) {
            let lines: Vec<_> = (0..MAX_LINES).map(answers::line).collect();
            self.tell(Message::Logs(question, LogNews::Begin(lines.into())));
        }
    }

    fn tell_the_rest(&mut self) {
        let after_s = self.refreshes;
        let targets = (0..WORKERS).map(answers::target).collect();
        self.tell(answered(after_s, Facts::Targets(targets)));
        self.tell(answered(after_s, Facts::Held(Vec::new())));
        let slos = self
            .model
            .setup
            .slos
            .iter()
            .map(answers::objective)
            .collect();
        self.tell(answered(after_s, Facts::Slos(slos)));
        self.tell(Message::Experiments(
            (0..50).map(answers::experiment).collect(),
        ));
        for number in 0..200 {
            self.tell(Message::News(Event {
                at: at(number),
                text: format!("worker-{number} was killed by signal 9, starting it again"),
                severity: Severity::Warning,
            }));
        }
    }
}
