//! Whether log lines arrive. Services of this stack write little when all is well, so silence alone
//! proves nothing; what is refused, dropped or left behind does. [`services`] looks at each service alone.

mod services;

use std::time::Duration;

use self::services::Writer;
use super::exposition::{Exported, label_value};
use super::{Check, Finding, Place, Subject, not_asked};
use crate::backend::{BackendError, Http};
use crate::logs::{LogFiles, LogLine, LogQuery, LogSource, Loki, now_ns};
use crate::units::age;

/// How far back the newest line is looked for.
const LOOK_BACK: Duration = Duration::from_hours(24);
/// Lines that arrived within this time show that they still do.
const FRESH_S: f64 = 60.0;
/// How much later a line may be in Loki than where it was written.
const SHIPPING_S: f64 = 60.0;
/// Reasons for which Loki drops what it most likely has already: a shipper that begins again sends old
/// lines once more.
const OLD_LINES: [&str; 4] = [
    "too_far_behind",
    "greater_than_max_sample_age",
    "out_of_order",
    "duplicate",
];

/// What is known of the way from a service to Loki.
#[derive(Debug, Default)]
struct Flow {
    /// The age of the newest line in Loki, in seconds; `None` without any in [`LOOK_BACK`].
    newest_s: Option<f64>,
    /// What each service wrote, and what is in Loki of it.
    writers: Vec<Writer>,
    /// What Loki exports of itself; `None` where it keeps that to itself.
    loki: Option<Exported>,
    /// What the shipper exports of itself; `None` when it is not known.
    shipper: Option<Result<Exported, BackendError>>,
}

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    match &subject.logs {
        None => vec![Finding::skipped(
            Check::Logs,
            "no Loki is named (--loki URL), none is asked",
        )],
        Some(LogSource::Files(files)) => vec![of_files(files).await],
        Some(LogSource::Loki(loki)) => of_loki(subject, loki).await,
    }
}

async fn of_loki(subject: &Subject, loki: &Loki) -> Vec<Finding> {
    let source = LogSource::Loki(loki.clone());
    let query = LogQuery::default();
    let newest = newest(&source, &query, now_ns());
    let exported = Exported::by(loki.http());
    let shipper = async {
        let http = Http::new(subject.shipper.as_ref()?);
        Some(match http {
            Ok(http) => subject.within(http.base(), Exported::by(&http)).await,
            Err(error) => Err(error),
        })
    };
    let (newest, writers, exported, shipper) = tokio::join!(
        subject.within(loki.base(), newest),
        services::ask(subject, loki),
        subject.within(loki.base(), exported),
        shipper,
    );
    match newest {
        Err(error) => vec![not_asked(Check::Logs, "loki", &error)],
        Ok(line) => {
            let flow = Flow {
                newest_s: line.as_ref().map(age_of),
                writers,
                loki: exported.ok(),
                shipper,
            };
            judge(&flow, &subject.place)
        }
    }
}

/// The newest line until a time, of those that are looked for.
async fn newest(
    source: &LogSource,
    query: &LogQuery,
    until_ns: i64,
) -> Result<Option<LogLine>, BackendError> {
    let back = i64::try_from(LOOK_BACK.as_nanos()).unwrap_or(i64::MAX);
    let found = source.newest(query, now_ns() - back, until_ns, 1).await?;
    Ok(found.lines.into_iter().next_back())
}

/// The age of a line, in seconds.
fn age_of(line: &LogLine) -> f64 {
    let age = Duration::from_nanos(u64::try_from(now_ns() - line.at_ns).unwrap_or(0));
    age.as_secs_f64()
}

async fn of_files(files: &LogFiles) -> Finding {
    let unreadable = files.unreadable();
    if let Some((file, error)) = unreadable.first() {
        let (count, path) = (unreadable.len(), file.path.display());
        return Finding::failed(
            Check::Logs,
            format!(
                "{count} of {} log files cannot be read: {path}: {error}",
                files.count()
            ),
            "read them as their owner; a file that is gone is made anew when its component is restarted",
        );
    }
    let source = LogSource::Files(files.clone());
    let newest = newest(&source, &LogQuery::default(), now_ns()).await;
    let newest = newest.ok().flatten().map_or_else(
        || "no line in 24 h".into(),
        |line| format!("the newest line is {} old", age(age_of(&line))),
    );
    let found = format!("{} log files, no Loki; {newest}", files.count());
    Finding::ok(Check::Logs, found)
}

fn judge(flow: &Flow, place: &Place) -> Vec<Finding> {
    let troubles = troubles(flow, place);
    if !troubles.is_empty() {
        return troubles;
    }
    let Some(newest_s) = flow.newest_s else {
        return vec![Finding::warning(
            Check::Logs,
            "Loki has no line of the last 24 h",
            format!(
                "`voteops doctor --probe` tells whether it takes lines; if so, {}",
                place.start(place.shipper())
            ),
        )];
    };
    let known = match (&flow.loki, &flow.shipper) {
        (None, None) => "; neither Loki nor a shipper tells what was refused",
        _ => ", nothing was lost",
    };
    let found = format!(
        "the newest line in Loki is {} old{known}{}",
        age(newest_s),
        services::told(&flow.writers)
    );
    vec![Finding::ok(Check::Logs, found)]
}

/// What keeps lines from arriving, or has lost some.
fn troubles(flow: &Flow, place: &Place) -> Vec<Finding> {
    let fresh = flow.newest_s.is_some_and(|newest_s| newest_s < FRESH_S);
    let mut found = Vec::new();
    if let Some(loki) = &flow.loki {
        found.extend(full(loki, fresh, place));
        found.extend(refused(loki, fresh, place));
        found.extend(discarded(loki, place));
    }
    match &flow.shipper {
        Some(Ok(shipper)) => found.extend(dropped(shipper, place)),
        Some(Err(error)) => found.push(Finding::failed(
            Check::Logs,
            format!("what ships the logs does not answer, and none arrive: {error}"),
            place.start(place.shipper()),
        )),
        None => {}
    }
    if found.is_empty() {
        found.extend(services::missed(&flow.writers, place));
    }
    found
}

/// A disk that was full when Loki wrote its log ahead: it takes lines and loses them at its end.
fn full(loki: &Exported, fresh: bool, place: &Place) -> Option<Finding> {
    let times = loki.sum("loki_ingester_wal_disk_full_failures_total")?;
    let found = format!("Loki's disk was full {times} times since it was started");
    let way_out = format!(
        "make room ({}), then {}",
        place.look_at_disk("loki"),
        place.restart("loki")
    );
    (times > 0.0).then(|| verdict(fresh, found, way_out))
}

/// Pushes that Loki refused.
fn refused(loki: &Exported, fresh: bool, place: &Place) -> Option<Finding> {
    let name = "loki_request_duration_seconds_count";
    let is_refused = |labels: &str| {
        let code = label_value(labels, "status_code").unwrap_or("200");
        let route = label_value(labels, "route").unwrap_or_default();
        route.contains("push") && !code.starts_with('2') && code != "success"
    };
    let times = loki
        .sum_where(name, is_refused)
        .filter(|times| *times > 0.0)?;
    // Whoever ships sends them again, and tells what it gave up.
    (!fresh).then(|| {
        Finding::failed(
            Check::Logs,
            format!("Loki refused {times} pushes since it was started, and no line came in lately"),
            format!(
                "its log says why (a full disk, a limit): {}, {}",
                place.look_at_log("loki"),
                place.look_at_disk("loki")
            ),
        )
    })
}

/// Lines that Loki took out of pushes.
fn discarded(loki: &Exported, place: &Place) -> Option<Finding> {
    let mut reasons = loki.by_label("loki_discarded_samples_total", "reason");
    reasons.retain(|reason, _| !OLD_LINES.contains(&&**reason));
    (!reasons.is_empty()).then(|| {
        let reasons = reasons
            .iter()
            .map(|(reason, lines)| format!("{lines} {reason}"));
        Finding::warning(
            Check::Logs,
            format!(
                "Loki discarded lines since it was started: {}",
                reasons.collect::<Vec<_>>().join(", ")
            ),
            format!(
                "limits_config in loki.yml sets the limits; {}",
                place.restart("loki")
            ),
        )
    })
}

/// Lines that the shipper gave up.
fn dropped(shipper: &Exported, place: &Place) -> Option<Finding> {
    let names = [
        "promtail_dropped_entries_total",
        "loki_write_dropped_entries_total",
    ];
    let dropped = names.iter().map(|name| shipper.by_label(name, "reason"));
    let reasons: Vec<_> = dropped
        .flatten()
        .map(|(reason, lines)| format!("{lines} {reason}"))
        .collect();
    (!reasons.is_empty()).then(|| {
        Finding::warning(
            Check::Logs,
            format!(
                "the shipper gave up lines since it was started: {}",
                reasons.join(", ")
            ),
            format!("Loki refused them: {}", place.look_at_log("loki")),
        )
    })
}

fn verdict(fresh: bool, found: String, way_out: String) -> Finding {
    if fresh {
        Finding::warning(Check::Logs, found, way_out)
    } else {
        Finding::failed(Check::Logs, found, way_out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn flow(newest_s: Option<f64>, loki: &str) -> Flow {
        Flow {
            newest_s,
            loki: Some(Exported::parse(loki)),
            ..Flow::default()
        }
    }

    fn one(flow: &Flow) -> Finding {
        let mut findings = judge(flow, &Place::Compose);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    const REFUSED: &str = "loki_request_duration_seconds_count{method=\"POST\",route=\"loki_api_v1_push\",\
        status_code=\"500\",ws=\"false\"} 12\n\
        loki_request_duration_seconds_count{method=\"GET\",route=\"ready\",status_code=\"503\",ws=\"false\"} 9\n";

    #[test]
    fn lines_that_arrive_are_well_and_quiet_is_no_proof_of_loss() {
        assert_eq!(one(&flow(Some(3.0), "")).verdict, Verdict::Ok);
        assert_eq!(one(&flow(Some(7200.0), "")).verdict, Verdict::Ok);
        assert_eq!(one(&flow(None, "")).verdict, Verdict::Warning);
    }

    #[test]
    fn a_loki_that_refuses_pushes_is_told_unless_lines_arrive_again() {
        let finding = one(&flow(Some(600.0), REFUSED));
        assert_eq!(finding.verdict, Verdict::Failed);
        assert!(
            finding.found.starts_with("Loki refused 12 pushes"),
            "{finding:?}"
        );
        let way_out = finding.way_out.unwrap();
        assert!(
            way_out.contains("docker compose logs --tail 50 loki"),
            "{way_out}"
        );
        assert_eq!(one(&flow(Some(3.0), REFUSED)).verdict, Verdict::Ok);
    }

    #[test]
    fn a_full_disk_is_told_even_while_lines_arrive() {
        let exported = "loki_ingester_wal_disk_full_failures_total 2\n";
        let finding = one(&flow(Some(3.0), exported));
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(
            finding.found.contains("disk was full 2 times"),
            "{finding:?}"
        );
        assert_eq!(one(&flow(None, exported)).verdict, Verdict::Failed);
    }

    #[test]
    fn lost_lines_are_told_with_the_reason_and_old_ones_are_not_lost() {
        let exported = "loki_discarded_samples_total{reason=\"rate_limited\",tenant=\"fake\"} 7\n\
            loki_discarded_samples_total{reason=\"too_far_behind\",tenant=\"fake\"} 70\n";
        let finding = one(&flow(Some(3.0), exported));
        assert!(
            finding.found.ends_with("started: 7 rate_limited"),
            "{finding:?}"
        );
        let shipper =
            "loki_write_dropped_entries_total{host=\"loki\",reason=\"ingester_error\"} 5\n";
        let flow = Flow {
            shipper: Some(Ok(Exported::parse(shipper))),
            ..flow(Some(3.0), "")
        };
        assert!(one(&flow).found.ends_with("5 ingester_error"));
    }

    #[test]
    fn a_shipper_that_is_away_or_behind_is_told() {
        let error = BackendError::Timeout {
            url: "http://127.0.0.1:9080/metrics".into(),
            timeout_s: 5,
        };
        let away = Flow {
            shipper: Some(Err(error)),
            ..flow(Some(3.0), "")
        };
        assert_eq!(one(&away).verdict, Verdict::Failed);
        let behind = Flow {
            writers: vec![Writer {
                service: "worker".into(),
                wrote: services::Wrote::InFile(100.0),
                in_loki_s: Some(4000.0),
            }],
            ..flow(Some(3.0), "")
        };
        let found = one(&behind).found;
        assert!(
            found.starts_with("lines of worker are not shipped"),
            "{found}"
        );
    }

    #[tokio::test]
    async fn log_files_that_are_gone_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("worker-1.log");
        let file = crate::logs::LogFile {
            service: "worker".into(),
            instance: "worker-1".into(),
            path: path.clone(),
        };
        let files = LogFiles::new(vec![file]);
        let finding = of_files(&files).await;
        assert_eq!(finding.verdict, Verdict::Failed);
        assert!(
            finding.found.contains("worker-1.log: No such file"),
            "{finding:?}"
        );
        std::fs::write(&path, "").unwrap();
        assert_eq!(of_files(&files).await.verdict, Verdict::Ok);
    }
}
