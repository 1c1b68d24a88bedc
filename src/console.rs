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
use crate::{Failure, log_file, runtime, sources};

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
    };
    let mouse = !args.look.no_mouse && console.mouse.unwrap_or(true);
    let once = args.once || !std::io::stdout().is_terminal();
    if let Some(dir) = &args.replay {
        let bundle = Bundle::read(dir).map_err(|error| Failure::from(error).with_code(USAGE))?;
        if once {
            let (width, height) = size();
            let frame = match args.svg {
                Some(_) => bundle.picture(&look, width, height),
                None => bundle.once(&look, width, height),
            };
            return tell(&frame, args.svg.as_deref());
        }
        log_file::begin(args.log_file.as_deref())?;
        let outcome = runtime.block_on(bundle.replay(&look, mouse))?;
        return Ok(exit_code(outcome));
    }
    let found = sources::find(&args.sources)?;
    let refresh = args.refresh.or(console.refresh).unwrap_or(REFRESH);
    let mut settings = found.settings(refresh);
    settings.panic_after = args.panic_after;
    settings.mouse = mouse;
    settings.look = look;
    settings.range = args.range;
    if let Some(dir) = &args.export {
        return export(&runtime, settings, dir);
    }
    if once {
        let (width, height) = size();
        let frame = match args.svg {
            Some(_) => runtime.block_on(voteops_console::picture(settings, width, height)),
            None => runtime.block_on(voteops_console::once(settings, width, height)),
        };
        return tell(&frame, args.svg.as_deref());
    }
    log_file::begin(args.log_file.as_deref())?;
    let outcome = runtime.block_on(voteops_console::run(settings))?;
    Ok(exit_code(outcome))
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
pub(crate) fn exit_code(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Quit => ExitCode::SUCCESS,
        Outcome::Signal(number) => ExitCode::from(u8::try_from(128 + number).unwrap_or(1)),
    }
}
