//! Steps and times in words.

use std::fmt;
use std::time::Duration;

use super::format::{Act, Amount, End, FaultStep, LoadStep, Step, Until};

/// A length of time in seconds, to the tenth below ten minutes.
#[must_use]
pub fn seconds(length: Duration) -> String {
    let length_s = length.as_secs_f64();
    if length_s < 600.0 {
        format!("{length_s:.1} s")
    } else {
        format!("{length_s:.0} s")
    }
}

/// A value with as many digits as tell it apart from its bounds.
pub(super) fn number(value: f64) -> String {
    if value.is_finite() && value.abs() >= 0.001 {
        ((value * 1000.0).round() / 1000.0).to_string()
    } else {
        value.to_string()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.act {
            Act::Fault { fault, end } => write!(f, "{fault} {end}"),
            Act::Load(load) => load.fmt(f),
            Act::Wait(length) => write!(f, "wait {}", seconds(*length)),
            Act::Until(until) => until.fmt(f),
        }
    }
}

impl fmt::Display for FaultStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.targets.join(", ");
        let mut given = Vec::new();
        if named != "all" {
            given.push(format!("targets {named}"));
        }
        let percent = |share: f64| format!("{:.0}%", share * 100.0);
        let more = [
            self.seed.map(|seed| format!("seed {seed}")),
            self.latency
                .map(|latency| format!("latency {} ms", latency.as_millis())),
            self.share.map(|share| format!("share {}", percent(share))),
            self.status.map(|status| format!("status {status}")),
            self.to.map(|to| format!("to {}", percent(to))),
            self.reads_per_s.map(|rate| format!("reads {rate}/s")),
        ];
        given.extend(more.into_iter().flatten());
        f.write_str(self.fault.name)?;
        if given.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", given.join(", "))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(length) => write!(f, "for {}", seconds(*length)),
            Self::Until(until) => until.fmt(f),
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alert, is) = (&self.alert, self.is.name());
        write!(f, "until {alert} is {is}, within {}", seconds(self.within))
    }
}

impl fmt::Display for LoadStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = seconds(self.length);
        match self.amount {
            Amount::Votes(votes) => write!(f, "{votes} votes in {length}"),
            #[expect(clippy::float_cmp, reason = "a rate that was written once is both")]
            Amount::Rate {
                from_per_s,
                to_per_s,
            } if from_per_s == to_per_s => write!(f, "{from_per_s} votes/s for {length}"),
            Amount::Rate {
                from_per_s,
                to_per_s,
            } => write!(f, "{from_per_s}..{to_per_s} votes/s for {length}"),
        }
    }
}
