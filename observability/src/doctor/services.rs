//! Whether the services reach what they depend on, by their own word: vote apps and workers tell at
//! `/readyz` whether Redis and the ledger answer.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use serde::Deserialize;
use url::Url;

use super::{Check, Finding, Place, Subject, not_asked};
use crate::backend::{BackendError, Http};
use crate::prometheus::{Target, TargetHealth};

/// The jobs whose targets tell whether they are ready.
const JOBS: [&str; 2] = ["vote_app", "worker"];
/// How long a service may take to answer; it gives what it depends on a second.
const PATIENCE: Duration = Duration::from_secs(3);

/// A service's word: each dependency with `ok`, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Readiness {
    ready: bool,
    #[serde(default)]
    checks: BTreeMap<String, String>,
}

/// A service and what it answered.
type Answer = (String, Result<Readiness, BackendError>);

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    if !subject.voting {
        let why = "what other services depend on is not known";
        return vec![Finding::skipped(Check::Services, why)];
    }
    let targets = match subject
        .prometheus(subject.sources.prometheus.targets())
        .await
    {
        Ok(answer) => answer.data,
        Err(error) => return vec![not_asked(Check::Services, "prometheus", &error)],
    };
    // Those that are down are told among the targets.
    let targets = targets
        .iter()
        .filter(|target| target.health == TargetHealth::Up);
    let answers = join_all(targets.filter_map(asked).map(|(name, url)| async move {
        let answer = subject.within(&url, ask(&url)).await;
        (name, answer)
    }));
    judge(&answers.await, &subject.place)
}

/// The name of a target that tells whether it is ready, and where.
fn asked(target: &Target) -> Option<(String, Url)> {
    let job = target.labels.get("job")?;
    let instance = target.labels.get("instance")?;
    let url: Url = target.scrape_url.parse().ok()?;
    JOBS.contains(&&**job).then(|| (instance.clone(), url))
}

async fn ask(url: &Url) -> Result<Readiness, BackendError> {
    let mut base = url.clone();
    base.set_path("/");
    base.set_query(None);
    let http = Http::new(&base)?;
    let path = "readyz";
    let asking = http.get(path, &[]);
    let (status, body) = tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| {
            Err(BackendError::Timeout {
                url: http.name(path),
                timeout_s: PATIENCE.as_secs(),
            })
        })?;
    // One that is not ready answers 503, with the same body.
    serde_json::from_slice(&body).map_err(|error| {
        if status.is_success() {
            http.garbage(path, &error, &body)
        } else {
            http.status_error(path, status, &body)
        }
    })
}

fn judge(answers: &[Answer], place: &Place) -> Vec<Finding> {
    if answers.is_empty() {
        let why = "no vote app and no worker is up (targets)";
        return vec![Finding::unknown(Check::Services, why)];
    }
    // By dependency and reason: all services tell of the same outage.
    let mut away: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    let mut silent = Vec::new();
    for (instance, answer) in answers {
        let name = place.at(instance).unwrap_or(instance);
        match answer {
            Ok(readiness) if readiness.ready => {}
            Ok(readiness) => {
                for (dependency, reason) in
                    readiness.checks.iter().filter(|(_, told)| *told != "ok")
                {
                    away.entry((dependency, reason))
                        .or_default()
                        .push(name.to_owned());
                }
            }
            Err(error) => silent.push((name, error)),
        }
    }
    let mut findings: Vec<_> = away
        .iter()
        .map(|((dependency, reason), names)| {
            let found = format!("{} cannot reach {dependency}: {reason}", names.join(", "));
            Finding::failed(Check::Services, found, way_out(dependency, place))
        })
        .collect();
    if let Some((name, error)) = silent.first() {
        let (count, all) = (silent.len(), answers.len());
        let found = format!(
            "{count} of {all} did not tell whether they are ready, {name} among them: {error}"
        );
        // Prometheus reaches them, so they serve; this machine may have no way to them.
        let finding = Finding::unknown(Check::Services, found);
        findings.push(finding.or("ask from a machine of their network"));
    }
    if findings.is_empty() {
        let found = format!(
            "all {} vote apps and workers reach Redis, and workers the ledger",
            answers.len()
        );
        findings.push(Finding::ok(Check::Services, found));
    }
    findings
}

fn way_out(dependency: &str, place: &Place) -> String {
    match dependency {
        "redis" => match place {
            Place::Stack { .. } => place.wake("redis"),
            _ => place.start("redis"),
        },
        "ledger" => match place {
            Place::Compose => place.start("postgres"),
            _ => "see that the database of --database-url answers, and has room on its disk".into(),
        },
        other => format!("see that {other} answers"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn told(instance: &str, redis: &str, ledger: &str) -> Answer {
        let checks = [("redis", redis), ("ledger", ledger)];
        let readiness = Readiness {
            ready: redis == "ok" && ledger == "ok",
            checks: checks.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        };
        (instance.to_owned(), Ok(readiness))
    }

    #[test]
    fn services_that_reach_everything_are_well() {
        let answers = [told("a:1", "ok", "ok"), told("b:1", "ok", "ok")];
        assert_eq!(judge(&answers, &Place::Compose)[0].verdict, Verdict::Ok);
    }

    #[test]
    fn what_is_away_is_named_once_with_those_that_miss_it() {
        let answers = [
            told("a:1", "no answer within 1 s", "ok"),
            told("b:1", "no answer within 1 s", "database is locked"),
        ];
        let findings = judge(&answers, &Place::Compose);
        let found: Vec<_> = findings.iter().map(|finding| &*finding.found).collect();
        assert_eq!(
            found,
            [
                "b:1 cannot reach ledger: database is locked",
                "a:1, b:1 cannot reach redis: no answer within 1 s",
            ]
        );
        assert!(
            findings[0]
                .way_out
                .as_ref()
                .unwrap()
                .contains("docker compose up -d postgres")
        );
    }

    #[test]
    fn who_cannot_be_asked_from_here_is_unknown_and_not_failed() {
        let error = BackendError::Unreachable {
            url: "http://172.18.0.5:8080/readyz".into(),
            reason: "no route".into(),
        };
        let answers = [("172.18.0.5:8080".to_owned(), Err(error))];
        let findings = judge(&answers, &Place::Elsewhere);
        assert_eq!(findings[0].verdict, Verdict::Unknown);
        assert_eq!(judge(&[], &Place::Elsewhere)[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn only_services_are_asked() {
        let target = |job: &str| {
            let labels = [("job", job), ("instance", "x:1")];
            Target {
                labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
                scrape_url: "http://x:1/metrics".into(),
                health: TargetHealth::Up,
                last_error: String::new(),
                last_scrape: None,
                last_scrape_duration_s: 0.0,
                scrape_interval: String::new(),
                scrape_timeout: String::new(),
                scrape_pool: String::new(),
            }
        };
        assert!(asked(&target("worker")).is_some());
        assert!(asked(&target("redis")).is_none());
    }
}
