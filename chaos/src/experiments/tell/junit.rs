//! JUnit XML: a test case for the experiment.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::Finding;
use crate::report::told_s;

/// The finding as a JUnit report. What could not be run is an error, what deviated or was aborted a
/// failure.
///
/// # Errors
/// When a text holds what XML cannot.
pub fn junit(finding: &Finding) -> Result<String, quick_junit::SerializeError> {
    let status = match &finding.outcome {
        _ if finding.is_met() => TestCaseStatus::success(),
        Ok(_) => failed(NonSuccessKind::Failure, finding),
        Err(_) => failed(NonSuccessKind::Error, finding),
    };
    let mut case = TestCase::new(finding.title.clone(), status);
    case.set_time(finding.took);
    case.set_classname(finding.file.clone());
    if let Ok(report) = &finding.outcome {
        for alert in &report.alerts {
            case.add_property((alert.alert.as_str(), told_s(alert.firing_s).as_str()));
        }
    }
    let mut suite = TestSuite::new("voteops chaos run");
    suite.add_test_case(case);
    let mut report = quick_junit::Report::new("voteops");
    report.add_test_suite(suite);
    report.to_string()
}

fn failed(kind: NonSuccessKind, finding: &Finding) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(finding.reason());
    status.set_type(finding.verdict());
    status
}
