//! Calls that cannot work: one line on standard error that names the input, the reason and the way
//! out, and the right exit code.

use crate::support::{Home, told};

#[test]
fn wrong_calls_are_told_in_one_line() {
    let home = Home::new();
    let file = home.data_dir();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "in the way").unwrap();
    let data_dir = file.to_str().unwrap();
    for (args, code, words) in [
        (
            vec!["status"],
            3,
            "no stack is running; start one with `voteops up`",
        ),
        (vec!["down"], 1, "no stack is running"),
        (
            vec!["status", "--data-dir", "/nowhere"],
            3,
            "no stack is running in /nowhere",
        ),
        (
            vec!["status", "--prometheus", "http://127.0.0.1:1"],
            3,
            "http://127.0.0.1:1/",
        ),
        (vec!["tui", "--once"], 3, "no stack is running"),
        (vec!["chaos", "verify", "X"], 3, "no stack is running"),
        (vec!["chaos", "stall-worker"], 3, "no stack is running"),
        (
            vec!["up", "--detach", "--data-dir", data_dir],
            1,
            "choose another with --data-dir",
        ),
        (
            vec!["up", "--detach", "--database-url", "mysql://x"],
            2,
            "--database-url: it must begin with sqlite:// or postgres://",
        ),
    ] {
        let output = home.voteops(&args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {}",
            told(&output)
        );
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.contains(words), "{args:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{args:?}: {line}");
        assert!(line.starts_with("voteops: "), "{args:?}: {line}");
    }
}

#[test]
fn recovering_without_a_fault_is_no_error() {
    let home = Home::new();
    let output = home.voteops(&["chaos", "recover"]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("no fault is on record"));
}

#[test]
fn wrong_usage_is_exit_code_2_and_one_line() {
    let home = Home::new();
    for (args, words) in [
        (
            vec!["up", "--time-scale", "zero"],
            "'zero' for '--time-scale <N>': not a number",
        ),
        (
            vec!["status", "--prometheus", "nine"],
            "write http://HOST:PORT",
        ),
        (
            vec!["chaos", "flood", "--rate", "-1", "--for", "1s"],
            "--rate",
        ),
        (vec!["chaos", "flood", "--rate", "1"], "--for <DURATION>"),
        (
            vec!["chaos", "stall-worker", "--for", "soon"],
            "write 30s, 5m or 1h30m",
        ),
        (vec!["nonsense"], "unrecognized subcommand 'nonsense'"),
    ] {
        let output = home.voteops(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", told(&output));
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(
            line.starts_with("voteops: ") && line.contains(words),
            "{args:?}: {line}"
        );
        assert_eq!(line.lines().count(), 1, "{args:?}: {line}");
    }
    let help = home.voteops(&["--help"]);
    assert!(help.status.success() && told(&help).contains("Prove") | told(&help).contains("chaos"));
}
