//! Whether each server is there and ready.

use url::Url;

use super::{Check, Finding, Place, Subject};
use crate::backend::{BackendError, Http};
use crate::logs::LogSource;

/// A server, as it is named in ways out.
#[derive(Clone, Copy)]
struct Server<'a> {
    check: Check,
    url: &'a Url,
    place: &'a Place,
}

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    let (prometheus, alertmanager, loki, grafana, receiver) = tokio::join!(
        prometheus(subject),
        alertmanager(subject),
        loki(subject),
        grafana(subject),
        receiver(subject),
    );
    vec![prometheus, alertmanager, loki, grafana, receiver]
}

async fn prometheus(subject: &Subject) -> Finding {
    let prometheus = &subject.sources.prometheus;
    let (ready, version) = tokio::join!(
        subject.prometheus(prometheus.ready()),
        subject.prometheus(prometheus.version()),
    );
    subject
        .server(Check::Prometheus, prometheus.base())
        .judge(ready, version.ok())
}

async fn alertmanager(subject: &Subject) -> Finding {
    let Some(alertmanager) = &subject.sources.alertmanager else {
        return nobody(subject, Check::Alertmanager);
    };
    let url = alertmanager.base();
    let (ready, status) = tokio::join!(
        subject.within(url, alertmanager.http().ready("-/ready")),
        subject.within(url, alertmanager.status()),
    );
    let version = status.ok().map(|status| status.version_info.version);
    subject
        .server(Check::Alertmanager, url)
        .judge(ready, version)
}

async fn loki(subject: &Subject) -> Finding {
    let Some(LogSource::Loki(loki)) = &subject.logs else {
        return nobody(subject, Check::Loki);
    };
    let url = loki.base();
    let (ready, version) = tokio::join!(
        subject.within(url, loki.http().ready("ready")),
        subject.within(url, loki.version()),
    );
    subject.server(Check::Loki, url).judge(ready, version.ok())
}

async fn grafana(subject: &Subject) -> Finding {
    let Some(grafana) = &subject.sources.grafana else {
        return nobody(subject, Check::Grafana);
    };
    let server = subject.server(Check::Grafana, grafana.base());
    match subject.within(grafana.base(), grafana.health()).await {
        Ok(health) if health.database == "ok" => server.judge(Ok(()), Some(health.version)),
        Ok(health) => Finding::failed(
            Check::Grafana,
            format!("its database does not answer: {}", health.database),
            subject.place.look_at_log("grafana"),
        ),
        Err(error) => server.judge(Err(error), None),
    }
}

async fn receiver(subject: &Subject) -> Finding {
    let Some(url) = &subject.receiver else {
        return Finding::skipped(
            Check::Receiver,
            "who receives is known to Alertmanager only; alert-route tells of it",
        );
    };
    let ready = match Http::new(url) {
        Ok(http) => subject.within(url, http.ready("-/ready")).await,
        Err(error) => Err(error),
    };
    // It is a part of the supervisor.
    subject
        .server(Check::Receiver, url)
        .judge(ready, Some(String::new()))
}

fn nobody(subject: &Subject, check: Check) -> Finding {
    let name = check.name();
    let why = match subject.place {
        Place::Stack { .. } => format!("this stack runs none: {name} is not on PATH"),
        _ => format!("none is named (--{name} URL, or in the context), none is asked"),
    };
    Finding::skipped(check, why)
}

impl Subject {
    fn server<'a>(&'a self, check: Check, url: &'a Url) -> Server<'a> {
        Server {
            check,
            url,
            place: &self.place,
        }
    }
}

impl Server<'_> {
    /// Judges an answer to whether it is ready, and the version that it tells, if it does.
    fn judge(self, ready: Result<(), BackendError>, version: Option<String>) -> Finding {
        let name = self.check.name();
        let url = crate::backend::bare(self.url);
        let told = match &version {
            Some(version) if !version.is_empty() => format!("{version} at {url}"),
            _ => url.clone(),
        };
        let error = match ready {
            Ok(()) => return Finding::ok(self.check, format!("{told} is ready")),
            Err(error) => error,
        };
        match (&error, version) {
            // What stands in front of it, or another server with the same API, knows no readiness.
            (
                BackendError::Status {
                    status: 404 | 405, ..
                },
                Some(_),
            ) => Finding::ok(self.check, format!("{told} answers")),
            (
                BackendError::Status {
                    status: 401 | 403, ..
                }
                | BackendError::NoAccess { .. },
                _,
            ) => Finding::failed(
                self.check,
                error.to_string(),
                "`voteops config check --ask` tells whether the context's login works",
            ),
            (
                BackendError::Status {
                    status: 503,
                    excerpt,
                    ..
                },
                _,
            ) => Finding::failed(
                self.check,
                format!("{told} is not ready: {excerpt}"),
                format!(
                    "wait, if it has just been started; else {}",
                    self.place.look_at_log(name)
                ),
            ),
            (BackendError::Timeout { timeout_s, .. }, _) => Finding::failed(
                self.check,
                format!("{url} hangs: no answer within {timeout_s} s"),
                self.place.wake(name),
            ),
            (BackendError::Unreachable { .. }, _) => {
                Finding::failed(self.check, error.to_string(), self.place.start(name))
            }
            _ => Finding::failed(
                self.check,
                error.to_string(),
                format!("see that {url} is the address of {name} itself"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn judge(ready: Result<(), BackendError>, version: Option<&str>) -> Finding {
        let url = "http://user:secret@127.0.0.1:9090/".parse().unwrap();
        let server = Server {
            check: Check::Prometheus,
            url: &url,
            place: &Place::Compose,
        };
        server.judge(ready, version.map(str::to_owned))
    }

    fn status(status: u16) -> Result<(), BackendError> {
        Err(BackendError::Status {
            url: "http://127.0.0.1:9090/-/ready".into(),
            status,
            excerpt: "Service Unavailable".into(),
        })
    }

    #[test]
    fn who_is_ready_is_told_with_version_and_without_password() {
        let finding = judge(Ok(()), Some("2.53.1"));
        assert_eq!(finding.found, "2.53.1 at http://127.0.0.1:9090/ is ready");
        assert_eq!(finding.verdict, Verdict::Ok);
        assert_eq!(judge(status(404), Some("1")).verdict, Verdict::Ok);
    }

    #[test]
    fn who_is_not_is_told_with_the_way_out_that_fits() {
        let url = || "http://127.0.0.1:9090/-/ready".to_owned();
        for (error, found, way_out) in [
            (status(503), "is not ready: Service Unavailable", "wait"),
            (status(401), "answered 401", "voteops config check --ask"),
            (
                status(404),
                "answered 404",
                "see that http://127.0.0.1:9090/",
            ),
            (
                Err(BackendError::Timeout {
                    url: url(),
                    timeout_s: 5,
                }),
                "hangs: no answer within 5 s",
                "docker compose unpause prometheus",
            ),
            (
                Err(BackendError::Unreachable {
                    url: url(),
                    reason: "refused".into(),
                }),
                "cannot be reached: refused",
                "docker compose up -d prometheus",
            ),
        ] {
            let finding = judge(error, None);
            assert_eq!(finding.verdict, Verdict::Failed);
            assert!(finding.found.contains(found), "{finding:?}");
            assert!(
                finding.way_out.as_ref().unwrap().contains(way_out),
                "{finding:?}"
            );
        }
    }
}
