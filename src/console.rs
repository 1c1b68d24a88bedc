//! `voteops-tui` and `voteops tui`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;
use voteops_console::{Bundle, Look, Outcome, Settings};

use crate::args::TuiArgs;
use crate::config::Config;
use crate::failure::USAGE;
use crate::sources::{self, Found};
use crate::{Failure, log_file, runtime};

/// Time between two readings.
const REFRESH: Duration = Duration::from_secs(1);
/// The frame that is printed when the output's size cannot be asked for.
const FALLBACK_SIZE: (u16, u16) = (120, 36);

/// Opens the console, or prints one frame.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn run(args: &TuiArgs) -> Result<ExitCode, Failure> {
    let runtime = runtime::single_thread()?;
    let console = Config::read(args.sources.config.config.as_deref())?
        .file
        .console;
    let look = Look {
        theme: args.look.theme.clone().or(console.theme),
        ascii: args.look.ascii || console.ascii,
        lang: args.look.lang.clone().or(console.lang),
    };
    let mouse = !args.look.no_mouse && console.mouse.unwrap_or(true);
    let once = args.once || !std::io::stdout().is_terminal();
    if let Some(dir) = &args.replay {
        let bundle = Bundle::read(dir).map_err(|error| Failure::from(error).with_code(USAGE))?;
        if once {
            let (width, height) = size();
            print!("{}", bundle.once(&look, width, height));
            return Ok(ExitCode::SUCCESS);
        }
        log_file::begin(args.log_file.as_deref())?;
        let outcome = runtime.block_on(bundle.replay(&look, mouse))?;
        return Ok(exit_code(&outcome));
    }
    let found = sources::find(&args.sources)?;
    let setting = Setting {
        refresh: args.refresh.or(console.refresh).unwrap_or(REFRESH),
        look,
        mouse,
        args,
    };
    if let Some(dir) = &args.export {
        return export(&runtime, setting.of(found), dir);
    }
    if once {
        let (width, height) = size();
        let frame = voteops_console::once(setting.of(found), width, height);
        print!("{}", runtime.block_on(frame));
        return Ok(ExitCode::SUCCESS);
    }
    log_file::begin(args.log_file.as_deref())?;
    interact(&runtime, &setting, found)
}

/// What is the same for every context.
struct Setting<'a> {
    refresh: Duration,
    look: Look,
    mouse: bool,
    args: &'a TuiArgs,
}

impl Setting<'_> {
    fn of(&self, found: Found) -> Settings {
        Settings {
            panic_after: self.args.panic_after,
            mouse: self.mouse,
            look: self.look.clone(),
            range: self.args.range,
            ..found.settings(self.refresh, self.args.allow_chaos)
        }
    }
}

/// Runs the console, and goes on with another context as often as that is wanted. A context that
/// cannot be used is told, and the one before goes on.
fn interact(runtime: &Runtime, setting: &Setting, found: Found) -> Result<ExitCode, Failure> {
    let sources = &setting.args.sources;
    let contexts = sources::contexts(sources)?;
    let (mut found, mut current) = (found, sources.context.clone());
    let (mut kept, mut notice) = (None, None);
    loop {
        let settings = Settings {
            contexts: contexts.clone(),
            kept: kept.take(),
            notice: notice.take(),
            ..setting.of(found)
        };
        let (name, left) = match runtime.block_on(voteops_console::run(settings))? {
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
