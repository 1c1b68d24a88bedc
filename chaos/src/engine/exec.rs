//! A program that is run in a container, and what it says.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures::TryStreamExt;

use super::client::{Client, within};
use super::{ContainerId, EngineError};

/// How long a program may take to its end: it has to be started first, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(7);
/// Bytes that are kept of each of its outputs.
const MOST_BYTES: usize = 64 << 10;

/// What a program in a container said until its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Its exit code.
    pub(crate) code: i64,
    /// The beginning of what it wrote to standard output, up to 64 KiB.
    pub(crate) output: Vec<u8>,
    /// The same of standard error.
    pub(crate) complaint: String,
}

impl Client {
    /// Runs a program in the container, as the container's own user and with its environment, to its
    /// end.
    ///
    /// # Errors
    /// [`EngineError::Unfinished`] when that does not come in time: the program may be going on.
    pub(crate) async fn run(
        &self,
        container: &ContainerId,
        command: Vec<String>,
    ) -> Result<Ran, EngineError> {
        let config = ExecConfig {
            cmd: Some(command),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let running = async {
            let exec = self.docker().create_exec(&container.id, config).await?;
            let started = self.docker().start_exec(&exec.id, None).await?;
            let (mut output, mut complaint) = (Vec::new(), Vec::new());
            if let StartExecResults::Attached {
                output: mut told, ..
            } = started
            {
                while let Some(part) = told.try_next().await? {
                    match part {
                        LogOutput::StdErr { message } => keep(&mut complaint, &message),
                        other => keep(&mut output, &other.into_bytes()),
                    }
                }
            }
            let ended = self.docker().inspect_exec(&exec.id).await?;
            Ok(Ran {
                code: ended.exit_code.unwrap_or(-1),
                output,
                complaint: String::from_utf8_lossy(&complaint).trim().to_owned(),
            })
        };
        let unfinished = || EngineError::Unfinished {
            container: container.to_string(),
            patience_s: PATIENCE.as_secs_f64(),
        };
        within(PATIENCE, unfinished, self.address(), running).await
    }
}

/// Adds as much of `more` as there is room for.
fn keep(kept: &mut Vec<u8>, more: &[u8]) {
    let room = MOST_BYTES.saturating_sub(kept.len());
    kept.extend(&more[..more.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut kept = Vec::new();
        keep(&mut kept, b"status");
        for _ in 0..3 {
            keep(&mut kept, &vec![b'x'; MOST_BYTES]);
        }
        assert_eq!(kept.len(), MOST_BYTES);
        assert!(kept.starts_with(b"statusx"));
    }
}
