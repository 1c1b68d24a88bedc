//! `voteops up` and `voteops down`.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use voteops_console::{Event as ConsoleEvent, Severity};
use voteops_ledger::Ledger;
use voteops_local::component::State;
use voteops_local::event::What;
use voteops_local::front::{self, Front};
use voteops_local::{Event, Options, StackFile, data_dir, packages, supervisor};
use voteops_observability::text::clean_line;

use crate::args::{LookArgs, StackArgs, UpArgs};
use crate::console::Preferences;
use crate::failure::USAGE;
use crate::{Failure, log_file, runtime, sources};

/// Within this time a request to stop is the same as the one before.
const SAME_REQUEST: Duration = Duration::from_millis(500);

/// Prints a line; a terminal that is gone must not keep the stack from being stopped.
macro_rules! say {
    ($($arg:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($arg)*);
    }};
}

pub(crate) fn up(args: &UpArgs) -> Result<ExitCode, Failure> {
    if let Some(missing) = packages::missing() {
        if !args.install {
            return Err(voteops_local::Error::Missing(missing).into());
        }
        eprintln!("{missing}");
        missing.install()?;
    }
    let launcher = supervisor::own_launcher(&["internal", "supervise"])?;
    runtime::single_thread()?.block_on(async {
        let options = options(args)?;
        let console = !args.front.no_tui && !args.front.detach && std::io::stdout().is_terminal();
        // Before anything is started, so that a wrong configuration leaves nothing to stop.
        let chosen = console.then(|| Preferences::read(&args.config, &LookArgs::default()));
        let chosen = chosen.transpose()?;
        if chosen.is_some() {
            log_file::begin(None)?;
        }
        // Before the supervisor is there, so that no request to stop is missed.
        let mut stop = StopRequests::new()?;
        let mut front = Front::start(&options, &launcher)?;
        say!("voteops: starting the stack in {}", options.data_dir.display());
        let until = if chosen.is_some() { What::Serving } else { What::Healthy };
        match come_up(&mut front, &mut stop, &until).await {
            Up::Yes => {}
            Up::Stopped(number) => return stopped_early(front, number).await,
            Up::No => {
                front.ended().await?;
                return Err(Failure::new(1, "the stack did not come up"));
            }
        }
        if args.front.detach {
            say!("voteops: all healthy; `voteops status` and `voteops-tui` find it, `voteops down` stops it");
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(chosen) = chosen {
            let console = with_console((front, stop), &options, &chosen, args.front.allow_chaos);
            // In a place of its own: it takes more room than all that waits for it.
            Box::pin(console).await
        } else {
            say!("voteops: all healthy; Ctrl-C stops the stack");
            in_foreground(front, stop).await
        }
    })
}

pub(crate) fn down(args: &StackArgs) -> Result<ExitCode, Failure> {
    let stack = front::down(args.data_dir.as_deref())?;
    say!(
        "voteops: the stack in {} is stopped",
        stack.data_dir.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn options(args: &UpArgs) -> Result<Options, Failure> {
    let data_dir = match &args.data_dir {
        Some(dir) => std::path::absolute(dir)?,
        None => data_dir::default_dir()?,
    };
    let database_url = args.database_url.as_deref().map(database_url).transpose()?;
    Ok(Options {
        data_dir,
        port_base: args.port_base,
        workers: args.workers,
        vote_apps: args.vote_apps,
        database_url,
        votes_per_second: args.votes_per_second,
        time_scale: args.time_scale,
        attached: !args.front.detach,
    })
}

/// The ledger's address, checked, and the same wherever it is used from.
fn database_url(given: &str) -> Result<String, Failure> {
    let wrong = |reason: String| Failure::new(USAGE, format!("--database-url: {reason}"));
    let url = match given.strip_prefix("sqlite:") {
        Some(path) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            format!("sqlite://{}", std::path::absolute(path)?.display())
        }
        None if given.starts_with("postgres://") || given.starts_with("postgresql://") => {
            given.to_owned()
        }
        None => return Err(wrong("it must begin with sqlite:// or postgres://".into())),
    };
    Ledger::connect(&url).map_err(|error| wrong(error.to_string()))?;
    Ok(url)
}

/// How the start went.
enum Up {
    Yes,
    /// It failed; the supervisor is stopping what it started.
    No,
    /// The user does not want to wait any longer, and has sent this signal.
    Stopped(i32),
}

/// Shows what comes up until `until` is told.
async fn come_up(front: &mut Front, stop: &mut StopRequests, until: &What) -> Up {
    let started = Instant::now();
    loop {
        tokio::select! {
            event = front.event() => match event {
                Some(event) => {
                    show(&event, started);
                    if event.what == *until {
                        return Up::Yes;
                    }
                    if event.what == What::Serving {
                        say!("  waiting until Prometheus has scraped every target twice");
                    }
                }
                None => return Up::No,
            },
            number = stop.next() => return Up::Stopped(number),
        }
    }
}

async fn in_foreground(mut front: Front, mut stop: StopRequests) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    loop {
        tokio::select! {
            event = front.event() => {
                let Some(event) = event else { break };
                show(&event, started);
            }
            _ = stop.next() => return stop_all(front).await,
        }
    }
    front.ended().await?;
    Err(Failure::new(
        1,
        "the stack's supervisor ended; everything is stopped",
    ))
}

async fn with_console(
    (mut front, mut stop): (Front, StopRequests),
    options: &Options,
    chosen: &Preferences,
    allow_chaos: bool,
) -> Result<ExitCode, Failure> {
    // From here on the console hears what is to stop it.
    tokio::select! {
        biased;
        number = stop.next() => return stopped_early(front, number).await,
        () = std::future::ready(()) => {}
    }
    let stack = StackFile::find(Some(&options.data_dir))?;
    let (sender, events) = mpsc::unbounded_channel();
    let mut settings = chosen.settings(sources::of_stack(&stack)?, allow_chaos);
    settings.events = Some(events);
    settings.quit_prompt = Some("Stop the stack and quit?".into());
    let relay = async {
        while let Some(event) = front.event().await {
            // A console that has ended needs no news.
            let _ = sender.send(for_console(&event));
        }
        let text = "the stack's supervisor ended; everything is stopped".into();
        let at = jiff::Timestamp::now();
        let _ = sender.send(ConsoleEvent {
            at,
            text,
            severity: Severity::Critical,
        });
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = voteops_console::run(settings) => outcome,
        () = relay => return Err(Failure::new(1, "the stack's events ended")),
    };
    let stopped = stop_all(front).await;
    let code = crate::console::exit_code(&outcome?);
    match stopped {
        Err(failure) if code != ExitCode::SUCCESS => {
            eprintln!("voteops: {failure}");
            Ok(code)
        }
        stopped => stopped.map(|_| code),
    }
}

/// Stops a stack that is not up yet. Whoever waits for it hears that it never was.
async fn stopped_early(front: Front, number: i32) -> Result<ExitCode, Failure> {
    stop_all(front).await?;
    // As shells have it, of a program that a signal has ended.
    Ok(ExitCode::from(u8::try_from(128 + number).unwrap_or(1)))
}

/// Stops the stack, showing what stops. When that takes too long, or is asked for once more, the
/// supervisor is killed, and the kernel kills the rest.
async fn stop_all(mut front: Front) -> Result<ExitCode, Failure> {
    say!("voteops: stopping the stack; once more kills it");
    let started = Instant::now();
    front.stop();
    let over = async {
        while let Some(event) = front.event().await {
            show(&event, started);
        }
    };
    tokio::select! {
        stopped = timeout(front::STOP_WAIT, over) => if stopped.is_err() {
            front.kill();
        },
        () = asked_again() => front.kill(),
    }
    front.ended().await?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until it is asked to stop once more. The same request may have come by two ways: to the process and to its group, from
/// a terminal that was closed and from its shell.
async fn asked_again() {
    sleep(SAME_REQUEST).await;
    match StopRequests::new() {
        Ok(mut again) => {
            again.next().await;
        }
        Err(_) => std::future::pending().await,
    }
}

fn show(event: &Event, started: Instant) {
    let told = match &event.what {
        What::Component {
            name,
            state,
            url,
            detail,
            log_tail,
        } => {
            let url = url.as_deref().unwrap_or_default();
            let mut told = format!(
                "  {} {:<16} {:<10} {:<28} {:>5.1} s",
                state.glyph(),
                name,
                state.word(),
                url,
                started.elapsed().as_secs_f64()
            );
            if let Some(detail) = detail {
                told = format!("{told}  {}", clean_line(detail));
            }
            for line in log_tail {
                told = format!("{told}\n      | {}", clean_line(line));
            }
            told
        }
        What::Note { text } => format!("  ▲ {}", clean_line(text)),
        What::Failed { reason } => format!("  ✖ {}", clean_line(reason)),
        What::Serving => "  ● every component serves".into(),
        What::Healthy => "  ● Prometheus sees every target".into(),
        What::Stopped => "  ○ everything is stopped".into(),
    };
    say!("{told}");
}

fn for_console(event: &Event) -> ConsoleEvent {
    let (text, severity) = match &event.what {
        What::Component {
            name,
            state,
            detail,
            ..
        } => {
            let detail = detail
                .as_ref()
                .map(|detail| format!(": {detail}"))
                .unwrap_or_default();
            let severity = match state {
                State::Healthy => Severity::Good,
                State::Starting | State::Stopped => Severity::Info,
                State::Unhealthy => Severity::Warning,
                State::Backoff => Severity::Critical,
            };
            (format!("{name} {}{detail}", state.word()), severity)
        }
        What::Note { text } => (text.clone(), Severity::Info),
        What::Failed { reason } => (reason.clone(), Severity::Critical),
        What::Serving => ("every component serves".into(), Severity::Good),
        What::Healthy => ("Prometheus sees every target".into(), Severity::Good),
        What::Stopped => ("everything is stopped".into(), Severity::Info),
    };
    ConsoleEvent {
        at: event.at,
        text,
        severity,
    }
}

/// Ctrl-C, SIGTERM and SIGHUP.
struct StopRequests {
    signals: [tokio::signal::unix::Signal; 3],
}

impl StopRequests {
    fn new() -> Result<Self, Failure> {
        let [interrupt, terminate, hangup] = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ]
        .map(signal);
        Ok(Self {
            signals: [interrupt?, terminate?, hangup?],
        })
    }

    /// The number of the next one.
    async fn next(&mut self) -> i32 {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let kind = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
            _ = hangup.recv() => SignalKind::hangup(),
        };
        kind.as_raw_value()
    }
}
