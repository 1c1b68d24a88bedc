//! `voteops chaos flood`.

use std::convert::Infallible;
use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;
use voteops_chaos::abort::tripped;
use voteops_chaos::load::{ErrorKind, Extent, Plan, Progress, Report, flood};

use super::limits::{self, Bounds};
use super::{stop_on_signals, vote_apps};
use crate::Failure;
use crate::args::FloodArgs;
use crate::failure::USAGE;
use crate::runtime;

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What `--json` prints: `schemas/flood.schema.json`.
#[derive(Serialize)]
struct Printed<'a> {
    run_id: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn run(args: &FloodArgs) -> Result<ExitCode, Failure> {
    let stack = if args.url.is_empty() {
        Some(super::stack(&args.stack)?)
    } else {
        None
    };
    let urls = stack.as_ref().map_or_else(|| args.url.clone(), vote_apps);
    limits::confirm(&args.safety)?;
    limits::permit(
        &args.safety,
        Bounds {
            length: Some(args.length),
            rate_per_s: Some(args.rate),
            ..Bounds::default()
        },
    )?;
    let plan = Plan {
        connections: usize::from(args.connections).max(urls.len()),
        urls,
        rate_per_s: args.rate,
        extent: Extent::Duration(args.length),
        run_id: format!("flood-{}", Uuid::now_v7().simple()),
        seed: 0,
        choices: args.choice.clone(),
        timeout: TIMEOUT,
    };
    runtime::multi_thread()?.block_on(async {
        let stop = stop_on_signals()?;
        let conditions = match &stack {
            Some(stack) => limits::watch(&args.safety, Some(stack)).await?,
            None if args.safety.abort_if.is_empty() => None,
            None => {
                let told = "--abort-if is asked of the stack's Prometheus; leave --url out";
                return Err(Failure::new(USAGE, told));
            }
        };
        let aborted = async {
            let reason = tripped(conditions.as_ref()).await;
            eprintln!("voteops: {reason}; the load ends");
            stop.cancel();
            std::future::pending::<Infallible>().await
        };
        let (sender, progress) = watch::channel(Progress::default());
        let shown = tokio::spawn(show(progress, plan.votes()));
        let outcome = tokio::select! {
            outcome = flood(&plan, &sender, &stop) => outcome,
            never = aborted => match never {},
        };
        drop(sender);
        // The display ends with the sender; how does not matter.
        let _ = shown.await;
        let report = outcome.map_err(|error| Failure::from(error).with_code(USAGE))?;
        if args.json {
            let printed = Printed {
                run_id: &plan.run_id,
                report: &report,
            };
            println!("{}", serde_json::to_string_pretty(&printed)?);
        } else {
            print!("{}", text(&plan, &report));
        }
        let whole = report.accepted == report.planned && !report.shortfall;
        Ok(ExitCode::from(u8::from(!whole)))
    })
}

/// Shows the load on standard error while somebody watches.
async fn show(mut progress: watch::Receiver<Progress>, votes: u64) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let bar = ProgressBar::new(votes);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    while progress.changed().await.is_ok() {
        let now = *progress.borrow();
        bar.set_position(now.sent);
        bar.set_message(format!(
            "{:.0}/s  accepted {}  failed {}  p99 {:.1} ms",
            now.current_rate_per_s,
            now.accepted,
            now.failed,
            ms(now.latency_p99_us)
        ));
    }
    bar.finish_and_clear();
}

fn text(plan: &Plan, report: &Report) -> String {
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{text}");
    };
    line(format_args!(
        "planned   {:>8} votes  {:>9.1}/s",
        report.planned, report.planned_rate_per_s
    ));
    line(format_args!(
        "sent      {:>8} votes  {:>9.1}/s{}",
        report.sent,
        report.achieved_rate_per_s,
        if report.shortfall {
            "  ▲ short of the plan"
        } else {
            ""
        }
    ));
    line(format_args!("accepted  {:>8} votes", report.accepted));
    for (status, count) in &report.rejected {
        line(format_args!("rejected  {count:>8} votes  HTTP {status}"));
    }
    for (kind, count) in &report.errors {
        line(format_args!(
            "failed    {count:>8} votes  {}",
            told_kind(*kind)
        ));
    }
    for (name, latency) in [("latency", &report.latency), ("lag", &report.lag)] {
        line(format_args!(
            "{name:<9} p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2} ms",
            ms(latency.p50_us),
            ms(latency.p90_us),
            ms(latency.p99_us),
            ms(latency.p999_us),
            ms(latency.max_us)
        ));
    }
    line(format_args!(
        "voters    {}-0 … {}",
        plan.run_id,
        report.planned.saturating_sub(1)
    ));
    if report.cancelled {
        line(format_args!("▲ interrupted before its end"));
    }
    out
}

#[expect(
    clippy::cast_precision_loss,
    reason = "told to a hundredth of a millisecond"
)]
fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

fn told_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Connect => "no connection, not sent",
        ErrorKind::Broken => "connection broke, perhaps counted",
        ErrorKind::Timeout => "no answer in time, perhaps counted",
        ErrorKind::Unreadable => "not a vote app's answer",
    }
}
