//! What may be typed or stand in a variable of the environment: what is typed comes first, and a variable that
//! does not go with it is as if it were not set.

use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use super::{SiteArgs, SourceArgs, TuiArgs};
use crate::Failure;
use crate::failure::USAGE;

/// Whether a value was typed, and is not only that of a variable.
pub(crate) fn is_typed<T: FromStr + PartialEq>(value: &T, variable: &str) -> bool {
    let set = std::env::var(variable).ok();
    set.and_then(|set| set.parse().ok()).as_ref() != Some(value)
}

/// The variable that stands for `--ledger`.
pub(crate) const LEDGER_URL: &str = "VOTEOPS_LEDGER_URL";
/// And for `--redis`.
pub(crate) const REDIS_URL: &str = "VOTEOPS_REDIS_URL";

/// A value that may be given, and how.
struct Given<'a, T> {
    value: &'a mut Option<T>,
    flag: &'static str,
    variable: &'static str,
}

impl<'a, T: FromStr + PartialEq> Given<'a, T> {
    fn new(value: &'a mut Option<T>, flag: &'static str, variable: &'static str) -> Self {
        Self {
            value,
            flag,
            variable,
        }
    }

    fn is_typed(&self) -> bool {
        let value = self.value.as_ref();
        value.is_some_and(|value| is_typed(value, self.variable))
    }

    /// Leaves it out if it was not typed.
    ///
    /// # Errors
    /// [`Failure`] when it was, and does not go with what is told.
    fn must_not_go_with(&mut self, other: &str) -> Result<(), Failure> {
        if self.is_typed() {
            let told = format!("{} does not go with {other}; leave out one", self.flag);
            return Err(Failure::new(USAGE, told));
        }
        *self.value = None;
        Ok(())
    }

    /// # Errors
    /// [`Failure`] when it is given, and what it goes with is not.
    fn must_go_with(&mut self, other: (&str, &str)) -> Result<(), Failure> {
        if self.value.is_none() {
            return Ok(());
        }
        let (what, with) = if self.is_typed() {
            (self.flag, other.0)
        } else {
            (self.variable, other.1)
        };
        let told = format!("{what} goes with {with} only; give that, too, or leave it out");
        Err(Failure::new(USAGE, told))
    }
}

const CONTEXT: (&str, &str) = ("--context", "VOTEOPS_CONTEXT");
const PROMETHEUS: (&str, &str) = ("--prometheus", "VOTEOPS_PROMETHEUS");
const DATA_DIR: (&str, &str) = ("--data-dir", "VOTEOPS_DATA_DIR");

fn prometheus(value: &mut Option<Url>) -> Given<'_, Url> {
    Given::new(value, PROMETHEUS.0, PROMETHEUS.1)
}

fn data_dir(value: &mut Option<PathBuf>) -> Given<'_, PathBuf> {
    Given::new(value, DATA_DIR.0, DATA_DIR.1)
}

impl SourceArgs {
    /// Settles which servers are meant.
    ///
    /// # Errors
    /// [`Failure`] when what was typed does not go together, or a variable lacks the one that it goes with.
    pub fn settle(&mut self) -> Result<(), Failure> {
        let by_context = Given::new(&mut self.context, CONTEXT.0, CONTEXT.1).is_typed();
        let by_data_dir = data_dir(&mut self.stack.data_dir).is_typed();
        if by_context {
            data_dir(&mut self.stack.data_dir).must_not_go_with(CONTEXT.0)?;
            self.leave_out_servers(CONTEXT.0)?;
        } else if prometheus(&mut self.prometheus).is_typed() || by_data_dir {
            self.context = None;
        }
        if by_data_dir && !prometheus(&mut self.prometheus).is_typed() {
            self.leave_out_servers(DATA_DIR.0)?;
        }
        if self.context.is_some() && self.prometheus.is_some() {
            let (context, prometheus) = (CONTEXT.1, PROMETHEUS.1);
            let told = format!("{context} and {prometheus} are both set; unset one of them");
            return Err(Failure::new(USAGE, told));
        }
        if self.prometheus.is_none() {
            for mut server in self.beside_prometheus() {
                server.must_go_with(PROMETHEUS)?;
            }
        }
        Ok(())
    }

    fn leave_out_servers(&mut self, other: &str) -> Result<(), Failure> {
        for mut server in self.beside_prometheus() {
            server.must_not_go_with(other)?;
        }
        prometheus(&mut self.prometheus).must_not_go_with(other)
    }

    fn beside_prometheus(&mut self) -> [Given<'_, Url>; 3] {
        [
            Given::new(
                &mut self.alertmanager,
                "--alertmanager",
                "VOTEOPS_ALERTMANAGER",
            ),
            Given::new(&mut self.grafana, "--grafana", "VOTEOPS_GRAFANA"),
            Given::new(&mut self.loki, "--loki", "VOTEOPS_LOKI"),
        ]
    }
}

impl TuiArgs {
    /// Settles what is shown.
    ///
    /// # Errors
    /// As [`SourceArgs::settle`].
    pub fn settle(&mut self) -> Result<(), Failure> {
        if self.replay.is_some() {
            data_dir(&mut self.sources.stack.data_dir).must_not_go_with("--replay")?;
            self.sources.leave_out_servers("--replay")?;
        }
        self.sources.settle()
    }
}

impl SiteArgs {
    /// Leaves out what a variable says of another site than the one that is meant.
    ///
    /// # Errors
    /// [`Failure`] when it was typed.
    pub fn settle(&mut self) -> Result<(), Failure> {
        let mut redis = Given::new(&mut self.redis, "--redis", REDIS_URL);
        if self.prometheus.is_none() {
            if redis.is_typed() {
                redis.must_go_with(PROMETHEUS)?;
            }
            self.redis = None;
        }
        let mut ledger = Given::new(&mut self.ledger, "--ledger", LEDGER_URL);
        if self.vote_app.is_empty() && self.prometheus.is_some() {
            if ledger.is_typed() {
                ledger.must_go_with(("--vote-app", ""))?;
            }
            self.ledger = None;
        }
        Ok(())
    }
}
