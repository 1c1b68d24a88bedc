//! The arguments of `voteops chaos flood`.

use std::time::Duration;

use clap::Args;
use url::Url;
use voteops_chaos::load::{Choice, Rate};

use super::StackArgs;
use super::chaos::SafetyArgs;
use super::values::{choice, fault_length, http_url, rate};

/// `voteops chaos flood`.
#[derive(Debug, Clone, Args)]
pub struct FloodArgs {
    /// The stack
    #[command(flatten)]
    pub stack: StackArgs,
    /// Vote app to send to, instead of the stack's; may be given more than once
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub url: Vec<Url>,
    /// Votes in a second, or a ramp from one rate to another over the whole time
    #[arg(long, value_name = "R|R..R", value_parser = rate, allow_negative_numbers = true)]
    pub rate: Rate,
    /// How long
    #[arg(long = "for", value_name = "DURATION", value_parser = fault_length)]
    pub length: Duration,
    /// End as soon as the stack's queue is so long, which Redis is asked ten times a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub stop_at_queue: Option<u64>,
    /// Connections to send over
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// What keeps it within bounds
    #[command(flatten)]
    pub safety: SafetyArgs,
    /// Choices to vote for, drawn by their weights; without one, a choice weighs 1
    #[arg(long, value_name = "ID[=WEIGHT]", value_delimiter = ',', default_value = "cats,dogs", value_parser = choice)]
    pub choice: Vec<Choice>,
    /// Draw the votes by this seed: equal seeds cast equal votes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Print JSON (schemas/flood.schema.json)
    #[arg(long)]
    pub json: bool,
}
