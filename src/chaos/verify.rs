//! `voteops chaos verify`.

use std::process::ExitCode;

use voteops_chaos::guardian::Launcher;
use voteops_chaos::verify::{Error, Setup, Verdict, verify};
use voteops_ledger::Ledger;
use voteops_local::StackFile;
use voteops_local::component::Kind;
use voteops_observability::webhook::ReceiverClient;

use super::timeline::Timeline;
use super::{fault_failure, running, state_dir, stop_on_signals, vote_apps};
use crate::args::VerifyArgs;
use crate::failure::{CANNOT_ASK, NOT_UNDONE, USAGE};
use crate::runtime;
use crate::{Failure, sources};

pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let stack = super::stack(&args.stack)?;
    runtime::multi_thread()?.block_on(async {
        let setup = setup(args, &stack).map_err(|failure| failure.with_code(CANNOT_ASK))?;
        let mut timeline = Timeline::new(&args.alert, stack.time_scale);
        let outcome = verify(&setup, |progress| timeline.show(progress)).await;
        timeline.finish();
        let report = outcome.map_err(failure)?;
        if args.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", super::timeline::table(&report));
        }
        Ok(match report.verdict {
            _ if !report.undone => ExitCode::from(NOT_UNDONE),
            Verdict::Proven => ExitCode::SUCCESS,
            Verdict::Refuted | Verdict::Aborted => ExitCode::from(1),
        })
    })
}

fn setup(args: &VerifyArgs, stack: &StackFile) -> Result<Setup, Failure> {
    let lacking = |what: &str| Failure::new(CANNOT_ASK, format!("the stack has no {what}"));
    let found = sources::of_stack(stack)?;
    let webhook = stack
        .url(Kind::Webhook)
        .ok_or_else(|| lacking("webhook receiver"))?;
    Ok(Setup {
        alert: args.alert.clone(),
        prometheus: found.sources.prometheus,
        alertmanager: found
            .sources
            .alertmanager
            .ok_or_else(|| lacking("Alertmanager"))?,
        receiver: ReceiverClient::new(&webhook)?,
        vote_apps: vote_apps(stack),
        workers: running(stack, Kind::Worker)?,
        ledger: Ledger::connect(&stack.ledger_url)?,
        choices: super::CHOICES.map(str::to_owned).into(),
        state_dir: state_dir(&stack.data_dir),
        launcher: Launcher::this_program(),
        time_scale: stack.time_scale,
        cancel: stop_on_signals()?,
    })
}

fn failure(error: Error) -> Failure {
    match error {
        Error::UnknownAlert { .. } | Error::NotProvable { .. } => {
            Failure::from(error).with_code(USAGE)
        }
        Error::Fault(error) => fault_failure(error),
        other => Failure::from(other).with_code(CANNOT_ASK),
    }
}
