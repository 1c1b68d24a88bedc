//! JUnit XML: a test case for each alert.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::Proof;
use crate::verify::Verdict;

/// The proofs as a JUnit report. What could not be run is an error, what was refuted or aborted a
/// failure.
///
/// # Errors
/// When a text holds what XML cannot.
pub fn junit(proofs: &[Proof]) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new("voteops chaos verify");
    for proof in proofs {
        suite.add_test_case(case(proof));
    }
    let mut report = quick_junit::Report::new("voteops");
    report.add_test_suite(suite);
    report.to_string()
}

fn case(proof: &Proof) -> TestCase {
    let status = match &proof.outcome {
        Ok(report) if report.verdict == Verdict::Proven => TestCaseStatus::success(),
        Ok(_) => failed(NonSuccessKind::Failure, proof),
        Err(_) => failed(NonSuccessKind::Error, proof),
    };
    let mut case = TestCase::new(proof.alert.clone(), status);
    case.set_time(proof.took);
    if let Ok(report) = &proof.outcome {
        case.set_classname(report.fault.clone());
        for phase in &report.phases {
            let seen = super::told_s(phase.observed_s);
            case.add_property((phase.name.name(), seen.as_str()));
        }
    }
    case
}

fn failed(kind: NonSuccessKind, proof: &Proof) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(proof.reason());
    status.set_type(proof.verdict());
    status
}
