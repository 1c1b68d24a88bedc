//! A program that runs.

use std::io::{BufRead, BufReader, Error, Lines, Result};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A program that ends with the test.
pub(crate) struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take();
        let output = output.ok_or_else(|| Error::other("the program's output"))?;
        let lines = BufReader::new(output).lines();
        Ok(Self { child, lines })
    }

    /// The next line of the log.
    pub(crate) fn line(&mut self) -> Result<Value> {
        let line = self.lines.next();
        let line = line.ok_or_else(|| Error::other("the log ended"))??;
        serde_json::from_str(&line).map_err(|error| Error::other(format!("{line}: {error}")))
    }

    /// The next line of the log that has this field.
    pub(crate) fn line_with(&mut self, field: &str) -> Result<Value> {
        loop {
            let line = self.line()?;
            if line.get(field).is_some() {
                return Ok(line);
            }
        }
    }

    /// Lets it open files by other limits, as `prlimit` takes them.
    pub(crate) fn limit_files(&self, limits: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let limits = format!("--nofile={limits}");
        let status = Command::new("prlimit")
            .args(["--pid", &pid, &limits])
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::other("prlimit could not limit the program's files"))
        }
    }

    /// Ends it; what it has written can still be read.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()
    }

    /// Where it listens.
    pub(crate) fn address(&mut self) -> Result<String> {
        let line = self.line_with("address")?;
        Ok(line["address"].as_str().unwrap_or_default().to_owned())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
