//! Whether the clocks of this machine and of the servers agree. What is compared across them goes
//! wrong otherwise: ages, the ends of silences, when an alert counts as resolved.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use url::Url;

use super::{Check, Finding, Subject};
use crate::backend::{BackendError, Http};
use crate::logs::LogSource;
use crate::signals::single_value;

/// The difference from which on it is told.
const WARNING_S: f64 = 2.0;
/// The difference from which on countdowns and time ranges are wrong altogether; Prometheus's own page
/// warns from here on too.
const FAILURE_S: f64 = 30.0;

/// A server's clock against this machine's.
#[derive(Debug, Clone, PartialEq)]
struct Clock {
    server: &'static str,
    /// How far it is ahead, in seconds.
    ahead_s: f64,
    /// By how much that may be wrong, in seconds.
    doubt_s: f64,
}

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    let sources = &subject.sources;
    let alertmanager = sources
        .alertmanager
        .as_ref()
        .map(|it| (it.http(), "-/ready"));
    let grafana = sources.grafana.as_ref().map(|it| (it.http(), "api/health"));
    let loki = match &subject.logs {
        Some(LogSource::Loki(loki)) => Some((loki.http(), "ready")),
        _ => None,
    };
    let (prometheus, alertmanager, loki, grafana) = tokio::join!(
        by_query(subject),
        by_date(subject, "alertmanager", alertmanager),
        by_date(subject, "loki", loki),
        by_date(subject, "grafana", grafana),
    );
    let clocks = [prometheus, alertmanager, loki, grafana];
    vec![judge(&clocks.into_iter().flatten().collect::<Vec<_>>())]
}

/// Prometheus's clock, to the millisecond.
async fn by_query(subject: &Subject) -> Option<Clock> {
    let prometheus = &subject.sources.prometheus;
    let asking = async {
        let answer = prometheus.query("time()", None).await?;
        Ok(single_value(&answer.data).and_then(|s| Timestamp::from_duration(s_duration(s)?).ok()))
    };
    compared(subject, "prometheus", prometheus.base(), 0.0, asking).await
}

fn s_duration(seconds: f64) -> Option<jiff::SignedDuration> {
    jiff::SignedDuration::try_from_secs_f64(seconds).ok()
}

/// A server's clock by the date of an answer, which counts whole seconds.
async fn by_date(
    subject: &Subject,
    server: &'static str,
    asked: Option<(&Http, &str)>,
) -> Option<Clock> {
    let (http, path) = asked?;
    // It is cut off: on average half a second is missing.
    compared(subject, server, http.base(), 0.5, http.date(path)).await
}

/// Asks for a server's time, and compares it with that of this machine half-way between question and
/// answer.
async fn compared(
    subject: &Subject,
    server: &'static str,
    url: &Url,
    cut_off_s: f64,
    asking: impl Future<Output = Result<Option<Timestamp>, BackendError>>,
) -> Option<Clock> {
    let (began, asked) = (Timestamp::now(), Instant::now());
    // A server that does not answer is told by its own line.
    let told = subject.within(url, asking).await.ok()??;
    Some(clock(server, told, began, asked.elapsed(), cut_off_s))
}

fn clock(
    server: &'static str,
    told: Timestamp,
    began: Timestamp,
    waited: Duration,
    cut_off_s: f64,
) -> Clock {
    let half_s = waited.as_secs_f64() / 2.0;
    Clock {
        server,
        ahead_s: told.duration_since(began).as_secs_f64() + cut_off_s - half_s,
        doubt_s: half_s + cut_off_s,
    }
}

fn judge(clocks: &[Clock]) -> Finding {
    let off = |clock: &&Clock| clock.ahead_s.abs() - clock.doubt_s > WARNING_S;
    let Some(worst) = clocks.iter().max_by(|a, b| by_certain_skew(a, b)) else {
        return Finding::unknown(Check::Clocks, "no server told its time");
    };
    let wrong: Vec<&Clock> = clocks.iter().filter(off).collect();
    if wrong.is_empty() {
        let names: Vec<_> = clocks.iter().map(|clock| clock.server).collect();
        let names = names.join(", ");
        return Finding::ok(
            Check::Clocks,
            format!("this machine and {names} agree within {WARNING_S} s"),
        );
    }
    let told = wrong
        .iter()
        .map(|clock| told(clock))
        .collect::<Vec<_>>()
        .join(", ");
    // Servers that agree with each other are right.
    let lowest = wrong
        .iter()
        .map(|c| c.ahead_s)
        .fold(f64::INFINITY, f64::min);
    let highest = wrong
        .iter()
        .map(|c| c.ahead_s)
        .fold(f64::NEG_INFINITY, f64::max);
    let all_alike = wrong.len() == clocks.len() && wrong.len() > 1 && highest - lowest < WARNING_S;
    let (found, way_out) = if all_alike {
        (
            format!("the clock of this machine is off: {told}"),
            "set it by NTP: `timedatectl set-ntp true`, then `timedatectl timesync-status`"
                .to_owned(),
        )
    } else {
        (
            format!("{told} against this machine"),
            "set the clock of that machine by NTP: `timedatectl set-ntp true` there".to_owned(),
        )
    };
    if worst.ahead_s.abs() - worst.doubt_s > FAILURE_S {
        Finding::failed(Check::Clocks, found, way_out)
    } else {
        Finding::warning(Check::Clocks, found, way_out)
    }
}

fn by_certain_skew(a: &Clock, b: &Clock) -> std::cmp::Ordering {
    let certain = |clock: &Clock| clock.ahead_s.abs() - clock.doubt_s;
    certain(a).total_cmp(&certain(b))
}

fn told(clock: &Clock) -> String {
    let way = if clock.ahead_s > 0.0 {
        "ahead"
    } else {
        "behind"
    };
    let by = clock.ahead_s.abs();
    let by = if by < 60.0 {
        format!("{by:.1} s")
    } else {
        crate::units::age(by)
    };
    format!("{} is {by} {way}", clock.server)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn at(server: &'static str, ahead_s: f64) -> Clock {
        Clock {
            server,
            ahead_s,
            doubt_s: 0.5,
        }
    }

    #[test]
    fn a_time_is_compared_with_that_half_way_to_the_answer() {
        let began = Timestamp::UNIX_EPOCH;
        let told = began + jiff::SignedDuration::from_secs(10);
        let clock = clock("loki", told, began, Duration::from_secs(2), 0.5);
        assert_eq!((clock.ahead_s, clock.doubt_s), (9.5, 1.5));
    }

    #[test]
    fn clocks_that_agree_as_far_as_can_be_told_are_well() {
        let finding = judge(&[at("prometheus", 0.2), at("loki", -2.4)]);
        assert_eq!(finding.verdict, Verdict::Ok, "{finding:?}");
        assert_eq!(judge(&[]).verdict, Verdict::Unknown);
    }

    #[test]
    fn the_clock_that_is_off_is_named() {
        let finding = judge(&[at("prometheus", 0.0), at("alertmanager", -3600.0)]);
        assert_eq!(finding.verdict, Verdict::Failed);
        assert_eq!(
            finding.found,
            "alertmanager is 1h00m behind against this machine"
        );
        let finding = judge(&[at("prometheus", 5.0), at("loki", 0.0)]);
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(
            finding.found.starts_with("prometheus is 5.0 s ahead"),
            "{finding:?}"
        );
    }

    #[test]
    fn when_all_servers_differ_alike_this_machine_is_off() {
        let finding = judge(&[at("prometheus", 40.0), at("loki", 40.3)]);
        assert!(
            finding.found.starts_with("the clock of this machine"),
            "{finding:?}"
        );
        assert_eq!(finding.verdict, Verdict::Failed);
        // One server alone may be the one that is off.
        let finding = judge(&[at("prometheus", 40.0)]);
        assert!(
            finding.found.contains("against this machine"),
            "{finding:?}"
        );
    }
}
