//! A program that is run in a container, and what it says.

use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures::TryStreamExt;

use super::client::{Client, timely};
use super::{ContainerId, EngineError};

/// What a program in a container said until its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Its exit code.
    pub(crate) code: i64,
    /// What it wrote to standard output.
    pub(crate) output: Vec<u8>,
    /// What it wrote to standard error.
    pub(crate) complaint: String,
}

impl Client {
    /// Runs a program in the container, as the container's own user and with its environment, to its
    /// end. What it writes has to fit in memory.
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
            if let StartExecResults::Attached { output: told, .. } = started {
                let told: Vec<LogOutput> = told.try_collect().await?;
                for part in told {
                    match part {
                        LogOutput::StdErr { message } => complaint.extend(message),
                        other => output.extend(other.into_bytes()),
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
        timely(self.address(), running).await
    }
}
