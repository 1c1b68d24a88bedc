//! `voteops-tui` and `voteops tui`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;
use voteops_console::{Bundle, Keys, Look, Outcome, Settings};

use crate::args::{ConfigArgs, LookArgs, TuiArgs};
use crate::config::Config;
use crate::failure::USAGE;
use crate::sources::{self, Found};
use crate::{Failure, log_file, runtime};

/// Time between two readings.
const REFRESH: Duration = Duration::from_secs(1);
/// The frame that is printed when the output's size cannot be asked for.
const FALLBACK_SIZE: (u16, u16) = (120, 36);

/// What the user wants the console to be like; arguments come before the configuration.
pub(crate) struct Preferences {
    refresh: Option<Duration>,
    look: Look,
    keys: Keys,
    mouse: bool,
    /// The configuration that was named, for experiments that are begun from here.
    config: Option<PathBuf>,
}

impl Preferences {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`Failure`] that names what is wrong in it.
    pub(crate) fn read(config: &ConfigArgs, look: &LookArgs) -> Result<Self, Failure> {
        let named = config.config.clone();
        let config = Config::read(named.as_deref())?;
        let keys = config.keys()?;
        let console = config.file.console;
        Ok(Self {
            refresh: console.refresh,
            look: Look {
                theme: look.theme.clone().or(console.theme),
                ascii: look.ascii || console.ascii,
                lang: look.lang.clone().or(console.lang),
            },
            keys,
            mouse: !look.no_mouse && console.mouse.unwrap_or(true),
            config: named,
        })
    }

    /// The settings of a console that shows what was found.
    pub(crate) fn settings(&self, found: Found, allow_chaos: bool) -> Settings {
        Settings {
            look: self.look.clone(),
            keys: self.keys.clone(),
            mouse: self.mouse,
            ..found.settings(
                self.refresh.unwrap_or(REFRESH),
                allow_chaos,
                self.config.clone(),
            )
        }
    }
}

/// Opens the console, or prints one frame.
///
/// # Errors
/// [`Failure`] with the exit code.
pub(crate) fn run(args: &TuiArgs) -> Result<ExitCode, Failure> {
    let runtime = runtime::single_thread()?;
    let mut chosen = Preferences::read(&args.sources.config, &args.look)?;
    chosen.refresh = args.refresh.or(chosen.refresh);
    let once = args.once || !std::io::stdout().is_terminal();
    if let Some(dir) = &args.replay {
        let bundle = Bundle::read(dir).map_err(|error| Failure::from(error).with_code(USAGE))?;
        if once {
            let (width, height) = size();
            let (look, keys) = (&chosen.look, &chosen.keys);
            let frame = match args.svg {
                Some(_) => bundle.picture(look, keys, width, height),
                None => bundle.once(look, keys, width, height),
            };
            return tell(&frame, args.svg.as_deref());
        }
        log_file::begin(args.log_file.as_deref())?;
        let shown = bundle.replay(&chosen.look, &chosen.keys, chosen.mouse);
        return Ok(exit_code(&runtime.block_on(shown)?));
    }
    let found = sources::find(&args.sources)?;
    if let Some(dir) = &args.export {
        return export(&runtime, settings(args, &chosen, found), dir);
    }
    if once {
        let (width, height) = size();
        let settings = settings(args, &chosen, found);
        let frame = match args.svg {
            Some(_) => runtime.block_on(voteops_console::picture(settings, width, height)),
            None => runtime.block_on(voteops_console::once(settings, width, height)),
        };
        return tell(&frame, args.svg.as_deref());
    }
    log_file::begin(args.log_file.as_deref())?;
    interact(&runtime, args, &chosen, found)
}

/// The settings of a console, of whatever context.
fn settings(args: &TuiArgs, chosen: &Preferences, found: Found) -> Settings {
    Settings {
        panic_after: args.panic_after,
        range: args.range,
        ..chosen.settings(found, args.allow_chaos)
    }
}

/// Runs the console, and goes on with another context as often as that is wanted. A context that
/// cannot be used is told, and the one before goes on.
fn interact(
    runtime: &Runtime,
    args: &TuiArgs,
    chosen: &Preferences,
    found: Found,
) -> Result<ExitCode, Failure> {
    let sources = &args.sources;
    let contexts = sources::contexts(sources)?;
    let (mut found, mut current) = (found, sources.context.clone());
    let (mut kept, mut notice) = (None, None);
    loop {
        let told = Settings {
            contexts: contexts.clone(),
            kept: kept.take(),
            notice: notice.take(),
            ..settings(args, chosen, found)
        };
        let (name, left) = match runtime.block_on(voteops_console::run(told))? {
            Outcome::Context { name, kept } => (name, kept),
            outcome => return Ok(exit_code(&outcome)),
        };
        kept = Some(*left);
        found = match sources::named(sources, &name) {
            Ok(found) => {
                current = Some(name);
                found
            }
            Err(failure) => {
                notice = Some(failure.to_string());
                match &current {
                    Some(current) => sources::named(sources, current)?,
                    None => sources::find(sources)?,
                }
            }
        };
    }
}

/// Prints a frame, or writes it into a file.
fn tell(frame: &str, file: Option<&Path>) -> Result<ExitCode, Failure> {
    let Some(file) = file else {
        print!("{frame}");
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::write(file, frame).map_err(|error| {
        let told = format!(
            "{}: {error}; name a file that can be written",
            file.display()
        );
        Failure::new(USAGE, told)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn export(runtime: &Runtime, settings: Settings, dir: &Path) -> Result<ExitCode, Failure> {
    let tell = |doing: &str| eprintln!("voteops: {doing}");
    let files = runtime
        .block_on(voteops_console::export(settings, dir, tell))
        .map_err(|error| Failure::from(error).with_code(USAGE))?;
    for file in files {
        println!("{}", file.display());
    }
    eprintln!(
        "voteops: look at it with `voteops-tui --replay {}`",
        dir.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// The size of the terminal, or COLUMNS and LINES, or a usual one.
fn size() -> (u16, u16) {
    let from_env = |name: &str| std::env::var(name).ok()?.parse::<u16>().ok();
    if let (Some(width), Some(height)) = (from_env("COLUMNS"), from_env("LINES")) {
        return (width, height);
    }
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => FALLBACK_SIZE,
    }
}

/// A program that a signal ended says so as shells do: 128 + the signal's number.
pub(crate) fn exit_code(outcome: &Outcome) -> ExitCode {
    match outcome {
        Outcome::Quit | Outcome::Context { .. } => ExitCode::SUCCESS,
        Outcome::Signal(number) => ExitCode::from(u8::try_from(128 + number).unwrap_or(1)),
    }
}
