//! Which faults are planned on which targets.

use std::path::Path;

use serde_json::{Map, Value, json};
use url::Url;
use voteops_chaos::catalogue::{
    COLD_CACHE, Entry, FAIL_VOTES, FILL_REDIS, KILL_WORKER, SLOW_VOTES, SLOW_WORKER,
};
use voteops_chaos::engine::ContainerId;
use voteops_chaos::faults::{Plan, fill, kill, lease, stall};
use voteops_chaos::record::Target;
use voteops_local::StackFile;
use voteops_local::component::Kind;

use super::reach::{self, Found, Ground, admin_token_file, kind};
use super::select::select;
use super::{fault_failure, running};
use crate::Failure;
use crate::args::{
    AskedArgs, ColdCacheArgs, FailVotesArgs, FillRedisArgs, HangArgs, REDIS_URL, ReachArgs,
    SlowVotesArgs, SlowWorkerArgs, StackArgs, StallArgs, VotesArgs, is_typed,
};
use crate::compose::Compose;
use crate::failure::{CANNOT_ASK, USAGE};

/// A Redis of which only the process is known, or a container that is not the service `redis` of a Compose project.
const NO_WAY_IN: &str = "name where this Redis is reached, redis://:PASSWORD@HOST:PORT, with --redis or \
                         VOTEOPS_REDIS_URL";

/// A Redis is named besides that of the stack, which is the target.
const ANOTHER: &str = "the target is the Redis of the stack, and --redis says where another is reached; leave it out, or \
                       name the process or container of the other, too";

/// The share of its memory limit that Redis is usually filled to.
const USUAL_FILL: f64 = 0.9;

/// A plan, and where it is of.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// Of how many its targets were chosen; `None` for what there is only ever one of.
    pub(super) there: Option<usize>,
    pub(super) ground: Ground,
}

type Outcome = Result<Planned, Failure>;

/// Plans what stops or kills workers.
pub(super) fn halt_workers(fault: &'static Entry, args: &StallArgs) -> Outcome {
    let mut found = reach::found(fault, &args.stack, &args.reach)?;
    let there = found.count(fault);
    found.targets = select(found.targets, "--workers", &args.workers, args.course.seed)?;
    let plan = halt(fault, found.ground.stack.as_ref(), found.targets)?;
    Ok(Planned {
        plan,
        there,
        ground: found.ground,
    })
}

/// Stalls whatever there is only one of.
pub(super) fn hang(fault: &'static Entry, args: &HangArgs) -> Outcome {
    halt_named(fault, &args.stack, &args.reach)
}

/// Plans what stops or kills everything that is meant.
pub(super) fn halt_named(fault: &'static Entry, stack: &StackArgs, reach: &ReachArgs) -> Outcome {
    let found = reach::found(fault, stack, reach)?;
    Ok(Planned {
        there: found.count(fault),
        plan: halt(fault, found.ground.stack.as_ref(), found.targets)?,
        ground: found.ground,
    })
}

pub(super) fn slow_workers(args: &SlowWorkerArgs) -> Outcome {
    let (found, token_file) = reach::asked(&SLOW_WORKER, &args.stack, &args.place)?;
    let parameters = json!({ "latency_ms": millis(args.latency) });
    let chosen = |targets| select(targets, "--workers", &args.workers, args.course.seed);
    asked(
        &SLOW_WORKER,
        found,
        chosen,
        parameters,
        token_file.as_deref(),
    )
}

pub(super) fn slow_votes(args: &SlowVotesArgs) -> Outcome {
    let parameters = json!({ "latency_ms": millis(args.latency), "share": args.share });
    apps(&SLOW_VOTES, &args.votes, parameters)
}

pub(super) fn fail_votes(args: &FailVotesArgs) -> Outcome {
    let parameters = json!({ "status": args.status, "share": args.share });
    apps(&FAIL_VOTES, &args.votes, parameters)
}

pub(super) fn cold_cache(args: &ColdCacheArgs) -> Outcome {
    apps(&COLD_CACHE, &args.votes, json!({}))
}

/// Plans what vote apps are asked for.
fn apps(fault: &'static Entry, args: &VotesArgs, parameters: Value) -> Outcome {
    let (found, token_file) = reach::asked(fault, &args.stack, &args.place)?;
    let chosen = |targets| select(targets, "--apps", &args.apps, args.course.seed);
    asked(fault, found, chosen, parameters, token_file.as_deref())
}

fn asked(
    fault: &'static Entry,
    found: Found,
    chosen: impl FnOnce(Vec<Target>) -> Result<Vec<Target>, Failure>,
    parameters: Value,
    token_file: Option<&Path>,
) -> Outcome {
    let there = found.count(fault);
    let targets = chosen(found.targets)?;
    Ok(Planned {
        plan: ask(fault, targets, parameters, token_file)?,
        there,
        ground: found.ground,
    })
}

pub(super) fn fill_redis(args: &FillRedisArgs) -> Outcome {
    let found = reach::found(&FILL_REDIS, &args.stack, &args.reach)?;
    fill(found, args.redis.as_ref(), args.to)
}

/// Plans to fill a Redis, which is reached at `url`, or where the stack has it, or by the address of its container.
fn fill(found: Found, url: Option<&Url>, share: f64) -> Outcome {
    let container = found.targets.first().and_then(|it| it.identity.container());
    let url = match (url, &found.ground.stack) {
        (Some(url), Some(_)) if is_typed(url, REDIS_URL) => {
            return Err(Failure::new(USAGE, ANOTHER));
        }
        (_, Some(stack)) => redis(stack)?,
        (Some(url), None) => url.clone(),
        (None, None) => redis_of(container)?,
    };
    let plan = fill::plan(&FILL_REDIS, found.targets, &url, share);
    Ok(Planned {
        plan: plan.map_err(fault_failure)?,
        there: None,
        ground: found.ground,
    })
}

/// Where the Redis in a container is reached, if that container is one whose password is known.
fn redis_of(container: Option<&ContainerId>) -> Result<Url, Failure> {
    let no_way_in = || Failure::new(USAGE, NO_WAY_IN);
    let container = container.ok_or_else(no_way_in)?;
    let unknown = |error: Failure| {
        Failure::new(
            USAGE,
            format!("{NO_WAY_IN}; its project is not known: {error}"),
        )
    };
    let compose = Compose::with(&container.id).map_err(unknown)?;
    let compose = compose.ok_or_else(no_way_in)?;
    compose.redis_of(&container.id)?.ok_or_else(no_way_in)
}

fn redis(stack: &StackFile) -> Result<Url, Failure> {
    let url = stack.url(Kind::Redis);
    url.ok_or_else(|| Failure::new(CANNOT_ASK, "the stack has no Redis"))
}

/// A fault on everything that it touches in a stack, as hard as it usually is.
pub(crate) fn usual(fault: &'static Entry, stack: &StackFile) -> Result<Plan, Failure> {
    let targets = running(stack, kind(fault))?;
    if *fault == FILL_REDIS {
        let plan = fill::plan(fault, targets, &redis(stack)?, USUAL_FILL);
        return plan.map_err(fault_failure);
    }
    match usual_parameters(fault) {
        Some(parameters) => ask(fault, targets, parameters, Some(&admin_token_file(stack)?)),
        None => halt(fault, Some(stack), targets),
    }
}

/// The same on what is named.
pub(super) fn usual_named(
    fault: &'static Entry,
    stack: &StackArgs,
    reach: &ReachArgs,
    redis: Option<&Url>,
) -> Outcome {
    if *fault == FILL_REDIS {
        return fill(reach::found(fault, stack, reach)?, redis, USUAL_FILL);
    }
    let Some(parameters) = usual_parameters(fault) else {
        return halt_named(fault, stack, reach);
    };
    let place = AskedArgs {
        reach: reach.clone(),
        ..AskedArgs::default()
    };
    let (found, token_file) = reach::asked(fault, stack, &place)?;
    asked(fault, found, Ok, parameters, token_file.as_deref())
}

/// What services are usually given with a fault that they are asked for.
fn usual_parameters(fault: &Entry) -> Option<Value> {
    match fault.name {
        _ if *fault == SLOW_WORKER => Some(json!({ "latency_ms": 2000 })),
        _ if *fault == SLOW_VOTES => Some(json!({ "latency_ms": 600, "share": 1.0 })),
        _ if *fault == FAIL_VOTES => Some(json!({ "status": 500, "share": 0.5 })),
        _ if *fault == COLD_CACHE => Some(json!({})),
        _ => None,
    }
}

/// How many targets of its kind run; `None` for kinds of which there is only ever one.
pub(super) fn there(plan: &Plan, stack: &StackFile) -> Result<Option<usize>, Failure> {
    let kind = kind(plan.fault());
    if matches!(kind, Kind::Redis | Kind::Voters) {
        return Ok(None);
    }
    Ok(Some(running(stack, kind)?.len()))
}

/// Plans what stops or kills.
fn halt(
    fault: &'static Entry,
    stack: Option<&StackFile>,
    targets: Vec<Target>,
) -> Result<Plan, Failure> {
    let plan = if *fault == KILL_WORKER {
        let holds_dir = stack.and_then(|stack| stack.holds_dir.as_deref());
        kill::plan(fault, targets, holds_dir)
    } else {
        stall::plan(fault, targets)
    };
    plan.map_err(fault_failure)
}

fn ask(
    fault: &'static Entry,
    targets: Vec<Target>,
    parameters: Value,
    token_file: Option<&Path>,
) -> Result<Plan, Failure> {
    let parameters = match parameters {
        Value::Object(parameters) => parameters,
        _ => Map::new(),
    };
    lease::plan(fault, targets, parameters, token_file).map_err(fault_failure)
}

fn millis(length: std::time::Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
