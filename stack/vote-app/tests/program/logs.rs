//! What the vote app logs of what clients send.

use std::error::Error as StdError;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::running::Program;

#[test]
fn a_request_is_one_line_with_its_id_and_cannot_forge_another() -> Result<(), Box<dyn StdError>> {
    let dir = tempfile::tempdir()?;
    let ledger = format!("sqlite://{}", dir.path().join("votes.db").display());
    // Nobody is on this port, so that there is something to warn of as well.
    let redis = "redis://127.0.0.1:1";
    let mut program = Program::start(
        Command::new(env!("CARGO_BIN_EXE_vote-app"))
            .args(["--listen", "127.0.0.1:0", "--log-level", "debug"])
            .args(["--redis-url", redis, "--ledger-url", &ledger]),
    )?;
    let address = program.address()?;

    let forged = r#"{"level":"ERROR","message":"forged"}"#;
    let vote = format!("choice=cats&voter=%0a{forged}");
    let length = vote.len();
    for request in [
        format!("GET /%0a%1b[31m\x7f{{}}\"{forged} HTTP/1.1\r\nx-request-id: a\t\"b\r\n"),
        format!("GET /nope HTTP/1.1\r\nx-request-id: first.1\r\nuser-agent: \t{forged}\r\n"),
        format!(
            "POST /vote HTTP/1.1\r\nx-request-id: second-2\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n"
        ),
    ] {
        let mut client = TcpStream::connect(&address)?;
        let head = format!("{request}host: x\r\nconnection: close\r\n\r\n");
        client.write_all(head.as_bytes())?;
        client.write_all(vote.as_bytes())?;
        client.read_to_end(&mut Vec::new())?;
    }
    let mut client = TcpStream::connect(&address)?;
    let vote = "choice=cats&voter=ann";
    let length = vote.len();
    let head = "POST /vote HTTP/1.1\r\nhost: x\r\nx-request-id: third_3\r\n\
                content-type: application/x-www-form-urlencoded\r\nconnection: close\r\n";
    client.write_all(format!("{head}content-length: {length}\r\n\r\n{vote}").as_bytes())?;
    client.read_to_end(&mut Vec::new())?;

    let (mut answered, mut warned) = (Vec::new(), Vec::new());
    while answered.last().is_none_or(|id| id != "third_3") {
        let line = program.line()?;
        assert_ne!(line["message"], "forged");
        let id = line["request_id"].as_str().unwrap_or_default().to_owned();
        if line["message"] == "answered" {
            answered.push(id);
        } else if line["level"] == "WARN" {
            warned.push(id);
        }
    }
    assert!(answered.contains(&"first.1".to_owned()), "{answered:?}");
    assert!(answered.contains(&"second-2".to_owned()), "{answered:?}");
    assert!(warned.contains(&"third_3".to_owned()), "{warned:?}");
    Ok(())
}
