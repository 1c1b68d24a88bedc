//! Grafana's dashboards and alert rules, made from the signals, the objectives and the rules, so that
//! nothing is written twice. The committed files in `observability/grafana` are what [`files`] makes for
//! [`Setting::shipped`]; `cargo run -p voteops-observability --example provision` writes them.

mod alerting;
mod board;
mod boards;
mod catalogue;
mod expr;
mod groups;
mod limit;
mod links;
pub mod metrics;
mod panel;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};
use url::Url;

use crate::rules::RuleError;
use crate::signals::{self, SignalError};
use crate::slo::{self, SloError};
use boards::Makings;
use catalogue::Catalogue;

/// Where Grafana finds the dashboards in its container.
const DASHBOARDS: &str = "/etc/grafana/dashboards";

/// What a Grafana is provisioned for.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// By how much every duration is divided.
    pub time_scale: f64,
    /// Whether there is a Loki; without one, nothing asks it.
    pub logs: bool,
    /// The directory of the dashboards, as Grafana sees it.
    pub dashboards: String,
    /// The receiver that notifications go to, instead of that of containers.
    pub receiver: Option<Url>,
    /// Who notifies, `prometheus` or `grafana`; without one, `VOTEOPS_PAGED_BY` says so when Grafana starts.
    pub paged_by: Option<String>,
}

impl Setting {
    /// That of the containers.
    #[must_use]
    pub fn shipped() -> Self {
        Self {
            time_scale: 1.0,
            logs: true,
            dashboards: DASHBOARDS.to_owned(),
            receiver: None,
            paged_by: None,
        }
    }
}

/// A file that Grafana reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path below `observability/grafana`, or whatever holds `provisioning` and `dashboards`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A dashboard.
#[derive(Debug, Clone, PartialEq)]
pub struct Dashboard {
    /// Its identity.
    pub uid: &'static str,
    /// As Grafana reads it.
    pub json: Value,
    /// Everything that its panels ask.
    pub queries: Vec<Query>,
    /// Names of alerts, with the id of the panel that shows what each compares.
    alerts: Vec<(String, u64)>,
}

/// What a panel asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The panel's title.
    pub panel: String,
    /// How its series are called.
    pub legend: String,
    /// PromQL, or LogQL, with Grafana's variables in it.
    pub expr: String,
    /// Whether it is LogQL.
    pub loki: bool,
}

impl Query {
    /// The query with every instance chosen, and with rates over `window`.
    #[must_use]
    pub fn asked(&self, window: &str) -> String {
        self.expr
            .replace(expr::RATE_WINDOW, window)
            .replace("$instance", ".*")
    }
}

/// Why nothing can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProvisionError {
    /// The signals cannot be read.
    #[error(transparent)]
    Signals(#[from] SignalError),
    /// The objectives cannot be read.
    #[error(transparent)]
    Slos(#[from] SloError),
    /// A rule file cannot be scaled.
    #[error(transparent)]
    Scale(#[from] RuleError),
    /// A rule file cannot be read.
    #[error("rule file {file}: {reason}")]
    Rules {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The texts cannot be read.
    #[error("provision/catalogue.toml: {0}")]
    Catalogue(String),
    /// Something is there that nothing is said of.
    #[error("provision/catalogue.toml has no text for {0}: add one")]
    NoText(String),
    /// A signal that a dashboard shows is gone.
    #[error("there is no signal {0}, which the overview's pipeline shows")]
    NoSignal(String),
    /// An objective's expression is not PromQL.
    #[error("objective {id}: {reason}")]
    Slo {
        /// The objective's identity.
        id: String,
        /// The parser's message.
        reason: String,
    },
    /// A panel's expression is not PromQL.
    #[error("panel {title:?}: {reason}")]
    Panel {
        /// The panel's title.
        title: String,
        /// The parser's message.
        reason: String,
    },
    /// A rule cannot be said in Grafana's terms.
    #[error("alert {alert}, annotation {annotation}: {reason}")]
    Template {
        /// The alert's name.
        alert: String,
        /// The annotation's name.
        annotation: String,
        /// Why not.
        reason: String,
    },
    /// Alertmanager's configuration lacks what notifications are made from.
    #[error("alertmanager.yml: {0}")]
    Alertmanager(String),
    /// A file cannot be written as text.
    #[error("{path}: {reason}")]
    Write {
        /// The file.
        path: String,
        /// The writer's message.
        reason: String,
    },
}

/// Every dashboard, the overview first.
///
/// # Errors
/// [`ProvisionError`]; the project's tests hold that the shipped sources can be used.
pub fn dashboards(setting: &Setting) -> Result<Vec<Dashboard>, ProvisionError> {
    boards::all(&makings(setting)?)
}

/// Every file that Grafana reads but its data sources, which [`crate::config`] fits.
///
/// # Errors
/// [`ProvisionError`]; the project's tests hold that the shipped sources can be used.
pub fn files(setting: &Setting) -> Result<Vec<File>, ProvisionError> {
    let makings = makings(setting)?;
    let dashboards = boards::all(&makings)?;
    let mut files = vec![
        provider(setting)?,
        alerting::rules(&makings.groups, &dashboards)?,
        alerting::notifications(setting)?,
    ];
    for dashboard in &dashboards {
        let path = format!("dashboards/{}.json", dashboard.uid);
        let text = serde_json::to_string_pretty(&dashboard.json);
        let text = text.map_err(|error| ProvisionError::Write {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        files.push(File {
            path,
            text: text + "\n",
        });
    }
    Ok(files)
}

fn makings(setting: &Setting) -> Result<Makings, ProvisionError> {
    Ok(Makings {
        setting: setting.clone(),
        signals: signals::shipped(setting.time_scale)?,
        slos: slo::shipped(setting.time_scale)?,
        groups: groups::shipped(setting.time_scale)?,
        catalogue: Catalogue::shipped(setting.time_scale)?,
    })
}

/// Tells Grafana where the dashboards are. Its folder is found by its name, as that of the alert rules is: with
/// a uid here, whichever of the two comes second would make another.
fn provider(setting: &Setting) -> Result<File, ProvisionError> {
    yaml(
        "provisioning/dashboards/voteops.yml",
        "",
        &json!({
            "apiVersion": 1,
            "providers": [{
                "name": "voteops",
                "orgId": 1,
                "folder": alerting::FOLDER,
                "type": "file",
                "disableDeletion": true,
                "allowUiUpdates": false,
                "updateIntervalSeconds": 30,
                "options": { "path": setting.dashboards, "foldersFromFilesStructure": false },
            }],
        }),
    )
}

/// A file in YAML, with a heading that says where it comes from.
fn yaml(path: &str, comment: &str, content: &Value) -> Result<File, ProvisionError> {
    let text = serde_norway::to_string(content).map_err(|error| ProvisionError::Write {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(File {
        path: path.to_owned(),
        text: format!("{MADE}{comment}{}", quoted(&text)),
    })
}

/// Quotes what YAML 1.1, which older readers follow, takes for something else than text: times of the day and `=`.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for line in text.lines() {
        let value = line.rfind(' ').map_or(0, |space| space + 1);
        let (head, last) = line.split_at(value);
        let is_time = last.len() == 5
            && last.chars().enumerate().all(|(at, c)| {
                if at == 2 {
                    c == ':'
                } else {
                    c.is_ascii_digit()
                }
            });
        if is_time || last == "=" {
            quoted.extend([format!("{head}'{last}'\n")]);
        } else {
            quoted.extend([format!("{line}\n")]);
        }
    }
    quoted
}

/// The heading of files that are made.
const MADE: &str = "# Made by `cargo run -p voteops-observability --example provision`: change what it is made from.\n";
