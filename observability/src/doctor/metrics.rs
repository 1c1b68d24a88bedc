//! Whether every metric that rules and signals read is exported: nothing alerts on a metric that is
//! not there.

use std::collections::{BTreeMap, BTreeSet};

use super::targets::component;
use super::{Check, Finding, Place, Subject, not_asked};
use crate::prometheus::{RuleGroup, RuleKind, Series};
use crate::promql::{self, Selected};

/// The queue's length, which the exporter tells under another name.
const QUEUE: &str = "redis_queue_length";
/// That name.
const EXPORTED_QUEUE: &str = "redis_key_size";
/// What Prometheus makes itself. Whether every job is up is told by the targets.
const MADE_BY_PROMETHEUS: [&str; 3] = ["ALERTS", "ALERTS_FOR_STATE", "up"];
/// Readers that are named for a metric that is missing.
const NAMED_READERS: usize = 3;

/// What is read of each metric, and who reads it.
type Wanted = BTreeMap<Selected, BTreeSet<String>>;

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    let prometheus = &subject.sources.prometheus;
    let groups = match subject.prometheus(prometheus.rules()).await {
        Ok(answer) => answer.data,
        Err(error) => return vec![not_asked(Check::Metrics, "prometheus", &error)],
    };
    let signals = &subject.sources.signals;
    let signals = signals.iter().map(|signal| (&*signal.id, &*signal.expr));
    let wanted = wanted(&groups, signals);
    if wanted.is_empty() {
        return vec![Finding::skipped(
            Check::Metrics,
            "no rule and no signal reads any",
        )];
    }
    let question = question(&wanted);
    match subject.prometheus(prometheus.query(&question, None)).await {
        Ok(answer) => judge(&wanted, &answer.data, &subject.place),
        Err(error) => vec![not_asked(Check::Metrics, "prometheus", &error)],
    }
}

/// What rules and signals read, without what other rules record.
fn wanted<'a>(
    groups: &'a [RuleGroup],
    signals: impl Iterator<Item = (&'a str, &'a str)>,
) -> Wanted {
    let rules = || groups.iter().flat_map(|group| &group.rules);
    let recorded: BTreeSet<_> = rules()
        .filter(|rule| rule.kind == RuleKind::Recording)
        .map(|rule| rule.name.as_str())
        .collect();
    let exprs = rules().map(|rule| (&*rule.name, &*rule.query));
    let mut wanted = Wanted::new();
    for (reader, expr) in exprs.chain(signals) {
        for selected in promql::selected(expr).unwrap_or_default() {
            let name = selected.metric.as_str();
            if !recorded.contains(name) && !MADE_BY_PROMETHEUS.contains(&name) {
                wanted
                    .entry(selected)
                    .or_default()
                    .insert(reader.to_owned());
            }
        }
    }
    wanted
}

/// Which of the metrics there are, and of which jobs, as one question.
fn question(wanted: &Wanted) -> String {
    let names = wanted.keys().map(|selected| selected.metric.as_str());
    let names: BTreeSet<_> = names.chain([EXPORTED_QUEUE]).collect();
    // The names of metrics hold nothing that a regular expression would read otherwise.
    let names = names.into_iter().collect::<Vec<_>>().join("|");
    format!("count by (__name__, job) ({{__name__=~\"{names}\"}})")
}

/// The jobs that export each metric.
type Exporters = BTreeMap<String, BTreeSet<String>>;

fn judge(wanted: &Wanted, there: &[Series], place: &Place) -> Vec<Finding> {
    let label = |series: &Series, name: &str| series.labels.get(name).cloned().unwrap_or_default();
    let mut exporters = Exporters::new();
    for series in there {
        let jobs = exporters.entry(label(series, "__name__")).or_default();
        jobs.insert(label(series, "job"));
    }
    // One line for each job, however much of it is missing.
    let mut missing: BTreeMap<Option<&str>, Vec<&Selected>> = BTreeMap::new();
    for selected in wanted.keys() {
        let of_job =
            |jobs: &BTreeSet<String>| selected.job.as_ref().is_none_or(|job| jobs.contains(job));
        if !exporters.get(&selected.metric).is_some_and(of_job) {
            missing
                .entry(selected.job.as_deref())
                .or_default()
                .push(selected);
        }
    }
    let lines = missing.iter();
    let mut findings: Vec<_> = lines
        .map(|(job, missing)| finding(*job, missing, wanted, &exporters, place))
        .collect();
    if findings.is_empty() {
        let names: BTreeSet<_> = wanted.keys().map(|selected| &selected.metric).collect();
        let found = format!(
            "all {} that rules and signals read are exported",
            names.len()
        );
        findings.push(Finding::ok(Check::Metrics, found));
    }
    findings
}

/// Tells what a job does not export.
fn finding(
    job: Option<&str>,
    missing: &[&Selected],
    wanted: &Wanted,
    exporters: &Exporters,
    place: &Place,
) -> Finding {
    let who = job.map_or_else(
        || "nobody exports".into(),
        |job| format!("job {job} does not export"),
    );
    let names: Vec<_> = missing.iter().map(|selected| &*selected.metric).collect();
    let others: BTreeSet<_> = names
        .iter()
        .filter_map(|name| exporters.get(*name))
        .flatten()
        .collect();
    let others = if others.is_empty() {
        String::new()
    } else {
        let others: Vec<_> = others.into_iter().map(String::as_str).collect();
        format!(" (job {} does)", others.join(", "))
    };
    let readers: BTreeSet<_> = missing
        .iter()
        .flat_map(|selected| &wanted[*selected])
        .collect();
    let found = format!(
        "{who} {}{others}; read by {}",
        names.join(", "),
        told(&readers)
    );
    let of_job = wanted
        .keys()
        .filter(|selected| selected.job.as_deref() == job);
    let way_out = if names.contains(&QUEUE) {
        queue_way_out(exporters, place)
    } else if let Some(job) = job.filter(|_| of_job.count() == missing.len()) {
        format!("nothing at all comes of job {job}: targets tells why")
    } else if let Some(job) = job {
        format!(
            "see what the /metrics of job {job} tell now, and {}",
            place.look_at_log(component(job))
        )
    } else {
        "see what the /metrics of what exported it tell now".into()
    };
    Finding::failed(Check::Metrics, found, way_out)
}

fn told(readers: &BTreeSet<&String>) -> String {
    let named: Vec<_> = readers
        .iter()
        .take(NAMED_READERS)
        .map(|name| name.as_str())
        .collect();
    let rest = readers.len() - named.len();
    let named = named.join(", ");
    if rest == 0 {
        named
    } else {
        format!("{named} and {rest} more")
    }
}

fn queue_way_out(exporters: &Exporters, place: &Place) -> String {
    if exporters.contains_key(EXPORTED_QUEUE) {
        return format!(
            "{EXPORTED_QUEUE} is there: rename it by metric_relabel_configs as in observability/prometheus/prometheus.yml, then {}",
            place.reload("prometheus")
        );
    }
    // Of a Redis that does not answer, it tells nothing but that.
    let of_redis = |name: &String| name.starts_with("redis_") && name != "redis_up";
    if !exporters.keys().any(of_redis) {
        return "nothing of Redis comes of the exporter: targets tells why, or services".into();
    }
    format!(
        "the exporter has to run with --check-single-keys=db0=votes: {}",
        place.restart("redis-exporter")
    )
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::signals;

    fn shipped() -> Wanted {
        let signals = signals::shipped(1.0).unwrap();
        let rules = crate::rules::shipped().unwrap();
        let rules = rules.iter().map(|rule| (&*rule.name, &*rule.expr));
        let signals = signals.iter().map(|signal| (&*signal.id, &*signal.expr));
        wanted(&[], rules.chain(signals))
    }

    fn series(metric: &str, job: &str) -> Series {
        let labels = [("__name__", metric), ("job", job)];
        Series {
            labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            samples: Vec::new(),
        }
    }

    fn all(wanted: &Wanted) -> Vec<Series> {
        let wanted = wanted.keys();
        wanted
            .map(|selected| series(&selected.metric, selected.job.as_deref().unwrap_or("redis")))
            .collect()
    }

    #[test]
    fn what_rules_and_signals_read_is_asked_for_at_once() {
        let wanted = shipped();
        let question = question(&wanted);
        for name in [
            "votes_accepted_total",
            "redis_queue_length",
            "redis_key_size",
        ] {
            assert!(question.contains(name), "{question}");
        }
        assert!(promql::normal(&question).is_ok(), "{question}");
        let findings = judge(&wanted, &all(&wanted), &Place::Compose);
        assert_eq!(findings[0].verdict, Verdict::Ok, "{findings:?}");
    }

    #[test]
    fn a_dead_metric_is_named_with_who_reads_it() {
        let wanted = shipped();
        let mut there = all(&wanted);
        there.retain(|series| series.labels["__name__"] != "votes_accepted_total");
        let findings = judge(&wanted, &there, &Place::Compose);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(
            findings[0].found,
            "job vote_app does not export votes_accepted_total; \
             read by VoteTrafficStopped, vote_app.traffic"
        );
        for series in &mut there {
            series.labels.insert("job".into(), "elsewhere".into());
        }
        let findings = judge(&wanted, &there, &Place::Compose);
        for job in ["vote_app", "redis", "worker"] {
            let told = format!("job {job} does not export");
            assert!(
                findings.iter().any(|finding| finding.found.contains(&told)),
                "{findings:?}"
            );
        }
        for finding in findings {
            assert!(
                finding.found.contains("(job elsewhere does)"),
                "{finding:?}"
            );
        }
    }

    #[test]
    fn a_missing_queue_is_the_exporters_or_the_renamings_fault() {
        let wanted = shipped();
        let mut there = all(&wanted);
        there.retain(|series| series.labels["__name__"] != QUEUE);
        let findings = judge(&wanted, &there, &Place::Compose);
        let way_out = findings[0].way_out.as_ref().unwrap();
        assert!(
            way_out.contains("--check-single-keys=db0=votes"),
            "{way_out}"
        );
        let none = judge(&wanted, &[], &Place::Compose);
        for finding in none {
            let way_out = finding.way_out.unwrap();
            assert!(way_out.contains("targets tells why"), "{way_out}");
        }
        let away = judge(&wanted, &[series("redis_up", "redis")], &Place::Compose);
        let way_out = away[0].way_out.as_ref().unwrap();
        assert!(way_out.starts_with("nothing of Redis"), "{way_out}");
        there.push(series(EXPORTED_QUEUE, "redis"));
        let findings = judge(&wanted, &there, &Place::Compose);
        let way_out = findings[0].way_out.as_ref().unwrap();
        assert!(way_out.contains("metric_relabel_configs"), "{way_out}");
    }

    #[test]
    fn what_rules_record_is_not_asked_of_exporters() {
        let recording = serde_json::json!({
            "name": "g",
            "rules": [
                { "name": "a:b", "query": "sum(x)", "type": "recording" },
                { "name": "A", "query": "a:b > 1 and ALERTS", "type": "alerting" },
            ],
        });
        let group: RuleGroup = serde_json::from_value(recording).unwrap();
        let wanted = wanted(&[group], std::iter::empty());
        let names: Vec<_> = wanted.keys().map(|selected| &*selected.metric).collect();
        assert_eq!(names, ["x"]);
    }
}
