//! Faults on record: in force on purpose, or left behind.

use std::path::PathBuf;

use voteops_observability::doctor::{Check, Finding};

use crate::chaos::status::{OnRecord, on_record};

pub(super) fn check(data_dirs: &[PathBuf]) -> Vec<Finding> {
    let (mut known, mut unreadable) = (Vec::new(), Vec::new());
    let mut findings = Vec::new();
    for data_dir in data_dirs {
        match on_record(data_dir) {
            Ok(found) => {
                known.extend(found.0);
                unreadable.extend(found.1);
            }
            Err(error) => findings.push(Finding::unknown(Check::Faults, error.to_string())),
        }
    }
    findings.extend(known.iter().map(finding));
    findings.extend(unreadable.iter().map(|error| {
        Finding::failed(
            Check::Faults,
            format!("a record cannot be read: {error}"),
            "`voteops chaos recover` tells what it can undo",
        )
    }));
    if findings.is_empty() {
        findings.push(Finding::ok(
            Check::Faults,
            "none is in force, none was left behind",
        ));
    }
    findings
}

fn finding(fault: &OnRecord) -> Finding {
    let told = fault.told();
    if fault.is_left_behind() {
        Finding::failed(
            Check::Faults,
            format!("left behind: {told}; nobody looks after it"),
            "`voteops chaos recover` undoes it",
        )
    } else {
        let until = fault.deadline();
        Finding::warning(
            Check::Faults,
            format!("in force: {told}, until {until:.0} at the latest"),
            "what else is wrong may be meant; `voteops chaos status` tells of it",
        )
    }
}

#[cfg(test)]
mod tests {
    use voteops_observability::doctor::Verdict;

    use super::*;

    #[test]
    fn no_record_is_well_and_one_that_cannot_be_read_is_not() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(check(&[temp.path().to_owned()])[0].verdict, Verdict::Ok);
        let faults = temp.path().join("chaos/faults");
        std::fs::create_dir_all(&faults).unwrap();
        let name = "01890a5d-ac96-774b-bcce-b302099a8057.json";
        std::fs::write(faults.join(name), "{").unwrap();
        let findings = check(&[temp.path().to_owned()]);
        assert_eq!(findings[0].verdict, Verdict::Failed, "{findings:?}");
        assert!(findings[0].found.contains(name), "{findings:?}");
    }
}
