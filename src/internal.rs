//! The processes behind `voteops up`, and those of containers.

use std::process::ExitCode;

use voteops_local::front::OPTIONS_ENV;
use voteops_local::{launch, supervisor};

use crate::Failure;
use crate::args::InternalCommand;
use crate::failure::USAGE;
use crate::{container, runtime};

pub(crate) fn run(command: InternalCommand) -> Result<ExitCode, Failure> {
    match command {
        InternalCommand::Supervise => {
            let options = std::env::var(OPTIONS_ENV)
                .map_err(|_| Failure::new(USAGE, format!("{OPTIONS_ENV} is not set")))?;
            let options = serde_json::from_str(&options)
                .map_err(|error| Failure::from(error).with_code(USAGE))?;
            let launcher = supervisor::own_launcher(&["internal", "launch"])?;
            // On the main thread: a component dies with the thread that started it.
            runtime::single_thread()?.block_on(supervisor::run(options, launcher))?;
        }
        InternalCommand::Launch { parent, program } => {
            let Some((program, args)) = program.split_first() else {
                return Err(Failure::new(USAGE, "no program to launch"));
            };
            let reason = launch::become_program(parent, program, args);
            return Err(Failure::new(127, reason));
        }
        InternalCommand::VoteApp(cli) => {
            voteops_vote_app::runtime()?
                .block_on(voteops_vote_app::run_cli(*cli))
                .map_err(|error| {
                    let code = error.exit_code();
                    Failure::from(error).with_code(code)
                })?;
        }
        InternalCommand::Worker(cli) => {
            runtime::multi_thread()?
                .block_on(voteops_worker::run_cli(*cli))
                .map_err(|error| {
                    let code = error.exit_code();
                    Failure::from(error).with_code(code)
                })?;
        }
        InternalCommand::Voters { rate, url } => crate::chaos::voters(rate, url)?,
        InternalCommand::Receiver { listen } => container::receiver(listen)?,
        InternalCommand::Scaled { time_scale, dir } => container::scaled(time_scale, &dir)?,
        InternalCommand::Probe { url } => container::probe(&url)?,
        InternalCommand::Ask(request) => container::ask::ask(&request)?,
    }
    Ok(ExitCode::SUCCESS)
}
