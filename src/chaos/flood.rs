//! `voteops chaos flood`.

mod bars;
mod ending;
mod live;
mod told;

use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::watch;
use url::Url;
use uuid::Uuid;
use voteops_chaos::load::{Backlog, Extent, LoadError, Plan, Progress, Report, flood};
use voteops_local::StackFile;
use voteops_local::component::Kind;

use self::bars::Glyphs;
use self::ending::{Early, Watch};
use super::limits::{self, Bounds};
use super::{stop_on_signals, vote_apps};
use crate::Failure;
use crate::args::FloodArgs;
use crate::failure::{CANNOT_ASK, USAGE};
use crate::{runtime, sources};

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn run(args: &FloodArgs) -> Result<ExitCode, Failure> {
    if !args.url.is_empty() {
        require_no_stack(args)?;
    }
    let (stack, urls) = aim(args)?;
    limits::confirm(&args.safety)?;
    limits::permit(
        &args.safety,
        Bounds {
            length: Some(args.length),
            rate_per_s: Some(args.rate.highest_per_s()),
            ..Bounds::default()
        },
    )?;
    let plan = plan(args, urls);
    runtime::multi_thread()?.block_on(async {
        let (report, early) = carry_out(args, &plan, stack.as_ref()).await?;
        if args.json {
            println!("{}", told::json(&plan, &report, early.as_ref())?);
        } else {
            print!(
                "{}",
                told::text(&plan, &report, early.as_ref(), Glyphs::of_locale())
            );
        }
        let whole = report.accepted == report.planned && !report.shortfall;
        let wanted = matches!(early, Some(Early::Queue { .. }));
        Ok(ExitCode::from(u8::from(!whole && !wanted)))
    })
}

/// Refuses what only a stack can be asked.
fn require_no_stack(args: &FloodArgs) -> Result<(), Failure> {
    let told = if args.stop_at_queue.is_some() {
        "--stop-at-queue is asked of the stack's Redis; leave --url out"
    } else if !args.safety.abort_if.is_empty() && args.safety.abort_prometheus.is_none() {
        "--abort-if is asked of the stack's Prometheus; leave --url out, or name one with \
         --abort-prometheus"
    } else {
        return Ok(());
    };
    Err(Failure::new(USAGE, told))
}

/// Where the votes go: to the addresses that are named, the stack that runs, or the one that Compose runs.
fn aim(args: &FloodArgs) -> Result<(Option<StackFile>, Vec<Url>), Failure> {
    if !args.url.is_empty() {
        return Ok((None, args.url.clone()));
    }
    let none = match StackFile::find(args.stack.data_dir.as_deref()) {
        Ok(stack) => {
            let urls = vote_apps(&stack);
            return Ok((Some(stack), urls));
        }
        Err(error @ voteops_local::Error::NoStack) => Failure::from(error).with_code(CANNOT_ASK),
        // Of several, which one is meant is for the user to say.
        Err(error) => return Err(Failure::from(error).with_code(CANNOT_ASK)),
    };
    let compose = sources::compose_or(none)?;
    require_no_stack(args)?;
    let gateway = compose.gateway().ok_or_else(|| {
        let told = format!(
            "the Compose project {} opens no gateway on this machine; name the vote apps with --url",
            compose.name()
        );
        Failure::new(CANNOT_ASK, told)
    })?;
    Ok((None, vec![gateway]))
}

fn plan(args: &FloodArgs, urls: Vec<Url>) -> Plan {
    Plan {
        connections: usize::from(args.connections).max(urls.len()),
        urls,
        rate: args.rate,
        extent: Extent::Duration(args.length),
        run_id: format!("flood-{}", Uuid::now_v7().simple()),
        seed: args.seed,
        choices: args.choice.clone(),
        timeout: TIMEOUT,
    }
}

/// Sends the votes, and tells what became of them and why they ended early, if they did.
async fn carry_out(
    args: &FloodArgs,
    plan: &Plan,
    stack: Option<&StackFile>,
) -> Result<(Report, Option<Early>), Failure> {
    let stop = &stop_on_signals()?;
    let conditions = limits::watch(&args.safety, stack).await?;
    let backlog = backlog(args, stack).await?;
    let (sender, progress) = watch::channel(Progress::default());
    let watch = Watch {
        conditions: conditions.as_ref(),
        queue: backlog.as_ref().zip(args.stop_at_queue),
        stop,
    };
    let flooding = async move {
        // The display ends when this is through, and the sender with it.
        let sender = sender;
        watch.until_the_end(flood(plan, &sender, stop)).await
    };
    let showing = live::show(progress, backlog.as_ref());
    let ((report, early), ()) = tokio::join!(flooding, showing);
    let report = report.map_err(|error| Failure::from(error).with_code(USAGE))?;
    let early = early.map_err(cannot_ask)?;
    Ok((report, early))
}

/// The stack's queue, asked of its Redis; none when there is none to ask, and nobody needs it.
async fn backlog(args: &FloodArgs, stack: Option<&StackFile>) -> Result<Option<Backlog>, Failure> {
    let redis = stack.and_then(|stack| stack.url(Kind::Redis));
    let backlog = redis.as_ref().map(Backlog::begin).transpose();
    match (backlog, args.stop_at_queue) {
        (backlog, None) => Ok(backlog.ok().flatten()),
        (Ok(None), Some(_)) => {
            let told = "the stack has no Redis that --stop-at-queue could ask; leave it out";
            Err(Failure::new(CANNOT_ASK, told))
        }
        (backlog, Some(_)) => {
            let backlog = backlog.map_err(cannot_ask)?;
            if let Some(backlog) = &backlog {
                backlog.first().await.map_err(cannot_ask)?;
            }
            Ok(backlog)
        }
    }
}

fn cannot_ask(error: LoadError) -> Failure {
    Failure::from(error).with_code(CANNOT_ASK)
}
