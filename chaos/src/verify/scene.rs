//! What a rule reads: the targets, when they are scraped, and the samples so far.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use voteops_observability::prometheus;
use voteops_observability::prometheus::{Labels, Prometheus, Series};
use voteops_observability::promql;
use voteops_observability::replay::eval::{Semantics, Settings};
use voteops_observability::units::parse_duration;

use super::Error;
use super::forecast::millis;
use super::rule::Rule;

/// Samples that the usual rate of a counter is measured over, at the most.
const USUAL: usize = 20;
/// For how long a sample stands for its series, in seconds (`--query.lookback-delta`).
const LOOKBACK_S: f64 = 300.0;
/// The targets and their series, as they are at one time.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) targets: Vec<Scraped>,
    pub(super) settings: Settings,
    /// Since when all has been as it is now, in Unix milliseconds: rates of before are none of its.
    pub(super) usual_from_ms: i64,
}

/// A target.
#[derive(Clone, Debug)]
pub(super) struct Scraped {
    pub(super) labels: Labels,
    pub(super) url: String,
    pub(super) interval_ms: i64,
    pub(super) timeout_ms: i64,
    /// How long it may take until it is known again once it is back, in milliseconds; `None` for one that
    /// is on a list and stays known.
    pub(super) rediscovered_ms: Option<i64>,
    /// The time of a scrape, in Unix milliseconds.
    pub(super) tick_ms: i64,
    pub(super) series: Vec<History>,
}

/// The samples of a series, oldest first; times in Unix milliseconds.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) labels: Labels,
    pub(super) samples: Vec<(i64, f64)>,
}

impl Scene {
    /// Reads what the rule looks at, as far back as an evaluation of now or of `since` does.
    pub(super) async fn read(
        prometheus: &Prometheus,
        rule: &Rule,
        since: Timestamp,
    ) -> Result<Self, Error> {
        let semantics = Semantics::of_version(&prometheus.version().await?);
        let targets = prometheus.targets().await?.data;
        // What tells only a part of the API, as some that speak it do, has lists.
        let pools = prometheus.rediscovery().await.unwrap_or_default();
        let scraped = |target| scraped(target, &pools);
        let mut targets: Vec<_> = targets.iter().filter_map(scraped).collect();
        let now = Timestamp::now();
        let since_s = now.duration_since(since).as_secs_f64().max(0.0);
        let reach_s = rule.range_s.max(LOOKBACK_S.min(60.0 * rule.evaluation_s)) + since_s;
        for selector in promql::selectors(&rule.expr).unwrap_or_default() {
            let range = format!("{selector}[{}ms]", millis(reach_s));
            for series in prometheus.query(&range, None).await?.data {
                add(&mut targets, series);
            }
        }
        for target in &mut targets {
            target.align();
        }
        Ok(Self {
            targets,
            settings: Settings::new(semantics),
            usual_from_ms: i64::MIN,
        })
    }

    /// The same, of which it is known since when all has been as it is now.
    pub(super) fn usual_since(self, since: Timestamp) -> Self {
        Self {
            usual_from_ms: since.as_millisecond(),
            ..self
        }
    }

    /// Has a target of before be one of its own again, with what is left of its series.
    pub(super) fn remember(&mut self, target: &Scraped) {
        let is_its_own = |other: &Scraped| {
            let mut series = other.series.iter();
            other.labels.is_empty() && series.all(|series| target.owns(&series.labels))
        };
        let all = std::mem::take(&mut self.targets).into_iter();
        let (own, others): (Vec<_>, Vec<_>) = all.partition(is_its_own);
        let series = own.into_iter().flat_map(|own| own.series);
        self.targets = others;
        self.targets.push(Scraped {
            series: series.filter(|series| !is_up(&series.labels)).collect(),
            ..target.clone()
        });
    }

    /// How fast a counter counts as a rule, per second; 0 for one that is not there.
    pub(super) fn usual_per_s(&self, labels: &Labels) -> f64 {
        let Some(history) = self.find(labels) else {
            return 0.0;
        };
        let samples = history.samples.iter().rev();
        let usual = samples.take_while(|(ms, _)| *ms >= self.usual_from_ms);
        match usual.count() {
            // Too young to be measured by its own samples.
            0 | 1 => history.per_s(USUAL),
            count => history.per_s(count.min(USUAL)),
        }
    }

    /// The series with these labels.
    pub(super) fn find(&self, labels: &Labels) -> Option<&History> {
        let mut series = self.targets.iter().flat_map(|target| &target.series);
        series.find(|history| history.labels == *labels)
    }
}

/// Milliseconds as seconds.
pub(super) fn secs(ms: i64) -> f64 {
    SignedDuration::from_millis(ms).as_secs_f64()
}

fn scraped(target: &prometheus::Target, pools: &BTreeMap<String, Duration>) -> Option<Scraped> {
    let ms = |text: &str| i64::try_from(parse_duration(text).ok()?.as_millis()).ok();
    let interval_ms = ms(&target.scrape_interval)?;
    Some(Scraped {
        labels: target.labels.clone(),
        url: target.scrape_url.clone(),
        interval_ms,
        timeout_ms: ms(&target.scrape_timeout).unwrap_or(interval_ms),
        rediscovered_ms: pools
            .get(&target.scrape_pool)
            .map(|longest| millis(longest.as_secs_f64())),
        tick_ms: target.last_scrape?.as_millisecond(),
        series: Vec::new(),
    })
}

/// Gives a series to the target that it is of. What no target has, a recorded series for instance,
/// is taken as a target of its own.
fn add(targets: &mut Vec<Scraped>, series: Series) {
    #[expect(clippy::cast_possible_truncation, reason = "Unix milliseconds")]
    let at_ms = |at_s: f64| (at_s * 1000.0).round() as i64;
    let samples = series.samples.iter();
    let history = History {
        samples: samples
            .map(|sample| (at_ms(sample.at_s), sample.value))
            .collect(),
        labels: series.labels,
    };
    // Rules read the same series several times, over ranges of their own.
    if targets.iter().any(|target| target.has(&history.labels)) {
        return;
    }
    let owner = targets
        .iter_mut()
        .find(|target| target.owns(&history.labels));
    match owner {
        // A target's own health follows from its scrapes.
        Some(target) if is_up(&history.labels) => target.learn(&history),
        Some(target) => target.series.push(history),
        None => targets.extend(Scraped::lonely(history)),
    }
}

fn is_up(labels: &Labels) -> bool {
    labels.get("__name__").is_some_and(|name| name == "up")
}

impl Scraped {
    fn owns(&self, labels: &Labels) -> bool {
        let mut own = self.labels.iter();
        !self.labels.is_empty() && own.all(|(name, value)| labels.get(name) == Some(value))
    }

    fn has(&self, labels: &Labels) -> bool {
        self.series.iter().any(|known| known.labels == *labels)
    }

    /// Whether a series of it is of an instance that nobody scrapes any more, and that will not come back.
    pub(super) fn is_past(&self, series: &History) -> bool {
        self.labels.is_empty() && !series.label("instance").is_empty()
    }

    /// Learns from its own samples when exactly it is scraped: they bear the time of the scrape.
    fn learn(&mut self, history: &History) {
        if let Some((last_ms, _)) = history.samples.last() {
            self.tick_ms = *last_ms;
        }
    }

    fn align(&mut self) {
        let lasts = self
            .series
            .iter()
            .filter_map(|history| history.samples.last());
        if let Some(last_ms) = lasts.map(|(last_ms, _)| *last_ms).max() {
            self.tick_ms = last_ms;
        }
    }

    /// A series that no target has, with the clock that its samples show.
    fn lonely(history: History) -> Option<Self> {
        let [.., (before_ms, _), (last_ms, _)] = history.samples[..] else {
            return None;
        };
        let interval_ms = (last_ms - before_ms).max(1);
        Some(Self {
            labels: Labels::new(),
            url: String::new(),
            interval_ms,
            timeout_ms: interval_ms,
            rediscovered_ms: None,
            tick_ms: last_ms,
            series: vec![history],
        })
    }
}

impl History {
    /// Whether it counts, by the names that counters have
    /// (<https://prometheus.io/docs/practices/naming/>).
    pub(super) fn is_counter(&self) -> bool {
        let name = self.name();
        ["_total", "_count", "_sum", "_bucket"]
            .iter()
            .any(|end| name.ends_with(end))
    }

    pub(super) fn name(&self) -> &str {
        self.label("__name__")
    }

    /// How fast it counts, per second, over its last `samples`; zero for a counter that began anew.
    pub(super) fn per_s(&self, samples: usize) -> f64 {
        let newest = &self.samples[self.samples.len().saturating_sub(samples)..];
        let (Some((from_ms, from)), Some((to_ms, to))) = (newest.first(), newest.last()) else {
            return 0.0;
        };
        if to_ms <= from_ms {
            return 0.0;
        }
        let span_s = secs(to_ms - from_ms);
        ((to - from) / span_s).max(0.0)
    }

    /// A label, empty when it has none of that name.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use voteops_observability::prometheus::Sample;

    use super::super::outlook::{Undisturbed, scenario};
    use super::*;

    /// A series whose last sample was so long ago.
    fn series(labels: &[(&str, &str)], ago_s: f64) -> Series {
        let labels = labels.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        let sample = |at_s| Sample { at_s, value: at_s };
        Series {
            labels: labels.collect(),
            samples: [-15.0 - ago_s, -ago_s].map(sample).into(),
        }
    }

    fn scene(all: &[Series]) -> Scene {
        let mut targets = Vec::new();
        for series in all {
            add(&mut targets, series.clone());
        }
        Scene {
            targets,
            settings: Settings::new(Semantics::of_version("2.53.0")),
            usual_from_ms: i64::MIN,
        }
    }

    #[test]
    fn what_no_target_has_is_there_once_however_often_a_rule_reads_it() {
        let counter = series(&[("__name__", "votes_total"), ("instance", "gone:1")], 0.0);
        let scene = scene(&[counter.clone(), counter]);
        assert_eq!(scene.targets.len(), 1);
    }

    #[test]
    fn between_two_lives_of_an_instance_nothing_was_counted() {
        let labels = [("__name__", "votes_total"), ("instance", "again:1")];
        let mut counter = series(&labels, 0.0);
        let sample = |at_s, value| Sample { at_s, value };
        counter.samples = [
            sample(-615.0, 900.0),
            sample(-600.0, 915.0),
            sample(-300.0, 0.0),
            sample(-285.0, 15.0),
        ]
        .into();
        let scene = scene(&[counter]);
        let expected = scenario(&scene, &scene, 0, &Undisturbed);
        let value = |at_s: i64| expected.targets[0].exposes[0].course.value(at_s * 1000);
        assert_eq!(value(-600), Some(915.0));
        assert_eq!(value(-450), None);
        assert_eq!(value(-300), Some(0.0));
    }

    #[test]
    fn an_instance_that_is_not_scraped_any_more_counts_no_further() {
        let instance = [("__name__", "votes_total"), ("instance", "gone:1")];
        let recorded = [("__name__", "votes:ratio")];
        let scene = scene(&[series(&instance, 600.0), series(&recorded, 600.0)]);
        let expected = scenario(&scene, &scene, 0, &Undisturbed);
        let later = |target: usize| expected.targets[target].exposes[0].course.value(60_000);
        assert_eq!(later(0), None);
        assert!(later(1).is_some());
    }
}
