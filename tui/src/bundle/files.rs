//! A bundle's files.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use voteops_observability::logs::LogLine;

use super::{Bundle, BundleError, Chart, Known, Line, VERSION};

impl Bundle {
    /// Writes the bundle and its texts (name and content) into a directory that is made for it.
    pub(super) fn write(
        &self,
        dir: &Path,
        texts: &[(String, String)],
    ) -> Result<Vec<PathBuf>, BundleError> {
        fs::create_dir(dir).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => BundleError::InTheWay { dir: dir.into() },
            _ => BundleError::File {
                file: dir.into(),
                error,
            },
        })?;
        let charts = self.charts.iter();
        let charts: Vec<_> = charts
            .map(|(expr, charted)| Chart::of(expr, charted))
            .collect();
        let mut written = vec![
            put(dir, "bundle.json", &json(&self.known))?,
            put(dir, "charts.json", &json(&charts))?,
            put(dir, "logs.jsonl", &self.lines())?,
        ];
        for (name, text) in texts {
            written.push(put(dir, name, text)?);
        }
        Ok(written)
    }

    fn lines(&self) -> String {
        let mut text = String::new();
        for line in &self.logs {
            let at = Timestamp::from_nanosecond(line.at_ns.into());
            let line = Line {
                at: at.unwrap_or(Timestamp::MIN),
                labels: line.labels.as_ref().clone(),
                text: line.text.clone(),
            };
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
        text
    }

    /// Reads a bundle from its directory.
    ///
    /// # Errors
    /// [`BundleError`] that names the file.
    pub fn read(dir: &Path) -> Result<Self, BundleError> {
        let file = dir.join("bundle.json");
        let form: Form = get(&file)?;
        if form.version != VERSION {
            let found = form.version;
            return Err(BundleError::Version { file, found });
        }
        let mut known: Known = get(&file)?;
        for slo in &mut known.slos {
            slo.time_scale = known.time_scale;
        }
        let charts: Vec<Chart> = get(&dir.join("charts.json"))?;
        let charts = charts
            .into_iter()
            .map(|chart| chart.charted(known.taken_at));
        Ok(Self {
            charts: charts.collect(),
            logs: lines(&dir.join("logs.jsonl"))?,
            known,
        })
    }
}

/// Of any version this much can be read.
#[derive(serde::Deserialize)]
struct Form {
    version: u32,
}

fn json<T: Serialize>(value: &T) -> String {
    // Strings are the only keys, so that nothing can fail.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn put(dir: &Path, name: &str, text: &str) -> Result<PathBuf, BundleError> {
    let file = dir.join(name);
    let written = File::create_new(&file).and_then(|mut open| {
        open.write_all(text.as_bytes())?;
        open.sync_all()
    });
    match written {
        Ok(()) => Ok(file),
        Err(error) => Err(BundleError::File { file, error }),
    }
}

fn get<T: DeserializeOwned>(file: &Path) -> Result<T, BundleError> {
    let text = fs::read(file).map_err(|error| BundleError::File {
        file: file.into(),
        error,
    })?;
    serde_json::from_slice(&text).map_err(|error| BundleError::Garbage {
        file: file.into(),
        reason: error.to_string(),
    })
}

fn lines(file: &Path) -> Result<Vec<LogLine>, BundleError> {
    let failed = |error| BundleError::File {
        file: file.into(),
        error,
    };
    let reader = BufReader::new(File::open(file).map_err(failed)?);
    let mut lines = Vec::new();
    for (number, text) in reader.lines().enumerate() {
        let line: Line =
            serde_json::from_str(&text.map_err(failed)?).map_err(|error| BundleError::Garbage {
                file: file.into(),
                reason: format!("line {}: {error}", number + 1),
            })?;
        let at_ns = i64::try_from(line.at.as_nanosecond()).unwrap_or(i64::MAX);
        lines.push(LogLine::new(at_ns, Arc::new(line.labels), line.text));
    }
    Ok(lines)
}
