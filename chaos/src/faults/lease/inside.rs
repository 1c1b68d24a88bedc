//! A service in a container, asked through a program that is run there: its listener is on the container's
//! own loopback, and the token that opens it stays in the container. Who may do so may pause it as well.

use reqwest::StatusCode;

use super::client::{AdminError, Request, repeated};
use crate::engine::{self, Client, ContainerId, EngineError, Life, Ran};

/// What asks, in the container. It knows the listener and its token by the service's own environment.
const ASK: [&str; 3] = ["voteops", "internal", "ask"];

/// A service in a container.
#[derive(Debug, Clone)]
pub(super) struct Inside {
    engine: Client,
    container: ContainerId,
}

impl Inside {
    /// The service in this life of a container.
    ///
    /// # Errors
    /// [`AdminError::Engine`] when its engine cannot be asked.
    pub(super) async fn open(container: &ContainerId) -> Result<Self, AdminError> {
        let address = engine::Address::from(container.engine.as_str());
        Ok(Self {
            engine: Client::open(&address).await?,
            container: container.clone(),
        })
    }

    /// What it is called in messages.
    pub(super) fn told(&self) -> String {
        self.container.to_string()
    }

    /// Sees that it is in the same life still.
    ///
    /// # Errors
    /// [`AdminError::Gone`], [`AdminError::Engine`].
    pub(super) async fn still_same(&self) -> Result<(), AdminError> {
        match self.engine.life(&self.container).await? {
            Life::Running | Life::Paused => Ok(()),
            Life::Ended | Life::Restarted | Life::Gone => Err(AdminError::Gone),
        }
    }

    /// The status and the body that the listener answers.
    ///
    /// # Errors
    /// [`AdminError::Gone`], [`AdminError::Engine`], [`AdminError::Inside`].
    pub(super) async fn ask(&self, request: Request) -> Result<(StatusCode, Vec<u8>), AdminError> {
        let words = match request {
            Request::Get => vec!["get".to_owned()],
            Request::Put { kind, body } => vec!["put".to_owned(), kind, body.to_string()],
            Request::Delete { path } => vec!["delete".to_owned(), path],
        };
        let command = ASK.map(str::to_owned).into_iter().chain(words).collect();
        let ran = match self.engine.run(&self.container, command).await {
            Err(EngineError::NoContainer) => return Err(AdminError::Gone),
            ran => ran?,
        };
        let failed = |words: String| AdminError::Inside {
            container: self.told(),
            words,
        };
        if ran.code != 0 {
            return Err(failed(complaint(&ran)));
        }
        answer(&ran.output).ok_or_else(|| {
            let words = "its voteops does not answer as this one expects; use one version in both";
            failed(words.to_owned())
        })
    }
}

/// Why a program failed.
fn complaint(ran: &Ran) -> String {
    // An engine writes to standard output why it could not run a program.
    let output = String::from_utf8_lossy(&ran.output);
    let complaint = [ran.complaint.as_str(), output.trim()].concat();
    match complaint.trim_start_matches("voteops: ") {
        "" => format!("what asks it ended with {}", ran.code),
        words => repeated(words),
    }
}

/// The status, on a line of its own, and the body.
fn answer(output: &[u8]) -> Option<(StatusCode, Vec<u8>)> {
    let end = output.iter().position(|byte| *byte == b'\n')?;
    let status = StatusCode::from_bytes(&output[..end]).ok()?;
    Some((status, output[end + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_short_and_safe_for_a_terminal() {
        let ran = |complaint: String, output: &[u8]| Ran {
            code: 127,
            output: output.to_vec(),
            complaint,
        };
        let told = complaint(&ran("voteops: \u{1b}[2Jgone".to_owned(), b""));
        assert_eq!(told, "\u{fffd}[2Jgone");
        let told = complaint(&ran(String::new(), b"OCI runtime exec failed\n"));
        assert_eq!(told, "OCI runtime exec failed");
        let told = complaint(&ran("x".repeat(10_000), b"y"));
        assert!(told.len() < 1_000, "{}", told.len());
        let told = complaint(&ran(String::new(), b"\n"));
        assert_eq!(told, "what asks it ended with 127");
    }

    #[test]
    fn an_answer_is_a_status_and_a_body_of_any_lines() {
        let (status, body) = answer(b"200\n{\n}\n").unwrap();
        assert_eq!((status.as_u16(), &body[..]), (200, &b"{\n}\n"[..]));
        assert!(answer(b"").is_none());
        assert!(answer(b"usage: ask\n").is_none());
    }
}
