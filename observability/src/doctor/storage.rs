//! Whether Prometheus keeps what it scrapes: a disk that is full or broken shows in its counters, and in
//! samples that stop.

use std::time::Duration;

use super::{Check, Finding, Place, Subject, not_asked};
use crate::backend::BackendError;
use crate::combined::{Part, Question};
use crate::prometheus::Runtime;
use crate::signals::single_value;
use crate::units::{age, prometheus_duration, scaled};

/// How far back failures count as of now, on an unscaled stack.
const LATELY: Duration = Duration::from_mins(10);
/// The age at which the newest sample is too old, on an unscaled stack: four scrapes are missing.
const STALE: Duration = Duration::from_mins(1);
/// Counters of what could not be written, and what that is.
const FAILURES: [(&str, &str); 4] = [
    (
        "prometheus_tsdb_wal_writes_failed_total",
        "writes to its log of samples",
    ),
    ("prometheus_tsdb_compactions_failed_total", "compactions"),
    (
        "prometheus_tsdb_head_truncations_failed_total",
        "truncations",
    ),
    (
        "prometheus_tsdb_checkpoint_creations_failed_total",
        "checkpoints",
    ),
];

/// What was asked.
#[derive(Debug)]
struct Stored {
    runtime: Runtime,
    /// Failures lately, in the order of [`FAILURES`].
    failures: [f64; 4],
    /// The age of the newest sample, in seconds; `None` without any.
    newest_s: Option<f64>,
}

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    let prometheus = &subject.sources.prometheus;
    let (runtime, counted) = tokio::join!(
        subject.prometheus(prometheus.runtime()),
        subject.prometheus(counted(subject)),
    );
    match (runtime, counted) {
        (Ok(runtime), Ok((failures, newest_s))) => {
            let stored = Stored {
                runtime,
                failures,
                newest_s,
            };
            judge(&stored, subject.time_scale, &subject.place)
        }
        (Err(error), _) | (_, Err(error)) => {
            vec![not_asked(Check::Storage, "prometheus", &error)]
        }
    }
}

async fn counted(subject: &Subject) -> Result<([f64; 4], Option<f64>), BackendError> {
    let lately = prometheus_duration(scaled(LATELY, subject.time_scale));
    let failures = FAILURES.map(|(name, _)| Part {
        name: name.into(),
        expr: format!("sum(increase({name}[{lately}]))"),
    });
    let newest = Part {
        name: "newest".into(),
        expr: "time() - max(timestamp(up))".into(),
    };
    let parts = failures.into_iter().chain([newest]).collect();
    let prometheus = &subject.sources.prometheus;
    let ask = async |expr: String| prometheus.query(&expr, None).await;
    let series = Question::new(parts).ask(ask).await?.series;
    let value = |at: usize| single_value(series.get(at)?.as_slice());
    let failures = std::array::from_fn(|at| value(at).unwrap_or(0.0));
    Ok((failures, value(FAILURES.len())))
}

fn judge(stored: &Stored, time_scale: f64, place: &Place) -> Vec<Finding> {
    let look = place.look_at_disk("prometheus");
    let mut findings = Vec::new();
    for ((_, what), count) in FAILURES.iter().zip(stored.failures) {
        if count > 0.5 {
            findings.push(Finding::failed(
                Check::Storage,
                format!("{count:.0} {what} of Prometheus failed lately"),
                format!(
                    "is its disk full? {look}; {}",
                    place.look_at_log("prometheus")
                ),
            ));
        }
    }
    let stale_s = scaled(STALE, time_scale).as_secs_f64() + 1.0;
    match stored.newest_s {
        Some(newest_s) if newest_s > stale_s && findings.is_empty() => {
            findings.push(Finding::failed(
                Check::Storage,
                format!("Prometheus's newest sample is {} old", age(newest_s)),
                format!(
                    "it was stopped, is overloaded, or cannot write ({look}): {}",
                    place.look_at_log("prometheus")
                ),
            ));
        }
        _ => {}
    }
    let corrupt = stored.runtime.corruption_count;
    if corrupt > 0 {
        findings.push(Finding::warning(
            Check::Storage,
            format!("Prometheus found its log of samples broken {corrupt} times, and lost what came after"),
            format!("see that its disk is sound; {}", place.look_at_log("prometheus")),
        ));
    }
    if findings.is_empty() {
        findings.push(well(stored));
    }
    findings
}

fn well(stored: &Stored) -> Finding {
    let retention = &stored.runtime.storage_retention;
    let kept = if retention.is_empty() {
        String::new()
    } else {
        format!("; samples are kept for {retention}")
    };
    match stored.newest_s {
        Some(_) => Finding::ok(
            Check::Storage,
            format!("Prometheus writes what it scrapes{kept}"),
        ),
        None => Finding::unknown(
            Check::Storage,
            format!("Prometheus has no sample of now{kept}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn stored() -> Stored {
        Stored {
            runtime: Runtime {
                reload_config_success: true,
                last_config_time: None,
                corruption_count: 0,
                storage_retention: "7d".into(),
            },
            failures: [0.0; 4],
            newest_s: Some(14.0),
        }
    }

    fn one(stored: &Stored, time_scale: f64) -> Finding {
        let mut findings = judge(stored, time_scale, &Place::Compose);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    #[test]
    fn samples_that_are_written_are_well() {
        let finding = one(&stored(), 1.0);
        assert_eq!(finding.verdict, Verdict::Ok);
        assert!(finding.found.ends_with("kept for 7d"), "{finding:?}");
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told() {
        let mut full = stored();
        full.failures[0] = 12.0;
        let finding = one(&full, 1.0);
        assert_eq!(finding.verdict, Verdict::Failed);
        assert!(finding.found.starts_with("12 writes"), "{finding:?}");
        assert!(finding.way_out.unwrap().contains("df -h"));
    }

    #[test]
    fn samples_that_stopped_are_told_sooner_on_a_scaled_stack() {
        assert_eq!(one(&stored(), 30.0).verdict, Verdict::Failed);
        let mut none = stored();
        none.newest_s = None;
        assert_eq!(one(&none, 1.0).verdict, Verdict::Unknown);
    }

    #[test]
    fn a_broken_log_of_samples_is_told() {
        let mut broken = stored();
        broken.runtime.corruption_count = 1;
        assert_eq!(one(&broken, 1.0).verdict, Verdict::Warning);
    }
}
