//! The arguments of `voteops chaos`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use url::Url;

use super::console::ConfigArgs;
use super::experiment::{CheckFilesArgs, RunArgs};
use super::reach::{AskedArgs, ReachArgs};
use super::values::{fault_length, flood_rate, http_url, latency, share};
use super::verify::VerifyArgs;
use super::{FloodArgs, StackArgs};

/// Readings of the results in a second, while their cache is cold.
pub(crate) const READS_PER_S: f64 = 100.0;

/// What `voteops chaos` does.
#[derive(Debug, Subcommand)]
pub enum ChaosCommand {
    /// Stop workers (SIGSTOP, or pausing), and let them go on at the end
    StallWorker(StallArgs),
    /// Kill workers (SIGKILL), and have them started again at the end
    KillWorker(StallArgs),
    /// Have workers hold every batch of votes up before they record it
    SlowWorker(SlowWorkerArgs),
    /// Have vote apps take their time for a share of the votes
    SlowVotes(SlowVotesArgs),
    /// Have vote apps refuse a share of the votes with a 5xx
    FailVotes(FailVotesArgs),
    /// Fill Redis nearly up to its memory limit with keys that are removed at the end
    FillRedis(FillRedisArgs),
    /// Read the results while vote apps never find them in their cache
    ColdCache(ColdCacheArgs),
    /// Stop Redis (SIGSTOP, or pausing), and let it go on at the end
    StallRedis(HangArgs),
    /// Stop the background voters (SIGSTOP, or pausing), and let them go on at the end
    MuteTraffic(HangArgs),
    /// Send votes at a rate that is constant or a ramp, whether or not the answers keep up
    ///
    /// Exit codes: 0 every vote was accepted at the planned rate, or --stop-at-queue ended it; 1
    /// some were not, or it was interrupted; 2 wrong usage; 3 the queue could not be asked.
    Flood(FloodArgs),
    /// Prove an alert end to end: fault, pending, firing, notified, undone, resolved, no vote lost
    ///
    /// Exit codes: 0 proven, 1 not proven, 2 wrong usage, 3 could not run, 4 a fault could not
    /// be undone.
    Verify(Box<VerifyArgs>),
    /// Run an experiment from a file: hypothesis, method, undoing, hypothesis again, votes
    ///
    /// Nothing has to be written for the way back: every fault is undone at the end of its step, and
    /// at once when the run is ended. Exit codes: 0 met, 1 deviated or aborted, 2 wrong usage or file,
    /// 3 could not run, 4 a fault could not be undone.
    Run(RunArgs),
    /// Check experiment files, and tell all that is wrong with them, by line and column
    ///
    /// Exit codes: 0 all are sound, 2 something is wrong.
    Check(CheckFilesArgs),
    /// List the faults: what each touches, how it is undone, and the alerts that it makes fire
    List(ListArgs),
    /// Tell which faults are in force, and who looks after them
    ///
    /// Exit codes: 0 none, 1 some are in force and looked after, 4 one was left behind.
    Status(FaultStatusArgs),
    /// Undo what a run that was killed left behind
    Recover(RecoverArgs),
    /// Undoes a fault when its runner dies
    #[command(hide = true)]
    Guardian(GuardianArgs),
}

/// `voteops chaos stall-worker`, `kill-worker`.
#[derive(Debug, Clone, Args)]
pub struct StallArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Which workers: all, a number or a share of them, or their names
    #[arg(long, value_name = "all|N|N%|NAME", num_args = 1.., value_delimiter = ',', default_value = "all")]
    pub workers: Vec<String>,
    /// Where they are
    #[command(flatten)]
    pub reach: ReachArgs,
    /// How it is done
    #[command(flatten)]
    pub course: CourseArgs,
}

/// `voteops chaos slow-worker`.
#[derive(Debug, Clone, Args)]
pub struct SlowWorkerArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Which workers: all, a number or a share of them, or their names
    #[arg(long, value_name = "all|N|N%|NAME", num_args = 1.., value_delimiter = ',', default_value = "all")]
    pub workers: Vec<String>,
    /// How long each batch is held up
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = latency)]
    pub latency: Duration,
    /// Where they are
    #[command(flatten)]
    pub place: AskedArgs,
    /// How it is done
    #[command(flatten)]
    pub course: CourseArgs,
}

/// Which vote apps, and of how many votes.
#[derive(Debug, Clone, Args)]
pub struct VotesArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Which vote apps: all, a number or a share of them, or their names
    #[arg(long, value_name = "all|N|N%|NAME", num_args = 1.., value_delimiter = ',', default_value = "all")]
    pub apps: Vec<String>,
    /// Where they are
    #[command(flatten)]
    pub place: AskedArgs,
    /// How it is done
    #[command(flatten)]
    pub course: CourseArgs,
}

/// `voteops chaos slow-votes`.
#[derive(Debug, Clone, Args)]
pub struct SlowVotesArgs {
    /// Which votes
    #[command(flatten)]
    pub votes: VotesArgs,
    /// How long a vote is held up
    #[arg(long, value_name = "DURATION", default_value = "600ms", value_parser = latency)]
    pub latency: Duration,
    /// The share of the votes that is held up
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = share)]
    pub share: f64,
}

/// `voteops chaos fail-votes`.
#[derive(Debug, Clone, Args)]
pub struct FailVotesArgs {
    /// Which votes
    #[command(flatten)]
    pub votes: VotesArgs,
    /// The status that they are refused with
    #[arg(long, value_name = "CODE", default_value_t = 500, value_parser = clap::value_parser!(u16).range(500..=599))]
    pub status: u16,
    /// The share of the votes that is refused
    #[arg(long, value_name = "PERCENT", default_value = "50%", value_parser = share)]
    pub share: f64,
}

/// `voteops chaos fill-redis`.
#[derive(Debug, Clone, Args)]
pub struct FillRedisArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// The share of its memory limit that Redis is to use, at most 95%
    #[arg(long, value_name = "PERCENT", default_value = "90%", value_parser = share)]
    pub to: f64,
    /// Where it is
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Where it is reached, `redis://:PASSWORD@HOST:PORT`, when its process or container is named
    #[arg(
        long,
        value_name = "URL",
        env = "VOTEOPS_REDIS_URL",
        hide_env_values = true,
        help_heading = "Other targets"
    )]
    pub redis: Option<Url>,
    /// How it is done
    #[command(flatten)]
    pub course: CourseArgs,
}

/// `voteops chaos cold-cache`.
#[derive(Debug, Clone, Args)]
pub struct ColdCacheArgs {
    /// Which vote apps
    #[command(flatten)]
    pub votes: VotesArgs,
    /// How often the results are read, times a second
    #[arg(long, value_name = "R", default_value_t = READS_PER_S, value_parser = flood_rate)]
    pub reads: f64,
    /// Vote app whose results are read, instead of the stack's; may be given more than once
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub url: Vec<Url>,
}

/// What keeps an experiment within bounds.
#[derive(Debug, Clone, Args)]
pub struct SafetyArgs {
    /// End the experiment when this holds: PromQL, checked at every evaluation; may be given more
    /// than once
    #[arg(long, value_name = "PROMQL")]
    pub abort_if: Vec<String>,
    /// The Prometheus that checks them, when the targets are not those of a stack of `voteops up`
    #[arg(long, value_name = "URL", value_parser = http_url, requires = "abort_if")]
    pub abort_prometheus: Option<Url>,
    /// The name of a protected stack, to confirm that it is meant
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
    /// Limits are in its `[chaos]`
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// How a fault is done.
#[derive(Debug, Clone, Args)]
pub struct CourseArgs {
    /// What keeps it within bounds
    #[command(flatten)]
    pub safety: SafetyArgs,
    /// How long
    #[arg(long = "for", value_name = "DURATION", default_value = "1m", value_parser = fault_length)]
    pub length: Duration,
    /// Draw the targets by this seed when a number or a share of them is meant, instead of taking
    /// the first
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Tell what would be touched and how it would be undone, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `voteops chaos stall-redis`, `mute-traffic`.
#[derive(Debug, Clone, Args)]
pub struct HangArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Where it is
    #[command(flatten)]
    pub reach: ReachArgs,
    /// How it is done
    #[command(flatten)]
    pub course: CourseArgs,
}

/// `voteops chaos list`.
#[derive(Debug, Clone, Copy, Args)]
pub struct ListArgs {
    /// Print JSON (schemas/chaos-list.schema.json)
    #[arg(long)]
    pub json: bool,
}

/// `voteops chaos status`.
#[derive(Debug, Clone, Args)]
pub struct FaultStatusArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Print JSON (schemas/chaos-status.schema.json)
    #[arg(long)]
    pub json: bool,
}

/// `voteops chaos recover`.
#[derive(Debug, Clone, Args)]
pub struct RecoverArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Undo faults whose runner is still alive, too
    #[arg(long, alias = "all")]
    pub force: bool,
}

/// `voteops chaos guardian`.
#[derive(Debug, Clone, Args)]
pub struct GuardianArgs {
    /// The fault's record
    #[arg(long, value_name = "FILE")]
    pub record: PathBuf,
}
