//! Which faults are planned on which components of a stack.

use serde_json::{Map, Value, json};
use voteops_chaos::catalogue::{
    COLD_CACHE, Entry, FAIL_VOTES, FILL_REDIS, MUTE_TRAFFIC, SLOW_VOTES, SLOW_WORKER, STALL_REDIS,
    STALL_WORKER,
};
use voteops_chaos::faults::Plan;
use voteops_chaos::faults::fill::Fill;
use voteops_chaos::faults::lease::Lease;
use voteops_chaos::faults::stall::Stall;
use voteops_chaos::record::Target;
use voteops_local::StackFile;
use voteops_local::component::Kind;

use super::select::select;
use super::{fault_failure, running};
use crate::Failure;
use crate::args::{
    ColdCacheArgs, FailVotesArgs, FillRedisArgs, HangArgs, SlowVotesArgs, SlowWorkerArgs,
    StallArgs, VotesArgs,
};
use crate::failure::CANNOT_ASK;

/// The share of its memory limit that Redis is usually filled to.
const USUAL_FILL: f64 = 0.9;

/// A plan, and the stack that it is of.
type Planned = Result<(Plan, StackFile), Failure>;

pub(super) fn stall_workers(args: &StallArgs) -> Planned {
    let stack = super::stack(&args.stack)?;
    let targets = select(
        running(&stack, Kind::Worker)?,
        "--workers",
        &args.workers,
        args.course.seed,
    )?;
    Ok((stall(&STALL_WORKER, targets)?, stack))
}

/// Stalls the only component of a kind.
pub(super) fn hang(fault: &'static Entry, args: &HangArgs) -> Planned {
    let stack = super::stack(&args.stack)?;
    let targets = running(&stack, kind(fault))?;
    Ok((stall(fault, targets)?, stack))
}

pub(super) fn slow_workers(args: &SlowWorkerArgs) -> Planned {
    let stack = super::stack(&args.stack)?;
    let targets = select(
        running(&stack, Kind::Worker)?,
        "--workers",
        &args.workers,
        args.course.seed,
    )?;
    let parameters = json!({ "latency_ms": millis(args.latency) });
    Ok((lease(&SLOW_WORKER, &stack, targets, parameters)?, stack))
}

pub(super) fn slow_votes(args: &SlowVotesArgs) -> Planned {
    let stack = super::stack(&args.votes.stack)?;
    let targets = apps(&stack, &args.votes)?;
    let parameters = json!({ "latency_ms": millis(args.latency), "share": args.share });
    Ok((lease(&SLOW_VOTES, &stack, targets, parameters)?, stack))
}

pub(super) fn fail_votes(args: &FailVotesArgs) -> Planned {
    let stack = super::stack(&args.votes.stack)?;
    let targets = apps(&stack, &args.votes)?;
    let parameters = json!({ "status": args.status, "share": args.share });
    Ok((lease(&FAIL_VOTES, &stack, targets, parameters)?, stack))
}

/// The vote apps that are meant.
fn apps(stack: &StackFile, args: &VotesArgs) -> Result<Vec<Target>, Failure> {
    let there = running(stack, Kind::VoteApp)?;
    select(there, "--apps", &args.apps, args.course.seed)
}

pub(super) fn fill_redis(args: &FillRedisArgs) -> Planned {
    let stack = super::stack(&args.stack)?;
    Ok((fill(&stack, args.to)?, stack))
}

pub(super) fn cold_cache(args: &ColdCacheArgs) -> Planned {
    let stack = super::stack(&args.votes.stack)?;
    let targets = apps(&stack, &args.votes)?;
    Ok((lease(&COLD_CACHE, &stack, targets, json!({}))?, stack))
}

fn fill(stack: &StackFile, share: f64) -> Result<Plan, Failure> {
    let targets = running(stack, Kind::Redis)?;
    let url = stack
        .url(Kind::Redis)
        .ok_or_else(|| Failure::new(CANNOT_ASK, "the stack has no Redis"))?;
    let plan = Fill::plan(&FILL_REDIS, targets, &url, share).map_err(fault_failure)?;
    Ok(Plan::Fill(plan))
}

/// A fault on everything that it touches, as hard as it usually is.
pub(crate) fn usual(fault: &'static Entry, stack: &StackFile) -> Result<Plan, Failure> {
    let targets = running(stack, kind(fault))?;
    let parameters = match fault.name {
        _ if *fault == SLOW_WORKER => json!({ "latency_ms": 2000 }),
        _ if *fault == SLOW_VOTES => json!({ "latency_ms": 600, "share": 1.0 }),
        _ if *fault == FAIL_VOTES => json!({ "status": 500, "share": 0.5 }),
        _ if *fault == COLD_CACHE => json!({}),
        _ if *fault == FILL_REDIS => return fill(stack, USUAL_FILL),
        _ => return stall(fault, targets),
    };
    lease(fault, stack, targets, parameters)
}

/// How many targets of its kind run; `None` for kinds of which there is only ever one.
pub(super) fn there(plan: &Plan, stack: &StackFile) -> Result<Option<usize>, Failure> {
    let kind = kind(plan.fault());
    if matches!(kind, Kind::Redis | Kind::Voters) {
        return Ok(None);
    }
    Ok(Some(running(stack, kind)?.len()))
}

/// What a fault touches.
fn kind(fault: &Entry) -> Kind {
    match fault {
        _ if [STALL_REDIS, FILL_REDIS].contains(fault) => Kind::Redis,
        _ if *fault == MUTE_TRAFFIC => Kind::Voters,
        _ if [SLOW_VOTES, FAIL_VOTES, COLD_CACHE].contains(fault) => Kind::VoteApp,
        _ => Kind::Worker,
    }
}

fn stall(fault: &'static Entry, targets: Vec<Target>) -> Result<Plan, Failure> {
    let plan = Stall::plan(fault, targets).map_err(fault_failure)?;
    Ok(Plan::Stall(plan))
}

fn lease(
    fault: &'static Entry,
    stack: &StackFile,
    targets: Vec<Target>,
    parameters: Value,
) -> Result<Plan, Failure> {
    let token_file = stack.admin_token_file.as_ref().ok_or_else(|| {
        let message = "this stack was started by an older voteops and takes no such faults; \
                       start it anew";
        Failure::new(CANNOT_ASK, message)
    })?;
    let parameters = match parameters {
        Value::Object(parameters) => parameters,
        _ => Map::new(),
    };
    let plan = Lease::plan(fault, targets, parameters, token_file).map_err(fault_failure)?;
    Ok(Plan::Lease(plan))
}

fn millis(length: std::time::Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
