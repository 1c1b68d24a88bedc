//! `voteops doctor`: what the servers tell, and what this machine does, in one list.

pub(crate) mod compose;
mod disk;
mod faults;
mod ports;
mod print;
mod processes;
mod secrets;

use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use voteops_local::component::Kind;
use voteops_local::{StackFile, data_dir, packages};
use voteops_observability::doctor::{self, Check, Finding, Place, Subject, Verdict};
use voteops_observability::logs::LogSource;

use crate::args::DoctorArgs;
use crate::failure::{CANNOT_ASK, USAGE};
use crate::sources::Found;
use crate::{Failure, runtime, sources};
use compose::Compose;

/// Something failed.
const FAILED: u8 = 1;
/// What becomes useless when it is not there.
const SERVERS: [Check; 6] = [
    Check::Stack,
    Check::Prometheus,
    Check::Alertmanager,
    Check::Loki,
    Check::Grafana,
    Check::Receiver,
];

/// What `--json` prints: `schemas/doctor.schema.json`.
#[derive(Debug, Serialize)]
struct Report {
    taken_at: Timestamp,
    /// What was examined.
    title: String,
    findings: Vec<Finding>,
}

pub(crate) fn doctor(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    let compose = Compose::read(Path::new("."));
    let (title, mut findings) = match sources::find(&args.sources) {
        Ok(found) => examine(args, found, compose)?,
        // Nothing runs that could be asked: what is told is what keeps it from starting.
        Err(error) if error.code() == CANNOT_ASK => (
            "no stack".to_owned(),
            before_a_start(args, &error, compose)?,
        ),
        Err(error) => return Err(error),
    };
    findings.sort_by_key(|finding| finding.check);
    let report = Report {
        taken_at: Timestamp::now(),
        title,
        findings,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print::print(&report);
    }
    Ok(ExitCode::from(exit_code(&report.findings)))
}

/// What the servers and this machine tell of a service that there is.
fn examine(
    args: &DoctorArgs,
    found: Found,
    compose: Option<Compose>,
) -> Result<(String, Vec<Finding>), Failure> {
    if args.probe && found.read_only {
        let told = format!(
            "--probe: context {} is read_only, and a probe writes",
            found.title
        );
        return Err(Failure::new(USAGE, told));
    }
    let title = found.title.clone();
    let stack = found.stack.clone();
    let own = match &stack {
        Some(stack) => stack.data_dir.clone(),
        None => crate::chaos::data_dir(&args.sources.stack)?,
    };
    let records_dirs = crate::chaos::with_usual(own, &args.sources.stack)?;
    let subject = subject(args, found, compose.as_ref());
    let mut local = vec![Local::new(Check::Faults, move || {
        faults::check(&records_dirs)
    })];
    match (stack, &subject.place) {
        (Some(stack), _) => {
            let dirs = disk::dirs(&stack);
            let loki = stack.url(Kind::Loki).is_some();
            local.push(Local::new(Check::Processes, move || {
                processes::check(&stack)
            }));
            local.push(Local::new(Check::Disk, move || disk::check(&dirs, loki)));
        }
        (None, Place::Compose) => {
            local.push(Local::new(Check::Disk, || {
                disk::check(&[disk::DOCKER.into()], true)
            }));
            local.extend(compose.map(|it| Local::new(Check::Secrets, move || secrets::check(&it))));
        }
        (None, _) => local.push(Local::new(Check::Disk, || {
            let why =
                "the servers' disks are none of this machine's; storage tells of Prometheus's";
            vec![Finding::skipped(Check::Disk, why)]
        })),
    }
    let local = Running::start(local, args.time_limit);
    let mut findings = runtime::single_thread()?.block_on(async {
        if args.probe {
            let both = tokio::join!(doctor::examine(&subject), doctor::probe::probe(&subject));
            [both.0, both.1].concat()
        } else {
            doctor::examine(&subject).await
        }
    });
    findings.extend(local.findings());
    Ok((title, findings))
}

/// What there is to say when nothing runs.
fn before_a_start(
    args: &DoctorArgs,
    error: &Failure,
    compose: Option<Compose>,
) -> Result<Vec<Finding>, Failure> {
    let told = error.to_string();
    let (found, way_out) = told
        .split_once("; ")
        .unwrap_or((&told, "start one with `voteops up`"));
    let mut findings = vec![Finding::failed(Check::Stack, found, way_out)];
    if let Some(missing) = packages::missing() {
        let told = missing.to_string();
        let (found, way_out) = told.split_once("; ").unwrap_or((&told, "put them on PATH"));
        findings.push(Finding::failed(Check::Stack, found, way_out));
    }
    let dir = match &args.sources.stack.data_dir {
        Some(dir) => dir.clone(),
        None => data_dir::default_dir()?,
    };
    let records_dir = dir.clone();
    let mut local = vec![
        Local::new(Check::Disk, move || disk::check(&[dir], false)),
        Local::new(Check::Faults, move || faults::check(&[records_dir])),
    ];
    let of_compose = compose.clone();
    local.push(Local::new(Check::Ports, move || {
        ports::check(of_compose.as_ref())
    }));
    local.extend(compose.map(|it| Local::new(Check::Secrets, move || secrets::check(&it))));
    findings.extend(Running::start(local, args.time_limit).findings());
    Ok(findings)
}

fn subject(args: &DoctorArgs, found: Found, compose: Option<&Compose>) -> Subject {
    let voting = found.is_voting();
    let stack = found.stack.as_ref();
    let is_local = found.sources.prometheus.base().host_str() == Some("127.0.0.1");
    let place = match stack {
        Some(stack) => place_of(stack),
        None if found.is_composed || compose.is_some() && is_local && voting => Place::Compose,
        None => Place::Elsewhere,
    };
    let with_loki = matches!(found.logs, Some(LogSource::Loki(_)));
    Subject {
        log_files: stack.filter(|_| with_loki).map(sources::log_files),
        started: found.started,
        receiver: stack.and_then(|stack| stack.url(Kind::Webhook)),
        shipper: stack.and_then(|stack| stack.url(Kind::Promtail)),
        sources: found.sources,
        logs: found.logs,
        voting,
        time_scale: found.time_scale,
        place,
        limit: args.time_limit,
    }
}

fn place_of(stack: &StackFile) -> Place {
    let components = stack.components.iter();
    let pids = components
        .clone()
        .filter_map(|component| Some((component.name.clone(), component.pid?)));
    let names = components.filter_map(|component| {
        let url: url::Url = component.url.as_deref()?.parse().ok()?;
        Some((
            format!("{}:{}", url.host_str()?, url.port()?),
            component.name.clone(),
        ))
    });
    Place::Stack {
        dir: stack.data_dir.clone(),
        pids: pids.collect(),
        names: names.collect(),
    }
}

/// As that of `voteops status`: what could not be asked outweighs what failed.
fn exit_code(findings: &[Finding]) -> u8 {
    let failed = |finding: &&Finding| finding.verdict == Verdict::Failed;
    let unasked = findings.iter().any(|finding| {
        finding.verdict == Verdict::Unknown
            || (failed(&finding) && SERVERS.contains(&finding.check))
    });
    match (unasked, findings.iter().any(|finding| failed(&finding))) {
        (true, _) => CANNOT_ASK,
        (false, true) => FAILED,
        (false, false) => 0,
    }
}

/// A check of this machine.
struct Local {
    check: Check,
    run: Box<dyn FnOnce() -> Vec<Finding> + Send>,
}

impl Local {
    fn new(check: Check, run: impl FnOnce() -> Vec<Finding> + Send + 'static) -> Self {
        Self {
            check,
            run: Box::new(run),
        }
    }
}

/// Checks of this machine that run, each on a thread of its own: one that hangs, on a file system that
/// does not answer for instance, is left behind.
struct Running {
    until: Instant,
    limit: Duration,
    checks: Vec<(Check, mpsc::Receiver<Vec<Finding>>)>,
}

impl Running {
    fn start(checks: Vec<Local>, limit: Duration) -> Self {
        let started = checks.into_iter().map(|local| {
            let (tell, told) = mpsc::channel();
            std::thread::spawn(move || {
                // Whoever has not waited for it needs it no more.
                let _ = tell.send((local.run)());
            });
            (local.check, told)
        });
        Self {
            checks: started.collect(),
            until: Instant::now() + limit,
            limit,
        }
    }

    fn findings(self) -> Vec<Finding> {
        let checks = self.checks.into_iter();
        let findings = checks.map(|(check, told)| {
            let left = self.until.saturating_duration_since(Instant::now());
            told.recv_timeout(left).unwrap_or_else(|_| {
                let limit = humantime::format_duration(self.limit);
                vec![Finding::unknown(
                    check,
                    format!("this machine did not tell within {limit}"),
                )]
            })
        });
        findings.flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_asked_outweighs_what_failed() {
        let ok = Finding::ok(Check::Rules, "");
        let warning = Finding::warning(Check::Disk, "", "");
        let failed = Finding::failed(Check::Rules, "", "");
        let away = Finding::failed(Check::Prometheus, "", "");
        let unknown = Finding::unknown(Check::Rules, "");
        for (findings, code) in [
            (vec![ok.clone(), warning.clone()], 0),
            (vec![warning, failed.clone()], 1),
            (vec![failed.clone(), away], 3),
            (vec![failed, unknown], 3),
            (vec![ok], 0),
        ] {
            assert_eq!(exit_code(&findings), code, "{findings:?}");
        }
    }

    #[test]
    fn a_check_that_hangs_is_left_behind() {
        let (_keep, never) = mpsc::channel::<()>();
        let hangs = Local::new(Check::Disk, move || {
            let _ = never.recv();
            Vec::new()
        });
        let answers = Local::new(Check::Faults, || vec![Finding::ok(Check::Faults, "none")]);
        let running = Running::start(vec![hangs, answers], Duration::from_millis(200));
        let findings = running.findings();
        assert_eq!(findings[0].verdict, Verdict::Unknown);
        assert_eq!(findings[1].verdict, Verdict::Ok);
    }

    #[test]
    fn what_is_printed_is_as_its_schema_says() {
        let schema = include_str!("../../schemas/doctor.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let report = Report {
            taken_at: Timestamp::UNIX_EPOCH,
            title: "local stack".into(),
            findings: vec![
                Finding::ok(Check::Stack, "x"),
                Finding::failed(Check::AlertRoute, "x", "y"),
                Finding::skipped(Check::Ports, "x"),
            ],
        };
        let printed = serde_json::json!(report);
        let wrong: Vec<_> = validator.iter_errors(&printed).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
