//! The configuration file: contexts, each a service with its backends, and what the console
//! looks like.

mod command;
mod file;
mod values;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use voteops_console::{Keys, Look};
use voteops_observability::promql;

use crate::Failure;
use crate::failure::USAGE;

pub(crate) use command::run;
pub(crate) use file::{Chaos, Context, File};

/// A configuration that was read, or that of nobody.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Where it is, whether or not it is there.
    pub(crate) path: PathBuf,
    /// Whether it is there.
    pub(crate) found: bool,
    /// What it says.
    pub(crate) file: File,
}

/// The example that `voteops config init` writes.
const EXAMPLE: &str = include_str!("example.toml");

impl Config {
    /// Reads `path`, which has to be there, or `config.toml` in the user's configuration
    /// directory, which need not.
    ///
    /// # Errors
    /// [`Failure`] that names the file, and for what is wrong in it the line.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(at) = path.map_or_else(usual, |path| Some(path.into())) else {
            return Ok(Self::default());
        };
        let text = match std::fs::read_to_string(&at) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self {
                    path: at,
                    ..Self::default()
                });
            }
            Err(error) => {
                let told = format!(
                    "{}: {error}; `voteops config init` writes an example",
                    at.display()
                );
                return Err(Failure::new(USAGE, told));
            }
        };
        let file = File::parse(&text, &at).map_err(|reason| {
            let told = format!(
                "{}: {reason}; `voteops config check` tells all that is wrong",
                at.display()
            );
            Failure::new(USAGE, told)
        })?;
        Ok(Self {
            path: at,
            found: true,
            file,
        })
    }

    /// The context of a name.
    ///
    /// # Errors
    /// [`Failure`] that tells the names there are.
    pub(crate) fn context(&self, name: &str) -> Result<&Context, Failure> {
        self.file.contexts.get(name).ok_or_else(|| {
            let path = self.path.display();
            let names: Vec<_> = self.file.contexts.keys().map(String::as_str).collect();
            let told = if names.is_empty() {
                format!("--context {name}: {path} has no contexts; `voteops config init` writes an example")
            } else {
                format!("--context {name}: {path} has no such context, only {}", names.join(", "))
            };
            Failure::new(USAGE, told)
        })
    }

    /// The console's keys.
    ///
    /// # Errors
    /// [`Failure`] that names the file and the first thing that is wrong with them.
    pub(crate) fn keys(&self) -> Result<Keys, Failure> {
        Keys::parse(&self.file.console.keys).map_err(|wrong| {
            let path = self.path.display();
            let first = wrong.first().map_or("", String::as_str);
            let told = format!(
                "{path}: console.keys: {first}; `voteops config check` tells all that is wrong"
            );
            Failure::new(USAGE, told)
        })
    }

    /// All that is wrong beyond the form, one line each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.holds_secrets() && self.is_open() {
            problems.push(format!(
                "others may read {0}, which holds secrets: chmod 600 {0}",
                self.path.display()
            ));
        }
        if let Some(default) = &self.file.default
            && !self.file.contexts.contains_key(default)
        {
            problems.push(format!("default: there is no context {default:?}"));
        }
        if let Some(theme) = &self.file.console.theme
            && !Look::THEMES.contains(&theme.as_str())
        {
            let names = Look::THEMES.join(", ");
            problems.push(format!("console.theme: {theme:?} is none of {names}"));
        }
        if let Some(lang) = &self.file.console.lang
            && !Look::LANGS.contains(&lang.as_str())
        {
            let names = Look::LANGS.join(", ");
            problems.push(format!("console.lang: {lang:?} is none of {names}"));
        }
        if let Err(wrong) = Keys::parse(&self.file.console.keys) {
            let wrong = wrong.into_iter();
            problems.extend(wrong.map(|told| format!("console.keys: {told}")));
        }
        for (name, context) in &self.file.contexts {
            let found = context.problems();
            problems.extend(
                found
                    .into_iter()
                    .map(|told| format!("contexts.{name}.{told}")),
            );
            for signal in &context.signals {
                if let Err(reason) = promql::condition(&signal.expr) {
                    let id = &signal.id;
                    problems.push(format!("contexts.{name}.signals {id}: {reason}"));
                }
            }
        }
        problems
    }

    fn holds_secrets(&self) -> bool {
        self.file.contexts.values().any(Context::holds_secrets)
    }

    fn is_open(&self) -> bool {
        let metadata = std::fs::metadata(&self.path);
        metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    }

    /// The names of the contexts.
    pub(crate) fn names(&self) -> BTreeMap<&str, &Context> {
        let contexts = self.file.contexts.iter();
        contexts
            .map(|(name, context)| (name.as_str(), context))
            .collect()
    }
}

fn usual() -> Option<PathBuf> {
    Some(
        voteops_local::data_dir::config_dir()
            .ok()?
            .join("config.toml"),
    )
}

#[cfg(test)]
mod tests;
