//! Whether the servers run the configuration that they were last given. A server that refuses a new
//! one goes on with the old one, and says so to nobody but its log and its metrics.

use super::exposition::Exported;
use super::{Check, Finding, Place, Subject, not_asked};
use crate::prometheus::Runtime;

/// 1 while the last configuration is in force.
const ALERTMANAGER_RELOADED: &str = "alertmanager_config_last_reload_successful";

pub(super) async fn examine(subject: &Subject) -> Vec<Finding> {
    let prometheus = &subject.sources.prometheus;
    let exported = async {
        let alertmanager = subject.sources.alertmanager.as_ref()?;
        let asked = Exported::by(alertmanager.http());
        subject.within(alertmanager.base(), asked).await.ok()
    };
    let (runtime, exported) = tokio::join!(subject.prometheus(prometheus.runtime()), exported);
    let reloaded = exported.and_then(|exported| exported.sum(ALERTMANAGER_RELOADED));
    match runtime {
        Ok(runtime) => judge(&runtime, reloaded, &subject.place),
        Err(error) => vec![not_asked(Check::Configuration, "prometheus", &error)],
    }
}

fn judge(runtime: &Runtime, alertmanager_reloaded: Option<f64>, place: &Place) -> Vec<Finding> {
    let mut findings = Vec::new();
    let since = runtime
        .last_config_time
        .map_or_else(String::new, |at| format!(" of {at:.0}"));
    if !runtime.reload_config_success {
        findings.push(refused("prometheus", &since, place));
    }
    if alertmanager_reloaded == Some(0.0) {
        findings.push(refused("alertmanager", "", place));
    }
    if findings.is_empty() {
        let both = if alertmanager_reloaded.is_some() {
            "Prometheus and Alertmanager run"
        } else {
            "Prometheus runs"
        };
        let found = format!("{both} the configuration last given; Prometheus's is{since}");
        let found = if since.is_empty() {
            format!("{both} the configuration last given")
        } else {
            found
        };
        findings.push(Finding::ok(Check::Configuration, found));
    }
    findings
}

fn refused(server: &str, since: &str, place: &Place) -> Finding {
    Finding::failed(
        Check::Configuration,
        format!(
            "{server} refused the configuration that it was last given, and goes on with the one before{since}"
        ),
        format!(
            "{} tells what is wrong; mend it, then {}",
            place.check_configuration(server),
            place.reload(server)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn runtime(reload_config_success: bool) -> Runtime {
        Runtime {
            reload_config_success,
            last_config_time: Some(jiff::Timestamp::UNIX_EPOCH),
            corruption_count: 0,
            storage_retention: "7d".into(),
        }
    }

    #[test]
    fn a_refused_configuration_is_told_with_what_checks_it() {
        let findings = judge(&runtime(false), Some(0.0), &Place::Compose);
        assert_eq!(findings.len(), 2);
        for (finding, server) in findings.iter().zip(["prometheus", "alertmanager"]) {
            assert_eq!(finding.verdict, Verdict::Failed);
            assert!(finding.found.starts_with(server), "{finding:?}");
            let way_out = finding.way_out.as_ref().unwrap();
            assert!(way_out.contains("docker compose exec"), "{way_out}");
            assert!(
                way_out.ends_with(&format!("kill -s HUP {server}`")),
                "{way_out}"
            );
        }
        assert!(
            findings[0]
                .found
                .ends_with("before of 1970-01-01T00:00:00Z")
        );
    }

    #[test]
    fn a_configuration_in_force_is_well() {
        for reloaded in [Some(1.0), None] {
            let findings = judge(&runtime(true), reloaded, &Place::Elsewhere);
            assert_eq!(findings[0].verdict, Verdict::Ok);
        }
    }
}
