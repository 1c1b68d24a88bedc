//! The process that owns the stack: starts every component, watches it, starts it again when it
//! dies, and stops all of it at the end.

mod board;
mod hold;
mod keeper;
mod scrapes;
mod turn;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::future::pending;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::Receiver as Arrivals;
use tokio::sync::broadcast::error::RecvError::{Closed, Lagged};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use voteops_observability::webhook::{Received, Receiver};

use crate::component::{Component, Kind, State};
use crate::data_dir::DataDir;
use crate::event::{Event, What};
use crate::plan::{Plan, plan};
use crate::stack_file::{ProcessId, StackFile};
use crate::{Doing, Error, Options, health};
use board::Board;
use hold::Hold;
use keeper::Keeper;
use turn::Turn;

/// How long the components of a stage may take until they serve.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// How long the receiver may take for the requests that it has.
const RECEIVER_GRACE: Duration = Duration::from_secs(1);
/// How often it is looked whether everything serves.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How the supervisor starts this program again: its path, and the arguments before a
/// launcher's.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program `voteops`.
    pub program: PathBuf,
    /// What makes it a launcher.
    pub args: Vec<OsString>,
}

/// Runs the stack until it is told to stop: by SIGTERM, SIGINT, SIGHUP, or by the end of its
/// standard input when it is attached.
///
/// It must run on the process's main thread, on a current-thread runtime: a component dies with
/// the thread that started it.
///
/// # Errors
/// Any [`Error`]; by then everything that was started is stopped.
pub async fn run(options: Options, launcher: Launcher) -> Result<(), Error> {
    // A session of its own: a Ctrl-C at the terminal is the front's to handle. It fails only
    // for the leader of a group, which is no child of a front and has no such terminal.
    let _ = rustix::process::setsid();
    let dir = DataDir::open(&options.data_dir)?;
    let stop = CancellationToken::new();
    let requests = tokio::spawn(stop_requested(stop.clone()));
    if options.attached {
        stop_at_end_of_input(stop.clone());
    }
    // Ports that are free are another stack's as well, until somebody listens on them.
    let Some(turn) = stop.run_until_cancelled(Turn::wait(tell_waiting)).await else {
        return Ok(());
    };
    let plan = plan(&options, &dir, &launcher.program)?;
    let receiver = Receiver::default();
    let webhook = TcpListener::bind(("127.0.0.1", plan.webhook_port))
        .await
        .doing(|| format!("listening on port {}", plan.webhook_port))?;
    let board = Board::new(stack_file(&options, &plan, &dir)?, &dir)?;
    let _registered = board.registered()?;

    let serving = tokio::spawn(receiver.clone().serve(webhook, stop.child_token()));
    let arrivals = tokio::spawn(tell_arrivals(receiver.subscribe(), Arc::clone(&board)));
    board.webhook_serves();
    for note in &plan.notes {
        board.tell(What::Note { text: note.clone() });
    }
    let outcome = run_components(&plan, &dir, (&board, turn), &launcher, &stop).await;
    stop.cancel();
    requests.abort();
    arrivals.abort();
    // The receiver ends with the token, and waits for requests that are half sent; how it ends changes nothing any more.
    let _ = timeout(RECEIVER_GRACE, serving).await;
    if let Err(error) = &outcome {
        board.tell(What::Failed {
            reason: error.to_string(),
        });
    }
    board.finish();
    outcome
}

/// Tells the front that another stack is starting; nothing else is there to tell of yet.
fn tell_waiting() {
    let text = "another stack is starting; this one follows it".to_owned();
    if let Ok(line) = serde_json::to_string(&Event::now(What::Note { text })) {
        // A front that is gone needs no news.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

/// Tells of every notification that arrives.
async fn tell_arrivals(mut arrivals: Arrivals<Received>, board: Arc<Board>) {
    loop {
        match arrivals.recv().await {
            Ok(Received { notification, .. }) => {
                let alerts = notification
                    .alerts
                    .iter()
                    .filter_map(|a| a.labels.get("alertname"));
                let names: BTreeSet<&str> = alerts.map(String::as_str).collect();
                let names = names.into_iter().collect::<Vec<_>>().join(", ");
                let text = format!("notification received: {} {names}", notification.status);
                board.tell(What::Note { text });
            }
            // More than anybody reads came at once; the next ones are told again.
            Err(Lagged(_)) => {}
            Err(Closed) => return,
        }
    }
}

fn stack_file(options: &Options, plan: &Plan, dir: &DataDir) -> Result<StackFile, Error> {
    let supervisor = ProcessId::of(std::process::id())
        .ok_or_else(|| Error::Startup("/proc is not readable".into()))?;
    let webhook = Component {
        name: "webhook".into(),
        kind: Kind::Webhook,
        pid: Some(supervisor.pid),
        start_ticks: Some(supervisor.start_ticks),
        url: Some(format!("http://127.0.0.1:{}/", plan.webhook_port)),
        admin_url: None,
        log: None,
        state: State::Starting,
        restarts: 0,
    };
    let others = plan.specs.iter().map(|spec| Component {
        name: spec.name.clone(),
        kind: spec.kind,
        pid: None,
        start_ticks: None,
        url: spec.url.as_ref().map(ToString::to_string),
        admin_url: spec.admin_url.as_ref().map(ToString::to_string),
        log: Some(dir.log(&spec.name).to_string_lossy().into_owned()),
        state: State::Stopped,
        restarts: 0,
    });
    Ok(StackFile {
        version: 1,
        time_scale: options.time_scale,
        supervisor,
        data_dir: dir.root().to_owned(),
        ledger_url: plan.ledger_url.clone(),
        admin_token_file: Some(plan.admin_token_file.clone()),
        holds_dir: Some(dir.holds()),
        started_at: Timestamp::now(),
        components: std::iter::once(webhook).chain(others).collect(),
    })
}

async fn run_components(
    plan: &Plan,
    dir: &DataDir,
    (board, turn): (&Arc<Board>, Turn),
    launcher: &Launcher,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let http = health::client().map_err(Error::Startup)?;
    // One token a component: they are stopped in the reverse order of their stages.
    let mut running: Vec<(u8, CancellationToken, JoinSet<()>)> = Vec::new();
    let mut outcome = Ok(());
    let stages: BTreeSet<u8> = plan.specs.iter().map(|s| s.stage).collect();
    for stage in stages {
        let token = CancellationToken::new();
        let mut keepers = JoinSet::new();
        for spec in plan.specs.iter().filter(|spec| spec.stage == stage) {
            let keeper = Keeper {
                spec: spec.clone(),
                log: dir.log(&spec.name),
                hold: Hold::new(&dir.holds(), &spec.name),
                launcher: launcher.clone(),
                board: Arc::clone(board),
                http: http.clone(),
                stop: token.clone(),
            };
            keepers.spawn(keeper.keep());
        }
        running.push((stage, token, keepers));
        outcome = stage_serves(plan, stage, board, stop).await;
        if outcome.is_err() || stop.is_cancelled() {
            break;
        }
    }
    drop(turn);
    if outcome.is_ok() && !stop.is_cancelled() {
        board.tell(What::Serving);
        outcome = until_stopped(plan, dir, board, stop).await;
    }
    for (_, token, mut keepers) in running.into_iter().rev() {
        token.cancel();
        while keepers.join_next().await.is_some() {}
    }
    outcome
}

/// Waits until every component of `stage` that is required serves; fails when one dies too often
/// before, or takes too long.
async fn stage_serves(
    plan: &Plan,
    stage: u8,
    board: &Board,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let required = plan
        .specs
        .iter()
        .filter(|spec| spec.stage == stage && spec.required);
    let names: Vec<&str> = required.map(|spec| spec.name.as_str()).collect();
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        if let Some(reason) = board.hopeless() {
            return Err(Error::Startup(reason));
        }
        let waiting = board.not_healthy(&names);
        if waiting.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let reason = format!(
                "not serving after {} s: {}; see the logs in the data directory",
                START_PATIENCE.as_secs(),
                waiting.join(", ")
            );
            return Err(Error::Startup(reason));
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(LOOK_INTERVAL) => {}
        }
    }
}

/// Tells once when Prometheus has what every signal needs, and waits for the end.
async fn until_stopped(
    plan: &Plan,
    dir: &DataDir,
    board: &Board,
    stop: &CancellationToken,
) -> Result<(), Error> {
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        ready = scrapes::ready(plan, dir, board) => ready?,
    }
    board.tell(What::Healthy);
    stop.cancelled().await;
    Ok(())
}

/// Cancels `stop` at the first request to stop.
async fn stop_requested(stop: CancellationToken) {
    let on = |kind| async move {
        match signal(kind) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        () = on(SignalKind::terminate()) => {}
        () = on(SignalKind::interrupt()) => {}
        () = on(SignalKind::hangup()) => {}
        () = stop.cancelled() => {}
    }
    stop.cancel();
}

/// Cancels `stop` at the end of standard input. A thread of its own, because a blocking read
/// must not hold up the runtime's end.
fn stop_at_end_of_input(stop: CancellationToken) {
    std::thread::spawn(move || {
        // However the input ends, there is no front any more.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        stop.cancel();
    });
}

/// The launcher of the program that runs now.
///
/// # Errors
/// [`Error::Io`] when its path cannot be told.
pub fn own_launcher(args: &[&str]) -> Result<Launcher, Error> {
    let program = std::env::current_exe().doing(|| "finding this program".into())?;
    Ok(Launcher {
        program: still_there(&program),
        args: args.iter().map(OsString::from).collect(),
    })
}

/// The kernel marks the path of a program that was replaced while it runs; the new one at the
/// same path is what can be started.
fn still_there(program: &Path) -> PathBuf {
    let text = program.to_string_lossy();
    text.strip_suffix(" (deleted)")
        .map_or_else(|| program.to_owned(), PathBuf::from)
}
