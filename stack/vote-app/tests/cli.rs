//! The vote app as a program.

use std::error::Error as StdError;
use std::process::{Command, Output};

fn run(args: &[&str]) -> Result<Output, Box<dyn StdError>> {
    Ok(Command::new(env!("CARGO_BIN_EXE_vote-app"))
        .args(args)
        .output()?)
}

#[test]
fn mistakes_are_told_in_one_line_and_exit_with_2() -> Result<(), Box<dyn StdError>> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("vote-app.toml");
    std::fs::write(&file, "title = \"x\"\nchoises = \"a=A,b=B\"\n")?;
    let file = file.to_str().ok_or("path")?;
    for (args, reason) in [
        (["--config", file], ":2: unknown field `choises`"),
        (
            ["--results-ttl", "soon"],
            "results-ttl = \"soon\" (from --results-ttl)",
        ),
        (["--redis-url", "localhost"], "redis://HOST:PORT"),
        (
            ["--redis-ca", "/nowhere/ca.pem"],
            "redis-ca = \"/nowhere/ca.pem\" (from --redis-ca): it cannot be read: No such file",
        ),
        (["--redis-replicas", "many"], "a whole number from 0 to"),
        (
            ["--ledger-url", "postgres://h/db?sslmod=require"],
            "sslmod in its query is not known",
        ),
        (["--listen", "8080"], "such as 127.0.0.1:8080"),
        (
            ["--admin-listen", "0.0.0.0:8090"],
            "(from --admin-listen): faults must not be reached from outside",
        ),
        (["--admin-listen", "127.0.0.1:0"], "with --admin-token-file"),
        (
            ["--trusted-proxies", "10.0.0.0/8, 10.0.0.0/33"],
            "(from --trusted-proxies): \"10.0.0.0/33\" is neither",
        ),
        (
            ["--forwarded-header", "x-real-ip"],
            "expected x-forwarded-for or forwarded",
        ),
        (
            ["--public-url", "vote.example"],
            "such as https://vote.example",
        ),
        (
            ["--shutdown-delay", "soon"],
            "expected a duration such as 0s",
        ),
    ] {
        let output = run(&args)?;
        let told = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.starts_with("vote-app: ") && told.contains(reason),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    Ok(())
}

#[test]
fn taken_addresses_and_an_unusable_ledger_exit_with_1() -> Result<(), Box<dyn StdError>> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let output = run(&["--listen", &address])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)?.contains(&address));

    let dir = tempfile::tempdir()?;
    let secret = dir.path().join("admin.token");
    std::fs::write(&secret, "0123456789abcdef")?;
    let output = Command::new(env!("CARGO_BIN_EXE_vote-app"))
        .args(["--listen", "127.0.0.1:0", "--admin-listen", &address])
        .arg("--admin-token-file")
        .arg(&secret)
        .output()?;
    let told = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&address) && told.contains("choose another address with --admin-listen"));

    let output = run(&[
        "--listen",
        "127.0.0.1:0",
        "--ledger-url",
        "sqlite:///nowhere/votes.db",
    ])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)?.contains("/nowhere/votes.db"));
    Ok(())
}
