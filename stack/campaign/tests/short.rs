//! Thirty killings, and what comes in between.

use std::process::{Command, Stdio};

#[test]
fn no_vote_is_lost_or_invented_whatever_is_killed_stopped_or_cut_off() {
    let output = Command::new(env!("CARGO_BIN_EXE_crash-campaign"))
        .args(["30", "--seed", "1"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{error}");
    assert_eq!(told.matches("none is invented").count(), 2, "{told}");
}
