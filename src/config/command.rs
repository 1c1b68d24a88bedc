//! `voteops config`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};
use voteops_observability::access::{Access, Login};
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::grafana::Grafana;
use voteops_observability::logs::Loki;
use voteops_observability::prometheus::Prometheus;
use voteops_observability::units::Unit;

use super::{Config, Context, EXAMPLE, usual};
use crate::Failure;
use crate::args::ConfigCommand;
use crate::failure::{CANNOT_ASK, USAGE};
use crate::manual::print;
use crate::runtime;

/// Does what the command says.
///
/// # Errors
/// [`Failure`] with the exit code.
pub(crate) fn run(command: &ConfigCommand) -> Result<ExitCode, Failure> {
    match command {
        ConfigCommand::Init(args) => init(args.config.as_deref()),
        ConfigCommand::Show(args) => show(args.config.as_deref()),
        ConfigCommand::Keys(args) => keys(args.config.as_deref()),
        ConfigCommand::Check(args) => check(args.config.config.as_deref(), args.ask),
    }
}

/// Writes the example where nothing is yet.
fn init(path: Option<&Path>) -> Result<ExitCode, Failure> {
    let path = path.map(Into::into).or_else(usual);
    let path = path.ok_or_else(|| {
        Failure::new(
            USAGE,
            "there is no home directory; name a file with --config",
        )
    })?;
    let failed = |error: &std::io::Error| {
        let way_out = if error.kind() == std::io::ErrorKind::AlreadyExists {
            "edit it, or name another with --config"
        } else {
            "name another with --config"
        };
        Failure::new(USAGE, format!("{}: {error}; {way_out}", path.display()))
    };
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(|error| failed(&error))?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| failed(&error))?;
    file.write_all(EXAMPLE.as_bytes())
        .map_err(|error| failed(&error))?;
    println!("wrote {}", path.display());
    Ok(ExitCode::SUCCESS)
}

/// Prints what is in force, without secrets: `schemas/config.schema.json`.
fn show(path: Option<&Path>) -> Result<ExitCode, Failure> {
    let config = Config::read(path)?;
    let contexts = config.names().into_iter();
    let contexts: serde_json::Map<_, _> = contexts
        .map(|(name, context)| (name.to_owned(), told(context)))
        .collect();
    let console = &config.file.console;
    let shown = json!({
        "file": config.path,
        "found": config.found,
        "default": config.file.default,
        "console": {
            "refresh_s": console.refresh.map(|refresh| refresh.as_secs_f64()),
            "theme": console.theme,
            "lang": console.lang,
            "ascii": console.ascii,
            "mouse": console.mouse,
            "keys": console.keys,
        },
        "contexts": contexts,
    });
    println!("{}", serde_json::to_string_pretty(&shown)?);
    Ok(ExitCode::SUCCESS)
}

fn told(context: &Context) -> Value {
    let backends = context.backends().into_iter();
    let backends: serde_json::Map<_, _> = backends
        .map(|(name, url, access)| {
            let bare = voteops_observability::backend::bare(url);
            (
                name.to_owned(),
                json!({ "url": bare, "access": access_told(&access) }),
            )
        })
        .collect();
    let signals: Vec<_> = context.signals.iter().map(|signal| &signal.id).collect();
    json!({
        "backends": backends,
        "alertmanager_filter": context.alertmanager_filter.0.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "read_only": context.read_only,
        "only_own_signals": context.only_own_signals,
        "signals": signals,
    })
}

/// How a server is spoken to, and where its secrets are kept.
fn access_told(access: &Access) -> Value {
    let login = access.login.as_ref().map(|login| match login {
        Login::Basic(user, secret) => {
            json!({ "kind": "basic", "user": user, "secret_from": secret.origin() })
        }
        Login::Bearer(secret) => {
            json!({ "kind": "bearer", "user": null, "secret_from": secret.origin() })
        }
    });
    let client = access.client.as_ref().map(|(certificate, _)| certificate);
    json!({
        "login": login,
        "ca": access.ca,
        "client_certificate": client,
        "tenant": access.tenant,
    })
}

/// Lists what can be done by keys, and the keys in force.
fn keys(path: Option<&Path>) -> Result<ExitCode, Failure> {
    let bound = Config::read(path)?.keys()?.list();
    let heading = ["name", "keys", "does", "where"].map(str::to_owned);
    let rows = bound.into_iter().map(|bound| {
        let keys = match bound.keys.as_slice() {
            [] => "(none)".to_owned(),
            keys => keys.join(" "),
        };
        [
            bound.name.to_owned(),
            keys,
            bound.about.to_owned(),
            bound.place,
        ]
    });
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    let wide = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let (names, keys, abouts) = (wide(0), wide(1), wide(2));
    let lines = rows.iter().map(|[name, key, about, place]| {
        format!("{name:names$}  {key:keys$}  {about:abouts$}  {place}\n")
    });
    print(lines.collect::<String>().as_bytes())
}

/// Tells all that is wrong, and asks the backends when that is wanted.
fn check(path: Option<&Path>, ask: bool) -> Result<ExitCode, Failure> {
    let config = Config::read(path)?;
    if !config.found {
        let told = format!(
            "{} is not there; `voteops config init` writes an example",
            config.path.display()
        );
        return Err(Failure::new(USAGE, told));
    }
    let problems = config.problems();
    for problem in &problems {
        eprintln!("voteops: {}: {problem}", config.path.display());
    }
    let mut code = if problems.is_empty() { 0 } else { USAGE };
    if ask && !runtime::single_thread()?.block_on(ask_all(&config)) {
        code = CANNOT_ASK;
    }
    if code == 0 {
        let count = config.file.contexts.len();
        println!(
            "{}: {count} contexts, nothing is wrong",
            config.path.display()
        );
    }
    Ok(ExitCode::from(code))
}

/// Whether every backend of every context answers.
async fn ask_all(config: &Config) -> bool {
    let mut all = true;
    for (context, backends) in config.names() {
        for (name, url, access) in backends.backends() {
            let asked = Instant::now();
            let answer = match name {
                "prometheus" => match Prometheus::with_access(url, &access) {
                    Ok(client) => client.query("vector(1)", None).await.map(drop),
                    Err(error) => Err(error),
                },
                "alertmanager" => match Alertmanager::with_access(url, &access) {
                    Ok(client) => client.alerts().await.map(drop),
                    Err(error) => Err(error),
                },
                "grafana" => match Grafana::with_access(url, &access) {
                    Ok(client) => client.rules().await.map(drop),
                    Err(error) => Err(error),
                },
                _ => match Loki::with_access(url, &access) {
                    Ok(client) => client.labels().await.map(drop),
                    Err(error) => Err(error),
                },
            };
            match answer {
                Ok(()) => {
                    let took = Unit::Seconds.format(asked.elapsed().as_secs_f64());
                    println!("● {context} {name} answers within {took}");
                }
                Err(error) => {
                    all = false;
                    eprintln!("✗ {context} {name}: {error}");
                }
            }
        }
    }
    all
}
