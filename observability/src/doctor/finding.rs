//! What a check found.

use serde::Serialize;

/// How good what was found is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It does not apply here.
    Skipped,
    /// It works, and will not for ever or not for everybody.
    Warning,
    /// It could not be found out.
    Unknown,
    /// It does not work.
    Failed,
}

impl Verdict {
    /// The mark of the verdict: never colour alone.
    #[must_use]
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Ok => "✔",
            Self::Skipped => "○",
            Self::Warning => "▲",
            Self::Unknown => "◌",
            Self::Failed => "✖",
        }
    }

    /// The verdict in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

/// Something that is checked. The order is the one in which findings are told: what others depend on
/// comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Whether there is a stack on this machine, and what keeps it from starting when there is none.
    Stack,
    /// The processes of the stack.
    Processes,
    /// Whether Prometheus is ready.
    Prometheus,
    /// Whether Alertmanager is ready.
    Alertmanager,
    /// Whether Loki is ready.
    Loki,
    /// Whether Grafana is ready.
    Grafana,
    /// Whether the receiver of notifications is ready.
    Receiver,
    /// Whether all that should be scraped is.
    Targets,
    /// Whether the servers run the configuration that they were last given.
    Configuration,
    /// Whether the rules in force are those that are shipped, and can be evaluated.
    Rules,
    /// Whether every metric that rules and signals read is exported.
    Metrics,
    /// Whether the services reach what they depend on.
    Services,
    /// Whether all clocks agree.
    Clocks,
    /// Whether log lines arrive.
    Logs,
    /// Whether an alert would reach somebody.
    AlertRoute,
    /// Whether Prometheus keeps what it scrapes.
    Storage,
    /// Whether there is room where the stack writes.
    Disk,
    /// Whether faults are in force or were left behind.
    Faults,
    /// Whether the secrets of `docker-compose.yml` are there.
    Secrets,
    /// Whether the usual ports are free before a stack is started.
    Ports,
}

impl Check {
    /// Its name, as JSON has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Processes => "processes",
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
            Self::Loki => "loki",
            Self::Grafana => "grafana",
            Self::Receiver => "receiver",
            Self::Targets => "targets",
            Self::Configuration => "configuration",
            Self::Rules => "rules",
            Self::Metrics => "metrics",
            Self::Services => "services",
            Self::Clocks => "clocks",
            Self::Logs => "logs",
            Self::AlertRoute => "alert-route",
            Self::Storage => "storage",
            Self::Disk => "disk",
            Self::Faults => "faults",
            Self::Secrets => "secrets",
            Self::Ports => "ports",
        }
    }
}

/// What a check found: one line, and on trouble the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// How good it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it, a command where there is one.
    pub way_out: Option<String>,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn ok(check: Check, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, found, None)
    }

    /// There is nothing to check here, and why.
    #[must_use]
    pub fn skipped(check: Check, why: impl Into<String>) -> Self {
        Self::new(check, Verdict::Skipped, why, None)
    }

    /// It could not be found out, and why.
    #[must_use]
    pub fn unknown(check: Check, why: impl Into<String>) -> Self {
        Self::new(check, Verdict::Unknown, why, None)
    }

    /// It works, and will not for ever or not for everybody.
    #[must_use]
    pub fn warning(check: Check, found: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, found, Some(way_out.into()))
    }

    /// It does not work.
    #[must_use]
    pub fn failed(check: Check, found: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self::new(check, Verdict::Failed, found, Some(way_out.into()))
    }

    /// The same with a way out, where what could not be found out can be made known.
    #[must_use]
    pub fn or(self, way_out: impl Into<String>) -> Self {
        Self {
            way_out: Some(way_out.into()),
            ..self
        }
    }

    fn new(
        check: Check,
        verdict: Verdict,
        found: impl Into<String>,
        way_out: Option<String>,
    ) -> Self {
        Self {
            check,
            verdict,
            found: found.into(),
            way_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checks_name_is_the_same_in_text_and_in_json() {
        for check in [
            Check::Stack,
            Check::AlertRoute,
            Check::Configuration,
            Check::Ports,
        ] {
            assert_eq!(serde_json::json!(check), check.name());
        }
        assert_eq!(serde_json::json!(Verdict::Unknown), Verdict::Unknown.word());
    }
}
