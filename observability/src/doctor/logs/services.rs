//! Whether the lines of each service arrive, and not somebody's only. Silence proves nothing by itself: a service is missed
//! where it is known to have written something that is not in Loki.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::{LOOK_BACK, SHIPPING_S, age_of, newest};
use crate::doctor::{Check, Finding, Place, Subject};
use crate::logs::{LogFiles, LogQuery, LogSource, Loki, now_ns};
use crate::units::age;

/// How much younger a line may seem in Loki than where it was written, in seconds: both are not looked at in the same instant.
const SLACK_S: f64 = 5.0;
/// The services of the project itself, which every setup has.
const OWN: [&str; 2] = ["vote-app", "worker"];

/// How it is known that a service wrote something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wrote {
    /// There is a line this old in its log file, in seconds.
    InFile(f64),
    /// It was started so long ago, in seconds, and tells of its start.
    Start(f64),
    /// It is not known.
    Unknown,
}

/// A service, and what is in Loki of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Writer {
    pub(super) service: String,
    pub(super) wrote: Wrote,
    /// The age of its newest line in Loki, in seconds; `None` without any in [`LOOK_BACK`].
    pub(super) in_loki_s: Option<f64>,
}

/// The services whose lines should be in Loki, and what is there. One of which Loki does not tell is left out: that it does not
/// answer is told by others.
pub(super) async fn ask(subject: &Subject, loki: &Loki) -> Vec<Writer> {
    let source = &LogSource::Loki(loki.clone());
    let asked = expected(subject).await.into_iter();
    let asked = asked.map(async |(service, wrote)| {
        let query = LogQuery {
            services: vec![service.clone()],
            ..LogQuery::default()
        };
        let line = subject.within(loki.base(), newest(source, &query, now_ns()));
        let in_loki_s = line.await.ok()?.as_ref().map(age_of);
        Some(Writer {
            service,
            wrote,
            in_loki_s,
        })
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn expected(subject: &Subject) -> BTreeMap<String, Wrote> {
    if let Some(files) = &subject.log_files {
        return in_files(files).await;
    }
    if !subject.started.is_empty() {
        let now_s = jiff::Timestamp::now().as_duration().as_secs_f64();
        let started = subject.started.iter().map(|(service, at)| {
            let ago_s = now_s - at.as_duration().as_secs_f64();
            let wrote = if ago_s < LOOK_BACK.as_secs_f64() {
                Wrote::Start(ago_s)
            } else {
                Wrote::Unknown
            };
            (service.clone(), wrote)
        });
        return started.collect();
    }
    let own = OWN.into_iter().filter(|_| subject.voting);
    own.map(|service| (service.to_owned(), Wrote::Unknown))
        .collect()
}

/// The services that have log files, each with its newest line of those that should have been shipped by now.
async fn in_files(files: &LogFiles) -> BTreeMap<String, Wrote> {
    let mut found: BTreeMap<_, _> = files
        .services()
        .map(|service| (service.to_owned(), Wrote::Unknown))
        .collect();
    #[expect(clippy::cast_possible_truncation, reason = "a minute")]
    let until_ns = now_ns() - (SHIPPING_S * 1e9) as i64;
    let back_ns = i64::try_from(LOOK_BACK.as_nanos()).unwrap_or(i64::MAX);
    let (source, all) = (LogSource::Files(files.clone()), LogQuery::default());
    let newest = source.newest(&all, now_ns() - back_ns, until_ns, usize::MAX);
    // They come oldest first.
    for line in newest.await.unwrap_or_default().lines {
        if let Some(service) = line.service() {
            found.insert(service.to_owned(), Wrote::InFile(age_of(&line)));
        }
    }
    found
}

/// The services that wrote what is not in Loki.
pub(super) fn missed(writers: &[Writer], place: &Place) -> Vec<Finding> {
    let shipper = place.shipper();
    let missed = writers.iter().filter_map(|writer| {
        let service = &writer.service;
        let is_older = |wrote_s: f64| {
            let newest_s = writer.in_loki_s;
            wrote_s > SHIPPING_S && newest_s.is_none_or(|newest_s| newest_s > wrote_s + SLACK_S)
        };
        let in_loki = writer.in_loki_s.map_or_else(
            || "in Loki there is none of 24 h".into(),
            |newest_s| format!("the newest in Loki is {} old", age(newest_s)),
        );
        match writer.wrote {
            Wrote::InFile(wrote_s) if is_older(wrote_s) => Some(Finding::failed(
                Check::Logs,
                format!(
                    "lines of {service} are not shipped: one in its file is {} old, {in_loki}",
                    age(wrote_s)
                ),
                format!(
                    "{} may say why; {}",
                    place.look_at_log(shipper),
                    place.restart(shipper)
                ),
            )),
            Wrote::Start(wrote_s) if is_older(wrote_s) => Some(Finding::warning(
                Check::Logs,
                format!(
                    "no line of {service} came in since it was started {} ago; {in_loki}",
                    age(wrote_s)
                ),
                format!(
                    "if {} has some, {}",
                    place.look_at_log(service),
                    place.restart(shipper)
                ),
            )),
            _ => None,
        }
    });
    missed.collect()
}

/// Whose lines came in, and when; empty where no service is known.
pub(super) fn told(writers: &[Writer]) -> String {
    let mut seen: Vec<_> = writers
        .iter()
        .filter_map(|writer| Some((writer.in_loki_s?, &writer.service)))
        .collect();
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    let seen: Vec<_> = seen
        .into_iter()
        .map(|(newest_s, service)| format!("{service} {}", age(newest_s)))
        .collect();
    let silent: Vec<_> = writers
        .iter()
        .filter(|writer| writer.in_loki_s.is_none())
        .map(|writer| writer.service.clone())
        .collect();
    let listed = |of: &str, all: &[String]| {
        let told = (!all.is_empty()).then(|| format!("; {of} {}", all.join(", ")));
        told.unwrap_or_default()
    };
    listed("by service", &seen) + &listed("none in 24 h of", &silent)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::{Value, json};
    use wiremock::matchers::{path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::doctor::Verdict;
    use crate::logs::LogFile;
    use crate::prometheus::Prometheus;
    use crate::snapshot::Sources;

    /// What a real Loki answered.
    fn recorded(name: &str) -> Value {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/loki");
        let file = std::fs::read_to_string(format!("{dir}/{name}.json")).unwrap();
        let all: Value = serde_json::from_str(&file).unwrap();
        all["response"]["json"].clone()
    }

    /// A Loki that has a line of `worker` that is so old, and none of anybody else.
    async fn loki(age_s: i64) -> (MockServer, Loki) {
        let server = MockServer::start().await;
        let mut lines = recorded("query_range_streams_backward");
        let streams = lines["data"]["result"].as_array_mut().unwrap();
        streams.truncate(1);
        let at_ns = now_ns() - age_s * 1_000_000_000;
        streams[0]["values"] = json!([[at_ns.to_string(), "{}"]]);
        for (logql, answer) in [
            (r#"{service=~"worker"}"#, lines),
            (r#"{service=~"vote-app"}"#, recorded("query_range_empty")),
        ] {
            Mock::given(path("/loki/api/v1/query_range"))
                .and(query_param("query", logql))
                .respond_with(ResponseTemplate::new(200).set_body_json(answer))
                .mount(&server)
                .await;
        }
        let loki = Loki::new(&server.uri().parse().unwrap()).unwrap();
        (server, loki)
    }

    fn subject() -> Subject {
        let prometheus = Prometheus::new(&"http://127.0.0.1:1".parse().unwrap()).unwrap();
        Subject {
            sources: Sources {
                prometheus,
                alertmanager: None,
                grafana: None,
                signals: Vec::new(),
            },
            logs: None,
            log_files: None,
            started: BTreeMap::new(),
            receiver: None,
            shipper: None,
            voting: true,
            time_scale: 1.0,
            place: Place::Compose,
            limit: Duration::from_secs(5),
        }
    }

    fn words(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|finding| &*finding.found).collect()
    }

    #[tokio::test]
    async fn of_containers_those_whose_start_is_not_in_loki_are_missed() {
        let (_server, loki) = loki(90).await;
        let ago = |minutes| Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
        let mut subject = subject();
        let started = [("worker", 60), ("vote-app", 30), ("gateway", 30 * 60)];
        subject.started = started
            .map(|(service, minutes)| (service.to_owned(), ago(minutes)))
            .into();
        let writers = ask(&subject, &loki).await;
        // Of the gateway the stand-in tells nothing, so nothing is said of it.
        assert_eq!(writers.len(), 2, "{writers:?}");
        let missed = missed(&writers, &subject.place);
        let found = "no line of vote-app came in since it was started 30m00s ago; in Loki there is none of 24 h";
        assert_eq!(words(&missed), [found]);
        assert_eq!(missed[0].verdict, Verdict::Warning);
        assert_eq!(
            missed[0].way_out.as_deref().unwrap(),
            "if `docker compose logs --tail 50 vote-app` has some, `docker compose restart alloy`"
        );
        let told = told(&writers);
        assert!(
            told.starts_with("; by service worker 1m3")
                && told.ends_with("; none in 24 h of vote-app"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn of_processes_those_whose_files_have_what_loki_has_not_are_missed() {
        let dir = tempfile::tempdir().unwrap();
        let file = |service: &str, ages_s: &[i64]| {
            let path = dir.path().join(format!("{service}-1.log"));
            let line = |age_s: &i64| {
                let at = Timestamp::now() - jiff::SignedDuration::from_secs(*age_s);
                format!("{{\"timestamp\":\"{at}\",\"level\":\"INFO\"}}\n")
            };
            std::fs::write(&path, ages_s.iter().map(line).collect::<String>()).unwrap();
            LogFile {
                service: service.into(),
                instance: format!("{service}-1"),
                path,
            }
        };
        let mut subject = subject();
        for (in_loki_s, worker, vote_app, told) in [
            // What was written just now is on its way.
            (3600, &[3600, 5][..], &[][..], None),
            (
                3600,
                &[3600, 100, 5],
                &[],
                Some(
                    "lines of worker are not shipped: one in its file is 1m40s old, the newest in Loki is 1h00m old",
                ),
            ),
            (
                90,
                &[90],
                &[7200],
                Some(
                    "lines of vote-app are not shipped: one in its file is 2h00m old, in Loki there is none of 24 h",
                ),
            ),
        ] {
            let (_server, loki) = loki(in_loki_s).await;
            let files = vec![file("worker", worker), file("vote-app", vote_app)];
            subject.log_files = Some(LogFiles::new(files));
            let writers = ask(&subject, &loki).await;
            assert_eq!(writers.len(), 2);
            let missed = missed(&writers, &subject.place);
            assert_eq!(words(&missed), told.as_slice());
            assert!(missed.iter().all(|one| one.verdict == Verdict::Failed));
        }
    }

    #[tokio::test]
    async fn elsewhere_the_projects_own_services_are_told_of_and_none_is_missed() {
        let (_server, loki) = loki(90).await;
        let mut subject = subject();
        let writers = ask(&subject, &loki).await;
        assert_eq!(missed(&writers, &Place::Elsewhere), []);
        assert!(told(&writers).ends_with("; none in 24 h of vote-app"));
        subject.voting = false;
        assert_eq!(told(&ask(&subject, &loki).await), "");
    }
}
