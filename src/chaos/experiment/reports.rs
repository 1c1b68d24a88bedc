//! The reports of an experiment, written to files.

use std::fs::File;
use std::path::PathBuf;

use voteops_chaos::experiments::Progress;
use voteops_chaos::experiments::tell::{Finding, Journal, html, junit, markdown};

use super::super::reports::{create, write};
use crate::Failure;
use crate::args::ReportArgs;

/// Files that are open for reports. They are opened before anything is touched, so that a wrong name
/// is told at once.
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
        let open = |path: &Option<PathBuf>| path.as_deref().map(create).transpose();
        Ok(Self {
            html: open(&args.html)?,
            markdown: open(&args.markdown)?,
            junit: open(&args.junit)?,
            journal: open(&args.journal)?.map(|(_, file)| Journal::new(file)),
        })
    }

    /// Takes what happens. A journal that cannot be written does not end an experiment.
    pub(super) fn progress(&mut self, progress: &Progress) {
        if let Some(journal) = &mut self.journal {
            let written = journal.progress(progress);
            self.told(written);
        }
    }

    /// Writes the end of the journal, and the reports that tell of the whole.
    ///
    /// # Errors
    /// [`Failure`] when a file takes nothing more.
    pub(super) fn write(mut self, finding: &Finding) -> Result<(), Failure> {
        if let Some(journal) = &mut self.journal {
            let written = journal.end(finding);
            self.told(written);
        }
        write(self.html, || Ok(html(finding)))?;
        write(self.markdown, || Ok(markdown(finding)))?;
        write(self.junit, || Ok(junit(finding)?))
    }

    /// Tells once that the journal takes nothing more.
    fn told(&mut self, written: std::io::Result<()>) {
        if let Err(error) = written {
            eprintln!("voteops: the journal ends here: {error}");
            self.journal = None;
        }
    }
}
