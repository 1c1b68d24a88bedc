//! The reports of proofs, written to files.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use voteops_chaos::report::journal::Journal;
use voteops_chaos::report::{Proof, html, junit, markdown};
use voteops_chaos::verify::Progress;

use crate::Failure;
use crate::args::ReportArgs;
use crate::failure::USAGE;

/// Files that are open for reports. They are opened before anything is injected, so that a wrong
/// name is told at once.
#[derive(Debug)]
pub(super) struct Reports {
    html: Option<(PathBuf, File)>,
    markdown: Option<(PathBuf, File)>,
    junit: Option<(PathBuf, File)>,
    journal: Option<Journal<File>>,
}

impl Reports {
    /// # Errors
    /// [`Failure`] that names the file that cannot be written.
    pub(super) fn open(args: &ReportArgs) -> Result<Self, Failure> {
        let open = |path: &Option<_>| path.as_deref().map(create).transpose();
        Ok(Self {
            html: open(&args.html)?,
            markdown: open(&args.markdown)?,
            junit: open(&args.junit)?,
            journal: open(&args.journal)?.map(|(_, file)| Journal::new(file)),
        })
    }

    /// Takes what happens. A journal that cannot be written does not end an experiment.
    pub(super) fn progress(&mut self, alert: &str, progress: &Progress) {
        if let Some(journal) = &mut self.journal {
            let written = journal.progress(alert, progress);
            self.told(written);
        }
    }

    /// Takes the end of a proof.
    pub(super) fn end(&mut self, proof: &Proof) {
        if let Some(journal) = &mut self.journal {
            let outcome = proof.outcome.as_ref().map_err(String::as_str);
            let written = journal.end(&proof.alert, outcome);
            self.told(written);
        }
    }

    /// Tells once that the journal takes nothing more.
    fn told(&mut self, written: std::io::Result<()>) {
        if let Err(error) = written {
            eprintln!("voteops: the journal ends here: {error}");
            self.journal = None;
        }
    }

    /// Writes the reports that tell of all proofs.
    ///
    /// # Errors
    /// [`Failure`] when a file takes nothing more.
    pub(super) fn write(self, proofs: &[Proof]) -> Result<(), Failure> {
        write(self.html, || Ok(html(proofs)))?;
        write(self.markdown, || Ok(markdown(proofs)))?;
        write(self.junit, || Ok(junit(proofs)?))
    }
}

/// Creates a file for a report.
///
/// # Errors
/// [`Failure`] that names the file that cannot be written.
pub(super) fn create(path: &Path) -> Result<(PathBuf, File), Failure> {
    match File::create(path) {
        Ok(file) => Ok((path.to_owned(), file)),
        Err(error) => Err(Failure::new(USAGE, unwritten(path, &error))),
    }
}

/// Writes a report, if it is wanted.
///
/// # Errors
/// [`Failure`] when the file takes nothing more.
pub(super) fn write(
    to: Option<(PathBuf, File)>,
    text: impl FnOnce() -> Result<String, Failure>,
) -> Result<(), Failure> {
    let Some((path, mut file)) = to else {
        return Ok(());
    };
    let written = file.write_all(text()?.as_bytes());
    written.map_err(|error| Failure::new(1, unwritten(&path, &error)))
}

fn unwritten(path: &Path, error: &std::io::Error) -> String {
    format!(
        "{}: {error}; name a file that can be written",
        path.display()
    )
}
