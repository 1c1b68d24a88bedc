//! From arguments to the servers that are asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;
use voteops_console::{Experimenter, Settings};
use voteops_local::StackFile;
use voteops_local::component::Kind;
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::grafana::Grafana;
use voteops_observability::logs::{LogFile, LogFiles, LogSource, Loki};
use voteops_observability::prometheus::Prometheus;
use voteops_observability::signals::{self, Component};
use voteops_observability::slo::{self, Slo};
use voteops_observability::snapshot::Sources;

use crate::Failure;
use crate::args::SourceArgs;
use crate::compose::Compose;
use crate::config::{Config, Context};
use crate::experimenter::OnStack;
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
    /// Whether nothing may be changed from here.
    pub(crate) read_only: bool,
    /// The stack itself, when it is one of this machine.
    pub(crate) stack: Option<StackFile>,
    /// Whether it is one that Compose runs on this machine.
    pub(crate) is_composed: bool,
    /// The services that Compose runs, with when the newest container of each was made.
    pub(crate) started: BTreeMap<String, Timestamp>,
}

/// The servers that the arguments name, those of a context, or those of the stack that runs.
pub(crate) fn find(args: &SourceArgs) -> Result<Found, Failure> {
    if let Some(prometheus) = &args.prometheus {
        let title = prometheus.host_str().unwrap_or("prometheus").to_owned();
        return Ok(Found {
            sources: sources(
                prometheus,
                args.alertmanager.as_ref(),
                args.grafana.as_ref(),
                1.0,
            )?,
            title,
            time_scale: 1.0,
            expected: Vec::new(),
            logs: args.loki.as_ref().map(loki).transpose()?,
            slos: slo::shipped(1.0)?,
            stack: None,
            is_composed: false,
            started: BTreeMap::new(),
            read_only: false,
        });
    }
    if let Some(name) = &args.context {
        let config = Config::read(args.config.config.as_deref())?;
        return of_name(name, &config);
    }
    match StackFile::find(args.stack.data_dir.as_deref()) {
        Ok(stack) => of_stack(&stack),
        Err(error) => {
            // Of several, which one is meant is for the user to say.
            let is_none = matches!(error, voteops_local::Error::NoStack);
            if args.stack.data_dir.is_none() {
                let config = Config::read(args.config.config.as_deref())?;
                if let Some(name) = &config.file.default {
                    return of_context(name, config.context(name)?);
                }
            }
            let none = Failure::from(error).with_code(CANNOT_ASK);
            if !is_none {
                return Err(none);
            }
            compose_or(none)?.sources()
        }
    }
}

/// The stack that Compose runs, where no other is found, which `none` tells.
pub(crate) fn compose_or(none: Failure) -> Result<Compose, Failure> {
    match Compose::find() {
        Ok(Some(compose)) => Ok(compose),
        Ok(None) => Err(none),
        // An engine that nobody may ask is no reason to say less of what was looked for.
        Err(error) => {
            let code = error.code();
            Err(Failure::new(
                code,
                format!("{none}; nor one of Compose: {error}"),
            ))
        }
    }
}

/// The name by which `:context` goes to the stack that runs on this machine.
const STACK: &str = "stack";

/// The names that `:context` can go to: the configuration's, the stack of this machine, and what Compose
/// runs here.
pub(crate) fn contexts(args: &SourceArgs) -> Result<Vec<String>, Failure> {
    let config = Config::read(args.config.config.as_deref())?;
    let mut names: Vec<_> = config.file.contexts.into_keys().collect();
    if StackFile::find(args.stack.data_dir.as_deref()).is_ok() && !names.iter().any(|n| n == STACK)
    {
        names.push(STACK.into());
    }
    let composed = Compose::names().into_iter();
    let composed: Vec<_> = composed.filter(|name| !names.contains(name)).collect();
    names.extend(composed);
    Ok(names)
}

/// The servers of one of [`contexts`]; the configuration is read anew.
pub(crate) fn named(args: &SourceArgs, name: &str) -> Result<Found, Failure> {
    let config = Config::read(args.config.config.as_deref())?;
    if name == STACK && !config.file.contexts.contains_key(STACK) {
        let stack = StackFile::find(args.stack.data_dir.as_deref());
        return of_stack(&stack.map_err(|error| Failure::from(error).with_code(CANNOT_ASK))?);
    }
    of_name(name, &config)
}

/// The servers of a context, or of a project of Compose.
fn of_name(name: &str, config: &Config) -> Result<Found, Failure> {
    match config.context(name) {
        Ok(context) => of_context(name, context),
        Err(unknown) => match Compose::named(name) {
            Ok(Some(compose)) => compose.sources(),
            Ok(None) => Err(unknown),
            Err(error) => Err(Failure::new(
                error.code(),
                format!("{unknown}; nor is it a project of Compose that is known: {error}"),
            )),
        },
    }
}

/// The servers of a context.
fn of_context(name: &str, context: &Context) -> Result<Found, Failure> {
    let usage = |error| Failure::from(error).with_code(USAGE);
    let loki = context.loki.as_ref();
    let loki = loki.map(|url| Loki::with_access(url, &context.access("loki")));
    let alertmanager = context.alertmanager.as_ref();
    let access = context.access("alertmanager");
    let alertmanager = alertmanager.map(|url| Alertmanager::with_access(url, &access));
    let grafana = context.grafana.as_ref();
    let grafana = grafana.map(|url| Grafana::with_access(url, &context.access("grafana")));
    let access = context.access("prometheus");
    let voting = !context.only_own_signals;
    let mut signals = if voting {
        signals::shipped(1.0)?
    } else {
        Vec::new()
    };
    for own in &context.signals {
        match signals.iter_mut().find(|signal| signal.id == own.id) {
            Some(signal) => signal.clone_from(own),
            None => signals.push(own.clone()),
        }
    }
    // The console groups signals by their components, in the catalogue's order.
    signals.sort_by_key(|signal| signal.component);
    Ok(Found {
        sources: Sources {
            prometheus: Prometheus::with_access(&context.prometheus, &access).map_err(usage)?,
            alertmanager: alertmanager
                .transpose()
                .map_err(usage)?
                .map(|it| it.filtered(context.alertmanager_filter.0.clone())),
            grafana: grafana.transpose().map_err(usage)?,
            signals,
        },
        title: name.to_owned(),
        time_scale: 1.0,
        expected: Vec::new(),
        logs: loki.transpose().map_err(usage)?.map(LogSource::Loki),
        slos: if voting {
            slo::shipped(1.0)?
        } else {
            Vec::new()
        },
        stack: None,
        is_composed: false,
        started: BTreeMap::new(),
        read_only: context.read_only,
    })
}

/// The servers of a stack.
pub(crate) fn of_stack(stack: &StackFile) -> Result<Found, Failure> {
    let prometheus = stack
        .url(Kind::Prometheus)
        .ok_or_else(|| Failure::new(CANNOT_ASK, "the stack has no Prometheus"))?;
    let alertmanager = stack.url(Kind::Alertmanager);
    // The stack's Grafana lets anybody on this machine read.
    let grafana = stack.url(Kind::Grafana);
    let title = if stack.time_scale > 1.0 {
        format!("local stack, time ÷{}", stack.time_scale)
    } else {
        "local stack".into()
    };
    let count = |kind| stack.of_kind(kind).count();
    Ok(Found {
        sources: sources(
            &prometheus,
            alertmanager.as_ref(),
            grafana.as_ref(),
            stack.time_scale,
        )?,
        title,
        time_scale: stack.time_scale,
        expected: vec![
            (Component::VoteApp, count(Kind::VoteApp)),
            (Component::Worker, count(Kind::Worker)),
        ],
        logs: Some(logs_of(stack)?),
        slos: slo::shipped(stack.time_scale)?,
        stack: Some(stack.clone()),
        is_composed: false,
        started: BTreeMap::new(),
        read_only: false,
    })
}

fn loki(base: &Url) -> Result<LogSource, Failure> {
    let loki = Loki::new(base).map_err(|error| Failure::from(error).with_code(USAGE))?;
    Ok(LogSource::Loki(loki))
}

/// The stack's Loki, or its components' own log files.
fn logs_of(stack: &StackFile) -> Result<LogSource, Failure> {
    match stack.url(Kind::Loki) {
        Some(base) => loki(&base),
        None => Ok(LogSource::Files(log_files(stack))),
    }
}

/// The log files of a stack's components.
pub(crate) fn log_files(stack: &StackFile) -> LogFiles {
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
    LogFiles::new(files.collect())
}

fn sources(
    prometheus: &Url,
    alertmanager: Option<&Url>,
    grafana: Option<&Url>,
    time_scale: f64,
) -> Result<Sources, Failure> {
    let usage = |error| Failure::from(error).with_code(USAGE);
    Ok(Sources {
        prometheus: Prometheus::new(prometheus).map_err(usage)?,
        alertmanager: alertmanager
            .map(Alertmanager::new)
            .transpose()
            .map_err(usage)?,
        grafana: grafana.map(Grafana::new).transpose().map_err(usage)?,
        signals: signals::shipped(time_scale)?,
    })
}

/// The user's name, as the shell tells it.
fn whoami() -> String {
    let told = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    told.unwrap_or_default()
}

impl Found {
    /// Whether it is the voting service that is looked at, and not another that a context is of.
    pub(crate) fn is_voting(&self) -> bool {
        !self.slos.is_empty()
    }

    /// What the console is started with.
    pub(crate) fn settings(
        self,
        refresh: Duration,
        allow_chaos: bool,
        config: Option<PathBuf>,
    ) -> Settings {
        let experimenter = self.stack.as_ref().filter(|_| allow_chaos).map(|stack| {
            let on_stack = OnStack::new(stack.data_dir.clone(), config);
            Arc::new(on_stack) as Arc<dyn Experimenter>
        });
        Settings {
            experimenter,
            refresh,
            time_scale: self.time_scale,
            expected: self.expected,
            logs: self.logs,
            slos: self.slos,
            user: whoami(),
            read_only: self.read_only,
            experiments: self
                .stack
                .as_ref()
                .map(|stack| experiments::watch(stack.data_dir.join("chaos"))),
            ..Settings::new(self.sources, self.title)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use voteops_local::component::{Component as StackComponent, State};
    use voteops_local::stack_file::ProcessId;

    use super::*;

    fn component(kind: Kind, url: &str) -> StackComponent {
        StackComponent {
            name: format!("{kind:?}").to_lowercase(),
            kind,
            pid: None,
            start_ticks: None,
            url: Some(url.into()),
            admin_url: None,
            log: None,
            state: State::Healthy,
            restarts: 0,
        }
    }

    fn stack(components: Vec<StackComponent>) -> StackFile {
        StackFile {
            version: 1,
            time_scale: 1.0,
            supervisor: ProcessId {
                pid: 1,
                start_ticks: 1,
            },
            data_dir: PathBuf::from("/nowhere"),
            ledger_url: "sqlite:votes.db".into(),
            admin_token_file: None,
            holds_dir: None,
            started_at: jiff::Timestamp::UNIX_EPOCH,
            components,
        }
    }

    #[test]
    fn a_stacks_grafana_is_asked_when_it_has_one() {
        let prometheus = component(Kind::Prometheus, "http://127.0.0.1:9090/");
        let without = of_stack(&stack(vec![prometheus.clone()])).unwrap();
        assert!(without.sources.grafana.is_none());
        let grafana = component(Kind::Grafana, "http://127.0.0.1:3000/");
        let with = of_stack(&stack(vec![prometheus, grafana])).unwrap();
        let base = with.sources.grafana.unwrap().base().to_string();
        assert_eq!(base, "http://127.0.0.1:3000/");
    }
}
