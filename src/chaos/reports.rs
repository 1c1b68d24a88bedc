//! The reports of proofs, written to files.

use std::fs::File;
use std::io::Write;
use std::path::Path;

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
    html: Option<File>,
    markdown: Option<File>,
    junit: Option<File>,
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
            journal: open(&args.journal)?.map(Journal::new),
        })
    }

    /// Takes what happens. A journal that cannot be written does not end an experiment.
    pub(super) fn progress(&mut self, alert: &str, progress: &Progress) {
        if let Some(journal) = &mut self.journal {
            let _ = journal.progress(alert, progress);
        }
    }

    /// Takes the end of a proof.
    pub(super) fn end(&mut self, proof: &Proof) {
        if let Some(journal) = &mut self.journal {
            let outcome = proof.outcome.as_ref().map_err(String::as_str);
            let _ = journal.end(&proof.alert, outcome);
        }
    }

    /// Writes the reports that tell of all proofs.
    ///
    /// # Errors
    /// [`Failure`] when a file takes nothing more.
    pub(super) fn write(self, proofs: &[Proof]) -> Result<(), Failure> {
        if let Some(mut file) = self.html {
            file.write_all(html(proofs).as_bytes())?;
        }
        if let Some(mut file) = self.markdown {
            file.write_all(markdown(proofs).as_bytes())?;
        }
        if let Some(mut file) = self.junit {
            file.write_all(junit(proofs)?.as_bytes())?;
        }
        Ok(())
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| {
        let told = format!(
            "{}: {error}; name a file that can be written",
            path.display()
        );
        Failure::new(USAGE, told)
    })
}
