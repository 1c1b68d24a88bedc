//! The faults of an experiment's steps, planned as their own commands plan them.

use std::path::Path;

use clap::Parser;
use voteops_chaos::catalogue::{
    FILL_REDIS, KILL_WORKER, MUTE_TRAFFIC, SLOW_WORKER, STALL_REDIS, STALL_WORKER,
};
use voteops_chaos::experiments::format::FaultStep;
use voteops_chaos::faults::Plan;
use voteops_local::StackFile;

use super::super::plan;
use crate::Failure;
use crate::args::{ChaosCommand, Cli, Command, one_line};
use crate::failure::USAGE;

/// Plans the fault of a step on the targets that are there now, and touches nothing.
///
/// # Errors
/// Those of the fault's own command.
pub(super) fn plan(step: &FaultStep, stack: &StackFile) -> Result<Plan, Failure> {
    let parsed = Cli::try_parse_from(command(step, &stack.data_dir));
    let parsed = parsed.map_err(|error| Failure::new(USAGE, one_line(&error.to_string())))?;
    let planned = match parsed.command {
        Command::Chaos(ChaosCommand::StallWorker(args)) => plan::halt_workers(&STALL_WORKER, &args),
        Command::Chaos(ChaosCommand::KillWorker(args)) => plan::halt_workers(&KILL_WORKER, &args),
        Command::Chaos(ChaosCommand::SlowWorker(args)) => plan::slow_workers(&args),
        Command::Chaos(ChaosCommand::SlowVotes(args)) => plan::slow_votes(&args),
        Command::Chaos(ChaosCommand::FailVotes(args)) => plan::fail_votes(&args),
        Command::Chaos(ChaosCommand::FillRedis(args)) => plan::fill_redis(&args),
        Command::Chaos(ChaosCommand::ColdCache(args)) => plan::cold_cache(&args),
        Command::Chaos(ChaosCommand::StallRedis(args)) => plan::hang(&STALL_REDIS, &args),
        Command::Chaos(ChaosCommand::MuteTraffic(args)) => plan::hang(&MUTE_TRAFFIC, &args),
        _ => {
            let told = format!("{} is no fault of a step", step.fault.name);
            return Err(Failure::new(USAGE, told));
        }
    };
    planned.map(|planned| planned.plan)
}

/// The command line that means the same, so that what a file leaves out is as the command has it.
fn command(step: &FaultStep, data_dir: &Path) -> Vec<String> {
    let fault = step.fault;
    let mut words: Vec<String> = vec!["voteops".into(), "chaos".into(), fault.name.into()];
    let mut flag = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    flag("data-dir", data_dir.display().to_string());
    if [STALL_WORKER, KILL_WORKER, SLOW_WORKER].contains(fault) {
        flag("workers", step.targets.join(","));
    } else if ![STALL_REDIS, MUTE_TRAFFIC, FILL_REDIS].contains(fault) {
        flag("apps", step.targets.join(","));
    }
    if let Some(seed) = step.seed {
        flag("seed", seed.to_string());
    }
    if let Some(latency) = step.latency {
        flag("latency", format!("{}ms", latency.as_millis()));
    }
    for (name, number) in [
        ("share", step.share),
        ("to", step.to),
        ("reads", step.reads_per_s),
    ] {
        if let Some(number) = number {
            flag(name, number.to_string());
        }
    }
    if let Some(status) = step.status {
        flag("status", status.to_string());
    }
    words
}

#[cfg(test)]
mod tests {
    use voteops_chaos::experiments::format::Act;
    use voteops_chaos::experiments::parse;

    use super::*;

    /// The names of a method's faults with their command lines.
    fn commands(method: &str) -> Vec<(&'static str, Vec<String>)> {
        let text = format!("title = \"x\"\n{method}\n[expect]\nfires = [\"WorkerDown\"]\n");
        let script = parse(&text).unwrap();
        let faults = script.steps().filter_map(|step| match &step.act {
            Act::Fault { fault, .. } => {
                Some((fault.fault.name, command(fault, Path::new("/somewhere"))))
            }
            _ => None,
        });
        faults.collect()
    }

    #[test]
    fn every_step_is_a_command_line_that_is_understood() {
        let method = r#"
            method = [
                { fault = "stall-worker", for = "1m", targets = "50%", seed = 7 },
                { fault = "kill-worker", for = "1m", targets = 1 },
                { fault = "slow-worker", for = "1m", targets = ["worker-1", "worker-2"], latency = "2s" },
                { fault = "slow-votes", for = "1m", latency = "600ms", share = "50%", targets = 1 },
                { fault = "fail-votes", for = "1m", status = 503, share = "0.1%" },
                { fault = "cold-cache", for = "1m", reads = 50.5, seed = 1 },
                { fault = "fill-redis", for = "1m", to = "85%" },
                { fault = "stall-redis", for = "1m" },
                { fault = "mute-traffic", for = "1m" },
            ]"#;
        let mut names = Vec::new();
        for (name, words) in commands(method) {
            Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
            names.push(name);
        }
        let held = voteops_chaos::catalogue::FAULTS
            .iter()
            .map(|fault| fault.name);
        let mut held: Vec<_> = held.filter(|name| *name != "flood").collect();
        held.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, held);
    }

    #[test]
    fn what_a_step_does_not_say_is_left_to_the_command() {
        let method = "[[method]]\nfault = \"slow-votes\"\nfor = \"1m\"\n";
        let (_, words) = commands(method).remove(0);
        let words = words.join(" ");
        assert_eq!(
            words,
            "voteops chaos slow-votes --data-dir /somewhere --apps all"
        );
    }
}
