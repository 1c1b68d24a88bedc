//! A process of the stack: what it is, and how it is.

use serde::{Deserialize, Serialize};

/// What a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Takes votes over HTTP.
    VoteApp,
    /// Drains the queue into the ledger.
    Worker,
    /// The queue and the results cache.
    Redis,
    /// Redis's metrics.
    RedisExporter,
    /// Metrics and alert rules.
    Prometheus,
    /// Notifications.
    Alertmanager,
    /// The receiver of notifications, inside the supervisor.
    Webhook,
    /// Background voters.
    Voters,
    /// Logs.
    Loki,
    /// Ships log files to Loki: Promtail, or Alloy with the same file.
    Promtail,
    /// Dashboards.
    Grafana,
}

/// How a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was started and does not serve yet.
    Starting,
    /// It serves.
    Healthy,
    /// It runs and does not answer.
    Unhealthy,
    /// It died and will be started again.
    Backoff,
    /// It was stopped.
    Stopped,
}

impl State {
    /// The mark of the state: never colour alone.
    #[must_use]
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Starting => "◌",
            Self::Healthy => "●",
            Self::Unhealthy => "▲",
            Self::Backoff => "✖",
            Self::Stopped => "○",
        }
    }

    /// The state in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Backoff => "died",
            Self::Stopped => "stopped",
        }
    }
}

/// A component in `stack.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its name, unique in the stack.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its process; `None` while it does not run.
    pub pid: Option<u32>,
    /// When the process was started, in clock ticks since boot (proc(5), field 22 of
    /// `/proc/PID/stat`): with the pid it identifies the process.
    pub start_ticks: Option<u64>,
    /// Where it listens.
    pub url: Option<String>,
    /// Where it takes faults, for whoever has the stack's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_url: Option<String>,
    /// Its log file.
    pub log: Option<String>,
    /// How it is.
    pub state: State,
    /// How often it was started again after it died.
    pub restarts: u32,
}
