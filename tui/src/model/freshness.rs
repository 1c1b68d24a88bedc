//! How fresh each answer is, and what a backend's badge says.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::snapshot::Origin;

use crate::lang::tr;
use crate::message::Refusal;
use crate::model::seconds_between;

/// A kind of question, asked by a task of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feed {
    /// The signals' values.
    Signals,
    /// The alert rules and their states.
    Rules,
    /// The alerts that Alertmanager holds.
    Held,
    /// How the service level objectives stand.
    Slos,
    /// The scrape targets, while they are shown.
    Targets,
    /// The silences, while they are shown.
    Silences,
    /// The alert rules that Grafana evaluates, and their states.
    GrafanaRules,
    /// Whether log lines can be asked for.
    Logs,
}

/// A server that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Signals and rules.
    Prometheus,
    /// Held alerts.
    Alertmanager,
    /// Rules of its own.
    Grafana,
    /// Log lines.
    Loki,
}

impl Backend {
    /// Every server, in the order in which they are shown.
    pub(crate) const ALL: [Self; 4] = [
        Self::Prometheus,
        Self::Alertmanager,
        Self::Grafana,
        Self::Loki,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::Loki => "loki",
        }
    }

    /// The questions that are always asked: the backend stands as they do.
    pub(crate) fn feeds(self) -> &'static [Feed] {
        match self {
            Self::Prometheus => &[Feed::Signals, Feed::Rules],
            Self::Alertmanager => &[Feed::Held],
            Self::Grafana => &[Feed::GrafanaRules],
            Self::Loki => &[Feed::Logs],
        }
    }
}

impl Feed {
    /// Whether a failure is news: of what the backend stands by, and of what can fail beside that.
    pub(crate) fn is_news(self) -> bool {
        self == Self::Slos || self.backend().feeds().contains(&self)
    }

    /// Who is lost when it fails.
    pub(crate) fn subject(self) -> Cow<'static, str> {
        let backend = self.backend().name();
        match self {
            Self::Slos => format!("{backend} ({})", tr!("objectives")).into(),
            _ => backend.into(),
        }
    }

    /// How many kinds there are.
    const COUNT: usize = 8;
    /// Time between two questions of those that are asked rarely.
    pub(crate) const RARE: Duration = Duration::from_secs(5);

    /// The question for what an origin tells of alerts.
    pub(crate) fn of_rules(origin: Origin) -> Self {
        match origin {
            Origin::Prometheus => Self::Rules,
            Origin::Grafana => Self::GrafanaRules,
            Origin::Alertmanager => Self::Held,
        }
    }

    /// Whose rules it brings.
    pub(crate) fn origin(self) -> Option<Origin> {
        let origins = [Origin::Prometheus, Origin::Grafana];
        origins
            .into_iter()
            .find(|origin| Self::of_rules(*origin) == self)
    }

    /// The server that is asked.
    pub(crate) fn backend(self) -> Backend {
        match self {
            Self::Signals | Self::Rules | Self::Targets | Self::Slos => Backend::Prometheus,
            Self::Held | Self::Silences => Backend::Alertmanager,
            Self::GrafanaRules => Backend::Grafana,
            Self::Logs => Backend::Loki,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Signals => 0,
            Self::Rules => 1,
            Self::Held => 2,
            Self::Targets => 3,
            Self::Slos => 4,
            Self::Silences => 5,
            Self::GrafanaRules => 6,
            Self::Logs => 7,
        }
    }
}

/// Why the last question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) refusal: Refusal,
    /// Since when nothing but failures came.
    pub(crate) since: Timestamp,
    /// When it is asked again, if it is.
    pub(crate) next_try: Option<Timestamp>,
}

/// How fresh the answers to one kind of question are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Freshness {
    last_good: Option<Timestamp>,
    latency: Duration,
    failure: Option<Failure>,
    /// Whether there was news of the failure.
    told: bool,
    warnings: Vec<String>,
}

/// How the answers of a feed or a backend stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// Nothing came yet.
    Connecting,
    /// The last answer is good and recent.
    Live {
        /// Its age, in seconds.
        age_s: f64,
        /// How long it took.
        latency: Duration,
        /// Warnings that came with it.
        warnings: usize,
    },
    /// The last answer is good but old, and the next one is awaited.
    Late {
        /// Its age, in seconds.
        age_s: f64,
    },
    /// The last question failed.
    Failing {
        /// How.
        failure: Failure,
        /// The age of the last good answer, in seconds.
        age_s: Option<f64>,
    },
}

impl Condition {
    fn badness(&self) -> u8 {
        match self {
            Self::Live { warnings: 0, .. } => 0,
            Self::Live { .. } => 1,
            Self::Connecting => 2,
            Self::Late { .. } => 3,
            Self::Failing { .. } => 4,
        }
    }

    fn age_s(&self) -> f64 {
        match self {
            Self::Connecting => 0.0,
            Self::Live { age_s, .. } | Self::Late { age_s } => *age_s,
            Self::Failing { age_s, .. } => age_s.unwrap_or_default(),
        }
    }
}

/// The freshness of every feed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Feeds {
    feeds: [Freshness; Feed::COUNT],
    stale_after_s: f64,
}

impl Feeds {
    /// Feeds that have not answered yet, and the age from which an answer is stale.
    pub(crate) fn new(stale_after_s: f64) -> Self {
        Self {
            feeds: Default::default(),
            stale_after_s,
        }
    }

    /// The age from which an answer is stale, in seconds.
    fn stale_after_s(&self, feed: Feed) -> f64 {
        match feed {
            Feed::Logs => self.stale_after_s + Feed::RARE.as_secs_f64(),
            _ => self.stale_after_s,
        }
    }

    /// Takes a good answer down. When it ends a failure, gives the instant since when there was
    /// no good answer.
    pub(crate) fn answered(
        &mut self,
        feed: Feed,
        at: Timestamp,
        latency: Duration,
        warnings: Vec<String>,
    ) -> Option<Timestamp> {
        let known = &mut self.feeds[feed.index()];
        let last_good = known.last_good.replace(at);
        known.latency = latency;
        known.warnings = warnings;
        let ended = known.failure.take()?;
        Some(last_good.unwrap_or(ended.since))
    }

    /// Takes a failure down.
    pub(crate) fn failed(
        &mut self,
        feed: Feed,
        at: Timestamp,
        refusal: Refusal,
        next_try: Option<Timestamp>,
    ) {
        let known = &mut self.feeds[feed.index()];
        let since = known.failure.as_ref().map_or(at, |failure| failure.since);
        known.failure = Some(Failure {
            refusal,
            since,
            next_try,
        });
    }

    /// Takes down that there is news of a failure.
    pub(crate) fn tell(&mut self, feed: Feed) {
        self.feeds[feed.index()].told = true;
    }

    /// Whether there was news of the failure, which is over then.
    pub(crate) fn take_told(&mut self, feed: Feed) -> bool {
        std::mem::take(&mut self.feeds[feed.index()].told)
    }

    /// Why a feed's last question has no answer.
    pub(crate) fn failure(&self, feed: Feed) -> Option<&Failure> {
        self.feeds[feed.index()].failure.as_ref()
    }

    /// The warnings of the last good answer.
    pub(crate) fn warnings(&self, feed: Feed) -> &[String] {
        &self.feeds[feed.index()].warnings
    }

    /// Whether a backend's last answer to any question failed.
    pub(crate) fn is_failing(&self, backend: Backend) -> bool {
        backend
            .feeds()
            .iter()
            .any(|feed| self.feeds[feed.index()].failure.is_some())
    }

    /// How one feed's answers stand at `now`.
    pub(crate) fn condition(&self, feed: Feed, now: Timestamp) -> Condition {
        let known = &self.feeds[feed.index()];
        let age_s = known.last_good.map(|at| seconds_between(at, now).max(0.0));
        match (&known.failure, age_s) {
            (Some(failure), age_s) => Condition::Failing {
                failure: failure.clone(),
                age_s,
            },
            (None, None) => Condition::Connecting,
            (None, Some(age_s)) if age_s > self.stale_after_s(feed) => Condition::Late { age_s },
            (None, Some(age_s)) => Condition::Live {
                age_s,
                latency: known.latency,
                warnings: known.warnings.len(),
            },
        }
    }

    /// How a backend's answers stand at `now`: as the worst of its feeds.
    pub(crate) fn backend(&self, backend: Backend, now: Timestamp) -> Condition {
        backend
            .feeds()
            .iter()
            .map(|feed| self.condition(*feed, now))
            .max_by(|a, b| {
                let badness = a.badness().cmp(&b.badness());
                badness.then_with(|| a.age_s().total_cmp(&b.age_s()))
            })
            .unwrap_or(Condition::Connecting)
    }

    /// The age in seconds of the last good answer, when it is too old to be called live.
    pub(crate) fn stale_s(&self, feed: Feed, now: Timestamp) -> Option<f64> {
        let at = self.feeds[feed.index()].last_good?;
        Some(seconds_between(at, now)).filter(|age_s| *age_s > self.stale_after_s(feed))
    }

    /// The age in seconds of the last good answer, when a later question failed.
    pub(crate) fn failing_s(&self, feed: Feed, now: Timestamp) -> Option<f64> {
        let known = &self.feeds[feed.index()];
        known.failure.as_ref()?;
        Some(seconds_between(known.last_good?, now))
    }

    /// Whether there was ever a good answer.
    pub(crate) fn has_answered(&self, feed: Feed) -> bool {
        self.feeds[feed.index()].last_good.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_rarely_is_not_called_late_between_two_questions() {
        let mut feeds = Feeds::new(3.0);
        let at = |after_s: i64| Timestamp::from_second(1_790_000_000 + after_s).unwrap();
        for feed in [Feed::Signals, Feed::Logs] {
            feeds.answered(feed, at(0), Duration::ZERO, Vec::new());
        }
        let is_late = |feed, after_s| {
            let condition = feeds.condition(feed, at(after_s));
            assert_eq!(
                feeds.stale_s(feed, at(after_s)).is_some(),
                matches!(condition, Condition::Late { .. })
            );
            matches!(condition, Condition::Late { .. })
        };
        assert!(!is_late(Feed::Signals, 3) && is_late(Feed::Signals, 4));
        assert!(!is_late(Feed::Logs, 8) && is_late(Feed::Logs, 9));
    }
}
