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
    for ledger in ["SQLite", "PostgreSQL"] {
        let told = told.split(&format!("== 15 on {ledger}")).nth(1);
        let (kills, accepted) = of_all(told.unwrap_or_default());
        assert!(kills >= 15, "{ledger}: {kills} killings");
        assert!(accepted > 1000, "{ledger}: {accepted} votes");
    }
}

/// How many killings the first summary has, and how many votes were answered 202.
fn of_all(told: &str) -> (u32, u32) {
    let summary = told.split("\n== ").next().unwrap_or_default();
    let rows = summary.lines().filter(|line| line.starts_with('|'));
    let cell = |row: &str, at: usize| {
        let cell = row.split('|').nth(at).map(str::trim);
        cell.and_then(|cell| cell.parse().ok()).unwrap_or(0)
    };
    let rows: Vec<&str> = rows.collect();
    let kills = rows.iter().filter(|row| row.starts_with("| kill"));
    let all = rows.iter().find(|row| row.starts_with("| **all**"));
    let accepted = all.map_or(0, |row| cell(row, 5));
    (kills.map(|row| cell(row, 2)).sum(), accepted)
}
