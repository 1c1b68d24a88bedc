//! From arguments to the servers that are asked.

use std::time::Duration;

use url::Url;
use voteops_local::StackFile;
use voteops_local::component::Kind;
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::logs::{LogFile, LogFiles, LogSource, Loki};
use voteops_observability::prometheus::Prometheus;
use voteops_observability::signals::{self, Component};
use voteops_observability::slo::{self, Slo};
use voteops_observability::snapshot::Sources;

use crate::Failure;
use crate::args::SourceArgs;
use crate::experiments;
use crate::failure::{CANNOT_ASK, USAGE};

/// The servers to ask, and what is known of the stack behind them.
pub(crate) struct Found {
    pub(crate) sources: Sources,
    pub(crate) title: String,
    pub(crate) time_scale: f64,
    pub(crate) expected: Vec<(Component, usize)>,
    /// Where log lines come from.
    pub(crate) logs: Option<LogSource>,
    /// The objectives of the service.
    pub(crate) slos: Vec<Slo>,
    /// The stack itself, when it is one of this machine.
    pub(crate) stack: Option<StackFile>,
}

/// The servers that the arguments name, or those of the stack that runs.
pub(crate) fn find(args: &SourceArgs) -> Result<Found, Failure> {
    if let Some(prometheus) = &args.prometheus {
        let title = prometheus.host_str().unwrap_or("prometheus").to_owned();
        return Ok(Found {
            sources: sources(prometheus, args.alertmanager.as_ref(), 1.0)?,
            title,
            time_scale: 1.0,
            expected: Vec::new(),
            logs: args.loki.as_ref().map(loki).transpose()?,
            slos: slo::shipped(1.0)?,
            stack: None,
        });
    }
    let stack = StackFile::find(args.stack.data_dir.as_deref())
        .map_err(|error| Failure::from(error).with_code(CANNOT_ASK))?;
    of_stack(&stack)
}

/// The servers of a stack.
pub(crate) fn of_stack(stack: &StackFile) -> Result<Found, Failure> {
    let prometheus = stack
        .url(Kind::Prometheus)
        .ok_or_else(|| Failure::new(CANNOT_ASK, "the stack has no Prometheus"))?;
    let alertmanager = stack.url(Kind::Alertmanager);
    let title = if stack.time_scale > 1.0 {
        format!("local stack, time ÷{}", stack.time_scale)
    } else {
        "local stack".into()
    };
    let count = |kind| stack.of_kind(kind).count();
    Ok(Found {
        sources: sources(&prometheus, alertmanager.as_ref(), stack.time_scale)?,
        title,
        time_scale: stack.time_scale,
        expected: vec![
            (Component::VoteApp, count(Kind::VoteApp)),
            (Component::Worker, count(Kind::Worker)),
        ],
        logs: Some(logs_of(stack)?),
        slos: slo::shipped(stack.time_scale)?,
        stack: Some(stack.clone()),
    })
}

fn loki(base: &Url) -> Result<LogSource, Failure> {
    let loki = Loki::new(base).map_err(|error| Failure::from(error).with_code(USAGE))?;
    Ok(LogSource::Loki(loki))
}

/// The stack's Loki, or its components' own log files.
fn logs_of(stack: &StackFile) -> Result<LogSource, Failure> {
    if let Some(base) = stack.url(Kind::Loki) {
        return loki(&base);
    }
    let files = stack.components.iter().filter_map(|component| {
        Some(LogFile {
            // worker-1 is an instance of the service worker.
            service: component
                .name
                .trim_end_matches(|c: char| c.is_ascii_digit())
                .trim_end_matches('-')
                .to_owned(),
            instance: component.name.clone(),
            path: component.log.as_ref()?.into(),
        })
    });
    Ok(LogSource::Files(LogFiles::new(files.collect())))
}

fn sources(
    prometheus: &Url,
    alertmanager: Option<&Url>,
    time_scale: f64,
) -> Result<Sources, Failure> {
    let usage = |error| Failure::from(error).with_code(USAGE);
    Ok(Sources {
        prometheus: Prometheus::new(prometheus).map_err(usage)?,
        alertmanager: alertmanager
            .map(Alertmanager::new)
            .transpose()
            .map_err(usage)?,
        signals: signals::shipped(time_scale)?,
    })
}

impl Found {
    /// What the console is started with.
    pub(crate) fn settings(self, refresh: Duration) -> voteops_console::Settings {
        voteops_console::Settings {
            refresh,
            time_scale: self.time_scale,
            expected: self.expected,
            logs: self.logs,
            slos: self.slos,
            experiments: self
                .stack
                .as_ref()
                .map(|stack| experiments::watch(stack.data_dir.join("chaos"))),
            ..voteops_console::Settings::new(self.sources, self.title)
        }
    }
}
