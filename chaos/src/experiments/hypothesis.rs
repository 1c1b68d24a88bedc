//! Whether the steady-state hypothesis holds.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use voteops_observability::BackendError;
use voteops_observability::prometheus::{AlertState, Prometheus, Series};

use super::format::{Probe, Script, Wanted};
use super::report::{Course, millis};
use super::seen::unix_s;
use super::told::number;

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// Values of a probe that are kept for its chart, at the most.
const SAMPLES: f64 = 300.0;
/// How much of the time before the method a chart shows, as a share of the time since.
const BEFORE_SHARE: f64 = 0.1;

/// What a probe has measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The probe's name.
    pub name: String,
    /// The expression that was evaluated.
    pub promql: String,
    /// Its value, or the first that is not as it has to be; `None` when there is none, or when it is
    /// no number.
    pub value: Option<f64>,
    /// Whether it is as it has to be.
    pub ok: bool,
    /// What it is and what it has to be, in words.
    pub told: String,
}

/// One look at the whole hypothesis.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Look {
    /// What each probe has measured.
    pub(super) probes: Vec<Measured>,
    /// The first thing that keeps the hypothesis from holding.
    pub(super) lacking: Option<String>,
}

/// Looks until the hypothesis holds, at least once and for as long as `patience`; the last look, which
/// lacks something when it does not hold.
pub(super) async fn wait(
    prometheus: &Prometheus,
    script: &Script,
    patience: Duration,
    mut lacking: impl FnMut(&str),
) -> Look {
    let deadline = Instant::now() + patience;
    let mut last = Look::default();
    loop {
        match look(prometheus, script).await {
            Ok(look) if look.lacking.is_none() => return look,
            Ok(look) => last = look,
            Err(error) => last.lacking = Some(error.to_string()),
        }
        if let Some(told) = &last.lacking {
            lacking(told);
        }
        if Instant::now() >= deadline {
            return last;
        }
        sleep(PAUSE).await;
    }
}

async fn look(prometheus: &Prometheus, script: &Script) -> Result<Look, BackendError> {
    let mut look = Look::default();
    for probe in &script.hypothesis.probes {
        let answer = prometheus.query(&probe.promql, None).await?;
        look.probes.push(measured(probe, &answer.data));
    }
    let unfit = look.probes.iter().find(|probe| !probe.ok);
    look.lacking = unfit.map(|probe| format!("{}: {}", probe.name, probe.told));
    if look.lacking.is_none() {
        look.lacking = active(prometheus, script).await?;
    }
    Ok(look)
}

/// Which of the alerts that are named is active, or has no rule.
async fn active(prometheus: &Prometheus, script: &Script) -> Result<Option<String>, BackendError> {
    if script.expect.named().next().is_none() {
        return Ok(None);
    }
    let groups = prometheus.rules().await?.data;
    let state = |alert: &str| {
        let mut rules = groups.iter().flat_map(|group| &group.rules);
        rules.find(|rule| rule.name == alert).map(|rule| rule.state)
    };
    Ok(script.expect.named().find_map(|alert| match state(alert) {
        Some(AlertState::Inactive) => None,
        Some(state) => Some(format!(
            "{alert} is {}",
            format!("{state:?}").to_lowercase()
        )),
        None => Some(format!("the server has no rule {alert}")),
    }))
}

fn measured(probe: &Probe, series: &[Series]) -> Measured {
    let newest = series.iter().filter_map(|series| series.samples.last());
    let values: Vec<f64> = newest.map(|sample| sample.value).collect();
    let (value, ok, told) = judged(&probe.wanted, &values);
    Measured {
        name: probe.name.clone(),
        promql: probe.promql.clone(),
        value: value.filter(|value| value.is_finite()),
        ok,
        told,
    }
}

/// The value that decides, whether it is as it has to be, and that in words.
fn judged(wanted: &Wanted, values: &[f64]) -> (Option<f64>, bool, String) {
    let bounds = match wanted {
        Wanted::Empty => {
            let first = values.first().copied();
            let told = first.map_or_else(
                || "no result, as it has to be".to_owned(),
                |value| format!("there is a result ({value}), and there has to be none"),
            );
            return (first, first.is_none(), told);
        }
        Wanted::Within(bounds) => bounds,
    };
    let fits = |value: f64| bounds.iter().all(|(is, bound)| is.holds(value, *bound));
    let told: Vec<_> = bounds
        .iter()
        .map(|(is, bound)| format!("{} {bound}", is.symbol()))
        .collect();
    let told = told.join(" and ");
    let unfit = values.iter().copied().find(|value| !fits(*value));
    match unfit.or_else(|| values.first().copied()) {
        None => (
            None,
            false,
            format!("there is no result, and it has to be {told}"),
        ),
        Some(value) if unfit.is_some() => {
            let told = format!("{}, and it has to be {told}", number(value));
            (Some(value), false, told)
        }
        Some(value) => (
            Some(value),
            true,
            format!("{}, within {told}", number(value)),
        ),
    }
}

/// What the probes with bounds measured since a little before `begun`; of a probe that cannot be
/// asked for, nothing. Only for those who look at it afterwards.
pub(super) async fn courses(
    prometheus: &Prometheus,
    script: &Script,
    begun: Timestamp,
) -> Vec<Course> {
    let (begun_s, now_s) = (unix_s(begun), unix_s(Timestamp::now()));
    let from_s = begun_s - BEFORE_SHARE * (now_s - begun_s);
    let step = Duration::from_secs_f64(((now_s - from_s) / SAMPLES).max(0.05));
    let mut courses = Vec::new();
    for probe in &script.hypothesis.probes {
        let Wanted::Within(bounds) = &probe.wanted else {
            continue;
        };
        let answer = prometheus
            .query_range(&probe.promql, from_s, now_s, step)
            .await;
        let series = answer
            .ok()
            .and_then(|answer| answer.data.into_iter().next());
        let samples = series.map_or_else(Vec::new, |series| series.samples);
        // JSON has no NaN, and nothing is drawn there.
        let samples = samples
            .into_iter()
            .filter(|sample| sample.value.is_finite());
        courses.push(Course {
            name: probe.name.clone(),
            bounds: bounds.iter().map(|(_, bound)| *bound).collect(),
            samples: samples
                .map(|sample| (millis(sample.at_s - begun_s), sample.value))
                .collect(),
        });
    }
    courses
}

#[cfg(test)]
mod tests {
    use voteops_observability::promql::Comparison;

    use super::*;

    #[test]
    fn nothing_and_nan_are_never_within_bounds() {
        let within = Wanted::Within(vec![(Comparison::Above, 0.5), (Comparison::AtMost, 2.0)]);
        for (values, ok, told) in [
            (
                &[][..],
                false,
                "there is no result, and it has to be > 0.5 and <= 2",
            ),
            (&[f64::NAN], false, "NaN, and it has to be > 0.5 and <= 2"),
            (&[1.0, 3.0], false, "3, and it has to be > 0.5 and <= 2"),
            (&[1.0, 2.0], true, "1, within > 0.5 and <= 2"),
        ] {
            let (_, is_ok, is_told) = judged(&within, values);
            assert_eq!((is_ok, is_told.as_str()), (ok, told));
        }
        assert!(judged(&Wanted::Empty, &[]).1);
        assert!(!judged(&Wanted::Empty, &[f64::NAN]).1);
    }
}
