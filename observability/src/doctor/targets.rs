//! Whether all that should be scraped is, and was lately.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Check, Finding, Place, Subject, not_asked};
use crate::config;
use crate::prometheus::{Target, TargetHealth};
use crate::rules::nearest;
use crate::units::{age, parse_duration};

/// Intervals after which a target that is up should have been scraped again.
const LATE_INTERVALS: f64 = 3.0;

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    let prometheus = &subject.sources.prometheus;
    let targets = match subject.prometheus(prometheus.targets()).await {
        Ok(answer) => answer.data,
        Err(error) => return vec![not_asked(Check::Targets, "prometheus", &error)],
    };
    let expected = if subject.voting {
        shipped_jobs()
    } else {
        Vec::new()
    };
    judge(&expected, &targets, Timestamp::now(), &subject.place)
}

/// The jobs of the configuration that is shipped.
fn shipped_jobs() -> Vec<String> {
    let root: Option<serde_norway::Value> = serde_norway::from_str(config::PROMETHEUS).ok();
    let jobs = root
        .as_ref()
        .and_then(|root| root["scrape_configs"].as_sequence());
    let names = jobs.into_iter().flatten();
    names
        .filter_map(|job| Some(job["job_name"].as_str()?.to_owned()))
        .collect()
}

fn judge(expected: &[String], targets: &[Target], now: Timestamp, place: &Place) -> Vec<Finding> {
    let mut jobs: BTreeMap<&str, Vec<&Target>> = BTreeMap::new();
    for target in targets {
        jobs.entry(label(target, "job")).or_default().push(target);
    }
    let mut findings: Vec<_> = expected
        .iter()
        .filter(|job| !jobs.contains_key(job.as_str()))
        .map(|job| missing(job, expected, &jobs, place))
        .collect();
    for (job, targets) in &jobs {
        findings.extend(down(job, targets, place));
        findings.extend(late(job, targets, now, place));
    }
    if findings.is_empty() && jobs.is_empty() {
        findings.push(Finding::failed(
            Check::Targets,
            "nothing is scraped",
            "add scrape_configs to Prometheus's configuration",
        ));
    }
    if findings.is_empty() {
        let names: Vec<_> = jobs.keys().copied().collect();
        let (count, names) = (targets.len(), names.join(", "));
        let found = format!("all {count} are up, and scraped lately: {names}");
        findings.push(Finding::ok(Check::Targets, found));
    }
    findings
}

/// A job that has to be there and has no target.
fn missing(
    job: &str,
    expected: &[String],
    jobs: &BTreeMap<&str, Vec<&Target>>,
    place: &Place,
) -> Finding {
    let others = jobs.keys().copied();
    let others = others.filter(|other| !expected.iter().any(|name| name == other));
    let found = format!("job {job} has no target, and rules and signals ask for it");
    if let Some(like) = nearest(job, others) {
        return Finding::failed(
            Check::Targets,
            format!("{found}; job {like} is scraped instead"),
            format!(
                "call it {job} again in prometheus.yml (job_name), then {}",
                place.reload("prometheus")
            ),
        );
    }
    Finding::failed(
        Check::Targets,
        found,
        format!(
            "{}; if it runs, compare prometheus.yml with observability/prometheus/prometheus.yml",
            place.start(component(job))
        ),
    )
}

/// The targets of a job that are down, or were never scraped.
fn down(job: &str, targets: &[&Target], place: &Place) -> Option<Finding> {
    let is_down = |target: &&&Target| target.health == TargetHealth::Down;
    let down: Vec<_> = targets.iter().filter(is_down).collect();
    if let Some(first) = down.first() {
        let names: Vec<_> = down
            .iter()
            .map(|target| label(target, "instance"))
            .collect();
        let (count, all, names) = (down.len(), targets.len(), names.join(", "));
        let reason = &first.last_error;
        return Some(Finding::failed(
            Check::Targets,
            format!("{count} of {all} of job {job} down ({names}): {reason}"),
            way_up(job, first, place),
        ));
    }
    let unknown = targets
        .iter()
        .find(|target| target.health == TargetHealth::Unknown)?;
    let (instance, interval) = (label(unknown, "instance"), &unknown.scrape_interval);
    Some(Finding::warning(
        Check::Targets,
        format!("{instance} of job {job} was not scraped yet"),
        format!("wait one scrape interval ({interval}), then look again"),
    ))
}

/// What to do about a target that is down, by what Prometheus says of it.
fn way_up(job: &str, target: &Target, place: &Place) -> String {
    let server = place
        .at(label(target, "instance"))
        .unwrap_or(component(job));
    if target.last_error.contains("deadline exceeded") {
        format!("it hangs: {}", place.wake(server))
    } else {
        place.start(server)
    }
}

/// A target that is up by a scrape of long ago.
fn late(job: &str, targets: &[&Target], now: Timestamp, place: &Place) -> Option<Finding> {
    let ages = targets.iter().filter_map(|target| {
        let interval_s = parse_duration(&target.scrape_interval).ok()?.as_secs_f64();
        let since_s = now.duration_since(target.last_scrape?).as_secs_f64();
        // A second, so that no short interval of a busy machine counts as late.
        (since_s > LATE_INTERVALS * interval_s + 1.0).then_some((*target, since_s))
    });
    let (target, since_s) = ages.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let (instance, interval) = (label(target, "instance"), &target.scrape_interval);
    let since = age(since_s);
    Some(Finding::warning(
        Check::Targets,
        format!(
            "{instance} of job {job} was last scraped {since} ago, and is due every {interval}"
        ),
        format!(
            "Prometheus is overloaded or was stopped for a while: look again, then {}",
            place.look_at_log("prometheus")
        ),
    ))
}

fn label<'a>(target: &'a Target, name: &str) -> &'a str {
    target.labels.get(name).map_or("", String::as_str)
}

/// The component that a job of the shipped configuration scrapes.
pub(super) fn component(job: &str) -> &str {
    match job {
        "vote_app" => "vote-app",
        "redis" => "redis-exporter",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn target(job: &str, health: TargetHealth, scraped_before_s: i64) -> Target {
        let labels = [("job", job), ("instance", "127.0.0.1:1")];
        Target {
            labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            scrape_url: "http://127.0.0.1:1/metrics".into(),
            health,
            last_error: "connection refused".into(),
            last_scrape: Timestamp::from_second(-scraped_before_s).ok(),
            last_scrape_duration_s: 0.01,
            scrape_interval: "15s".into(),
            scrape_timeout: "10s".into(),
            scrape_pool: String::new(),
        }
    }

    fn all() -> Vec<Target> {
        let jobs = shipped_jobs();
        assert!(jobs.iter().any(|job| job == "worker"), "{jobs:?}");
        jobs.iter()
            .map(|job| target(job, TargetHealth::Up, 10))
            .collect()
    }

    fn one(targets: &[Target]) -> Finding {
        let mut findings = judge(&shipped_jobs(), targets, NOW, &Place::Compose);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    fn of<'a>(targets: &'a mut [Target], job: &str) -> &'a mut Target {
        let found = targets
            .iter_mut()
            .find(|target| label(target, "job") == job);
        found.unwrap()
    }

    #[test]
    fn targets_that_are_up_are_well() {
        assert_eq!(one(&all()).verdict, Verdict::Ok);
    }

    #[test]
    fn a_job_that_was_renamed_or_is_gone_is_named() {
        let mut targets = all();
        of(&mut targets, "worker")
            .labels
            .insert("job".into(), "workers".into());
        let finding = one(&targets);
        assert_eq!(finding.verdict, Verdict::Failed);
        assert!(
            finding.found.contains("job workers is scraped instead"),
            "{finding:?}"
        );
        let way_out = finding.way_out.unwrap();
        assert!(way_out.starts_with("call it worker again"), "{way_out}");

        let mut targets = all();
        targets.retain(|target| label(target, "job") != "redis");
        let finding = one(&targets);
        assert!(
            finding.found.starts_with("job redis has no target"),
            "{finding:?}"
        );
        let way_out = finding.way_out.unwrap();
        assert!(
            way_out.starts_with("`docker compose up -d redis-exporter`"),
            "{way_out}"
        );
    }

    #[test]
    fn a_target_that_is_down_hangs_or_is_new_is_told() {
        let mut targets = all();
        of(&mut targets, "vote_app").health = TargetHealth::Down;
        let finding = one(&targets);
        assert_eq!(
            finding.found,
            "1 of 1 of job vote_app down (127.0.0.1:1): connection refused"
        );
        of(&mut targets, "vote_app").last_error = "context deadline exceeded".into();
        assert!(one(&targets).way_out.unwrap().contains("unpause vote-app"));
        of(&mut targets, "vote_app").health = TargetHealth::Unknown;
        assert_eq!(one(&targets).verdict, Verdict::Warning);
    }

    #[test]
    fn a_scrape_of_long_ago_is_no_scrape() {
        let mut targets = all();
        of(&mut targets, "worker").last_scrape = Timestamp::from_second(-600).ok();
        let finding = one(&targets);
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(
            finding.found.contains("last scraped 10m00s ago"),
            "{finding:?}"
        );
    }

    #[test]
    fn of_another_service_no_job_has_to_be_there() {
        let targets = [target("api", TargetHealth::Up, 1)];
        assert_eq!(
            judge(&[], &targets, NOW, &Place::Elsewhere)[0].verdict,
            Verdict::Ok
        );
        assert_eq!(
            judge(&[], &[], NOW, &Place::Elsewhere)[0].verdict,
            Verdict::Failed
        );
    }
}
