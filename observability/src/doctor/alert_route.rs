//! Whether an alert would reach somebody: Prometheus sends to an Alertmanager, which has a receiver that
//! does something, and that answers. Nothing is sent for this; `probe` does that.

mod config;

use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpStream;
use url::{Host, Url};

use super::exposition::Exported;
use super::{Check, Finding, Place, Subject, not_asked};
use crate::alertmanager::Alertmanager;
use crate::alertmanager::silences::{Silence, SilenceState, matches};
use crate::backend::BackendError;
use crate::combined::{Part, Question};
use crate::prometheus::Labels;
use crate::signals::single_value;
use crate::units::{prometheus_duration, scaled};
use config::Config;

/// How far back failures count as of now, on an unscaled stack.
const LATELY: Duration = Duration::from_mins(10);
/// How long Prometheus takes at most to find its Alertmanagers once it has read its configuration: it hands on
/// what it found once in 5 s.
const FINDING_S: f64 = 10.0;
/// Notifications that fail, by integration.
const FAILED: &str = "alertmanager_notifications_failed_total";

/// What is known of the way of an alert.
#[derive(Debug)]
struct Route {
    /// Where Prometheus sends alerts.
    alertmanagers: Vec<String>,
    /// How long ago Prometheus was given its configuration, in seconds, where that is known.
    configured_s: Option<f64>,
    /// Alerts that Prometheus could not send lately, where it scrapes itself.
    unsent: Option<f64>,
    /// Notifications that Alertmanager could not send lately, where it is scraped.
    failing: Option<f64>,
    /// Where Alertmanager is asked; `None` when none is named.
    asked: Option<Url>,
    /// What Alertmanager says of itself, unless it does not answer.
    held: Option<Held>,
}

/// What Alertmanager says of itself.
#[derive(Debug)]
struct Held {
    config: Result<Config, String>,
    silences: Vec<Silence>,
    /// Notifications that failed since it was started.
    failed: f64,
    /// Webhooks that do not answer, and why.
    deaf: Vec<(String, String)>,
}

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    let prometheus = &subject.sources.prometheus;
    let (alertmanagers, runtime, counted, held) = tokio::join!(
        subject.prometheus(prometheus.alertmanagers()),
        subject.prometheus(prometheus.runtime()),
        subject.prometheus(counted(subject)),
        held(subject),
    );
    let alertmanagers = match alertmanagers {
        Ok(alertmanagers) => alertmanagers,
        Err(error) => return vec![not_asked(Check::AlertRoute, "prometheus", &error)],
    };
    let configured = runtime.ok().and_then(|runtime| runtime.last_config_time);
    let configured_s = configured.map(|at| Timestamp::now().duration_since(at).as_secs_f64());
    let [unsent, failing] = counted.unwrap_or_default();
    let asked = subject.sources.alertmanager.as_ref();
    judge(
        &Route {
            alertmanagers,
            configured_s,
            unsent,
            failing,
            asked: asked.map(|alertmanager| alertmanager.base().clone()),
            held,
        },
        &subject.place,
    )
}

/// What Prometheus counted lately: alerts that it could not send, notifications that failed.
async fn counted(subject: &Subject) -> Result<[Option<f64>; 2], BackendError> {
    let lately = prometheus_duration(scaled(LATELY, subject.time_scale));
    let unsent = format!(
        "sum(increase(prometheus_notifications_errors_total[{lately}])) + sum(increase(prometheus_notifications_dropped_total[{lately}]))"
    );
    let failing = format!("sum(increase({FAILED}[{lately}]))");
    let parts = [("unsent", unsent), ("failing", failing)].map(|(name, expr)| Part {
        name: name.into(),
        expr,
    });
    let prometheus = &subject.sources.prometheus;
    let ask = async |expr: String| prometheus.query(&expr, None).await;
    let series = Question::new(parts.into()).ask(ask).await?.series;
    let value = |at: usize| single_value(series.get(at)?.as_slice());
    Ok([value(0), value(1)])
}

async fn held(subject: &Subject) -> Option<Held> {
    let alertmanager = subject.sources.alertmanager.as_ref()?;
    let url = alertmanager.base();
    let (status, silences, exported) = tokio::join!(
        subject.within(url, alertmanager.status()),
        subject.within(url, alertmanager.silences()),
        subject.within(url, Exported::by(alertmanager.http())),
    );
    let config = Config::parse(&status.ok()?.config.original);
    let deaf = match &config {
        Ok(config) => deaf(subject, alertmanager, config).await,
        Err(_) => Vec::new(),
    };
    Some(Held {
        config,
        silences: silences.unwrap_or_default(),
        failed: exported.ok().and_then(|it| it.sum(FAILED)).unwrap_or(0.0),
        deaf,
    })
}

/// The webhooks that nobody listens at. Only those that are the same from here as from Alertmanager are
/// tried: a stack of this machine, and its loopback addresses.
async fn deaf(
    subject: &Subject,
    alertmanager: &Alertmanager,
    config: &Config,
) -> Vec<(String, String)> {
    if !matches!(subject.place, Place::Stack { .. }) || !is_loopback(alertmanager.base()) {
        return Vec::new();
    }
    let mut deaf = Vec::new();
    for url in config.webhooks().filter(is_loopback) {
        let Some(port) = url.port_or_known_default() else {
            continue;
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let connect = async {
            TcpStream::connect((host, port))
                .await
                .map_err(|error| error.to_string())
        };
        let tried = tokio::time::timeout(subject.limit, connect).await;
        if let Err(reason) = tried.unwrap_or_else(|_| Err("no connection in time".into())) {
            deaf.push((crate::backend::bare(&url), reason));
        }
    }
    deaf
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn judge(route: &Route, place: &Place) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(from_prometheus(route, place));
    match (&route.asked, &route.held) {
        (Some(_), Some(held)) => findings.extend(through_alertmanager(route, held, place)),
        (Some(_), None) => findings.push(not_asked_alertmanager()),
        (None, _) => findings.push(
            Finding::unknown(
                Check::AlertRoute,
                "where Alertmanager sends to is not known: none is named",
            )
            .or("name it with --alertmanager URL, or in the context"),
        ),
    }
    if findings.is_empty() {
        findings.push(well(route));
    }
    findings
}

fn not_asked_alertmanager() -> Finding {
    Finding::unknown(
        Check::AlertRoute,
        "where Alertmanager sends to is not known: it does not tell its configuration",
    )
}

/// What is wrong between Prometheus and Alertmanager.
fn from_prometheus(route: &Route, place: &Place) -> Option<Finding> {
    if route.alertmanagers.is_empty() && route.configured_s.is_some_and(|age_s| age_s < FINDING_S) {
        return Some(Finding::warning(
            Check::AlertRoute,
            "Prometheus has just read its configuration, and knows no Alertmanager yet",
            "look again in 10 s",
        ));
    }
    if route.alertmanagers.is_empty() {
        return Some(Finding::failed(
            Check::AlertRoute,
            "Prometheus knows no Alertmanager, so nobody is notified of any alert",
            format!(
                "name it under alerting in prometheus.yml, then {}",
                place.reload("prometheus")
            ),
        ));
    }
    if let Some(elsewhere) = sends_elsewhere(route) {
        return Some(elsewhere);
    }
    let unsent = route.unsent.filter(|unsent| *unsent > 0.5)?;
    let found = format!("Prometheus could not send {unsent:.0} alerts lately");
    if route.held.is_some() {
        return Some(Finding::warning(
            Check::AlertRoute,
            format!("{found}; Alertmanager answers now"),
            format!(
                "look again in 10 minutes; why: {}",
                place.look_at_log("prometheus")
            ),
        ));
    }
    Some(Finding::failed(
        Check::AlertRoute,
        found,
        place.start("alertmanager"),
    ))
}

/// On one machine an address tells whether it is the same Alertmanager; across networks names differ.
fn sends_elsewhere(route: &Route) -> Option<Finding> {
    let asked = route.asked.as_ref().filter(|url| is_loopback(url))?;
    let sent: Vec<Url> = route
        .alertmanagers
        .iter()
        .filter_map(|url| url.parse().ok())
        .collect();
    let same = |url: &Url| url.port_or_known_default() == asked.port_or_known_default();
    let all_local = !sent.is_empty() && sent.iter().all(is_loopback);
    (all_local && !sent.iter().any(same)).then(|| {
        let sent: Vec<_> = sent.iter().map(crate::backend::bare).collect();
        Finding::failed(
            Check::AlertRoute,
            format!("Prometheus sends alerts to {}, not to {asked}", sent.join(", ")),
            "name the right one under alerting in prometheus.yml, or the other with --alertmanager URL",
        )
    })
}

/// What is wrong between Alertmanager and those who are to be notified.
fn through_alertmanager(route: &Route, held: &Held, place: &Place) -> Vec<Finding> {
    let config = match &held.config {
        Ok(config) => config,
        Err(reason) => {
            let found = format!("Alertmanager's configuration cannot be read: {reason}");
            return vec![Finding::unknown(Check::AlertRoute, found)];
        }
    };
    let mut findings = Vec::new();
    findings.extend(nobody_is_told(config, place));
    for (url, reason) in &held.deaf {
        findings.push(Finding::failed(
            Check::AlertRoute,
            format!("nobody listens at {url}, where Alertmanager sends notifications: {reason}"),
            format!(
                "start what listens there, or name another webhook in alertmanager.yml, then {}",
                place.reload("alertmanager")
            ),
        ));
    }
    let failing = route.failing.filter(|failing| *failing > 0.5);
    // Since its start, where nobody counts lately; a receiver that is known to answer has been mended.
    let failed = Some(held.failed).filter(|_| route.failing.is_none() && !is_known(config, place));
    if let Some(count) = failing.or(failed.filter(|count| *count > 0.5)) {
        let when = if failing.is_some() {
            "lately"
        } else {
            "since it was started"
        };
        findings.push(Finding::warning(
            Check::AlertRoute,
            format!("{count:.0} notifications of Alertmanager failed {when}"),
            format!("its log says why: {}", place.look_at_log("alertmanager")),
        ));
    }
    findings.extend(all_is_silenced(&held.silences));
    findings
}

/// Whether it was tried that every webhook answers.
fn is_known(config: &Config, place: &Place) -> bool {
    matches!(place, Place::Stack { .. }) && config.webhooks().all(|url| is_loopback(&url))
}

fn nobody_is_told(config: &Config, place: &Place) -> Option<Finding> {
    let way_out = || {
        format!(
            "give it one in alertmanager.yml (webhook_configs for instance), then {}",
            place.reload("alertmanager")
        )
    };
    if config
        .receivers
        .iter()
        .all(|receiver| receiver.integrations.is_empty())
    {
        let found = "no receiver of Alertmanager sends anything to anybody";
        return Some(Finding::failed(Check::AlertRoute, found, way_out()));
    }
    let root = config
        .receivers
        .iter()
        .find(|receiver| receiver.name == config.root)?;
    root.integrations.is_empty().then(|| {
        let name = &root.name;
        let found = format!(
            "receiver {name}, which takes every alert that no other route takes, sends nothing to anybody"
        );
        Finding::warning(Check::AlertRoute, found, way_out())
    })
}

/// A silence that holds back an alert of any name.
fn all_is_silenced(silences: &[Silence]) -> Option<Finding> {
    let any = [("alertname", "VoteopsDoctor"), ("severity", "critical")];
    let any: Labels = any.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let silence = silences.iter().find(|silence| {
        silence.status.state == SilenceState::Active && matches(&silence.matchers, &any)
    })?;
    let (by, until, id) = (&silence.created_by, silence.ends_at, &silence.id);
    Some(Finding::warning(
        Check::AlertRoute,
        format!("a silence of {by} holds back every critical alert until {until:.0}"),
        format!(
            "expire it if that is not meant: `amtool silence expire {id}`, or S in the console"
        ),
    ))
}

fn well(route: &Route) -> Finding {
    let config = route
        .held
        .as_ref()
        .and_then(|held| held.config.as_ref().ok());
    let to = config.map_or_else(String::new, |config| {
        let receivers = config.receivers.iter();
        let told = receivers.filter(|receiver| !receiver.integrations.is_empty());
        let told: Vec<_> = told
            .map(|receiver| format!("{} ({})", receiver.name, receiver.integrations.join(", ")))
            .collect();
        format!(", which notifies {}", told.join(", "))
    });
    let found = format!("Prometheus sends to Alertmanager{to}; nothing failed lately");
    Finding::ok(Check::AlertRoute, found)
}

#[cfg(test)]
mod tests;
