//! What the vote app logs of what clients send.

use std::error::Error as StdError;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use crate::running::Program;

/// A vote app whose Redis is away, so that there is something to tell.
struct Running {
    program: Program,
    address: String,
    _dir: TempDir,
}

impl Running {
    fn start(log_level: &str) -> Result<Self, Box<dyn StdError>> {
        let dir = tempfile::tempdir()?;
        let ledger = format!("sqlite://{}", dir.path().join("votes.db").display());
        // Nobody is on this port.
        let redis = "redis://127.0.0.1:1";
        let mut program = Program::start(
            Command::new(env!("CARGO_BIN_EXE_vote-app"))
                .args(["--listen", "127.0.0.1:0", "--log-level", log_level])
                .args(["--redis-url", redis, "--ledger-url", &ledger]),
        )?;
        let address = program.address()?;
        Ok(Self {
            program,
            address,
            _dir: dir,
        })
    }

    /// Sends a request, whose head is to be ended, and waits for the answer.
    fn send(&self, head: &str, body: &str) -> Result<(), Box<dyn StdError>> {
        let mut client = TcpStream::connect(&self.address)?;
        let head = format!("{head}host: x\r\nconnection: close\r\n\r\n");
        client.write_all(head.as_bytes())?;
        client.write_all(body.as_bytes())?;
        client.read_to_end(&mut Vec::new())?;
        Ok(())
    }

    /// Sends a vote from a form.
    fn vote(&self, request_id: &str, vote: &str) -> Result<(), Box<dyn StdError>> {
        let length = vote.len();
        let head = format!(
            "POST /vote HTTP/1.1\r\nx-request-id: {request_id}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n"
        );
        self.send(&head, vote)
    }
}

#[test]
fn a_request_is_one_line_with_its_id_and_cannot_forge_another() -> Result<(), Box<dyn StdError>> {
    let mut running = Running::start("debug")?;
    let forged = r#"{"level":"ERROR","message":"forged"}"#;
    for head in [
        format!("GET /%0a%1b[31m\x7f{{}}\"{forged} HTTP/1.1\r\nx-request-id: a\t\"b\r\n"),
        format!("GET /nope HTTP/1.1\r\nx-request-id: first.1\r\nuser-agent: \t{forged}\r\n"),
    ] {
        running.send(&head, "")?;
    }
    running.vote("second-2", &format!("choice=cats&voter=%0a{forged}"))?;
    running.vote("third_3", "choice=cats&voter=ann")?;

    let (mut answered, mut warned) = (Vec::new(), Vec::new());
    while answered.last().is_none_or(|id| id != "third_3") {
        let line = running.program.line()?;
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

/// Also the second one in a second, of which there is no warning.
#[test]
fn what_a_voter_reads_as_the_reference_is_in_the_log() -> Result<(), Box<dyn StdError>> {
    let mut running = Running::start("info")?;
    let json = "POST /vote HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 1\r\n";
    running.send(&format!("{json}x-request-id: program\r\n"), "{")?;
    running.vote("first", "choice=cats&voter=ann")?;
    running.vote("second", "choice=cats&voter=ann")?;
    running.vote("mistake", "choice=cows&voter=ann")?;
    let nothing = "GET /nope HTTP/1.1\r\nx-request-id: nothing\r\naccept: text/html\r\n";
    running.send(nothing, "")?;
    // What was answered is written; the log ends after it.
    running.program.kill()?;
    for (id, reason, status) in [
        ("first", "queue_away", 503),
        ("second", "queue_away", 503),
        ("mistake", "unknown_choice", 422),
        ("nothing", "not_found", 404),
    ] {
        let line = loop {
            let line = running.program.line()?;
            if line["message"] == "refused" {
                break line;
            }
        };
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["request_id"], id);
        assert_eq!(
            (&line["reason"], &line["status"]),
            (&reason.into(), &status.into())
        );
        assert_eq!(line["held_back"], 0);
    }
    Ok(())
}
