//! How many votes are due per second.

use std::fmt::{self, Display};
use std::str::FromStr;

/// Votes per second, over all URLs: a linear ramp from one rate to another, which is a constant
/// rate when the two are equal. Written `500` or `100..2000`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// At the start.
    pub from_per_s: f64,
    /// At the end.
    pub to_per_s: f64,
}

/// Why a text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{part}' is not a number; write votes per second, such as 500, or a ramp such as 100..2000"
)]
pub struct NoRate {
    /// What should have been a number.
    part: String,
}

impl Rate {
    /// The same rate from start to end.
    #[must_use]
    pub fn constant(per_s: f64) -> Self {
        Self {
            from_per_s: per_s,
            to_per_s: per_s,
        }
    }

    /// The rate in the middle of the time, which is also the mean over the time.
    #[must_use]
    pub fn mean_per_s(self) -> f64 {
        f64::midpoint(self.from_per_s, self.to_per_s)
    }

    /// The higher of the two rates.
    #[must_use]
    pub fn highest_per_s(self) -> f64 {
        self.from_per_s.max(self.to_per_s)
    }

    /// Whether a schedule can follow it: neither end is negative, none is above 100,000,000, which
    /// is more than any machine can send, and one at least is not below one vote in ten days.
    pub(super) fn can_be_kept(self) -> bool {
        let ends = [self.from_per_s, self.to_per_s];
        ends.iter().all(|end| (0.0..=1e8).contains(end)) && self.highest_per_s() >= 1e-6
    }
}

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        let number = |part: &str| {
            part.trim().parse().map_err(|_| NoRate {
                part: part.to_owned(),
            })
        };
        match text.split_once("..") {
            Some((from, to)) => Ok(Self {
                from_per_s: number(from)?,
                to_per_s: number(to)?,
            }),
            None => Ok(Self::constant(number(text)?)),
        }
    }
}

impl Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(
            clippy::float_cmp,
            reason = "a constant rate is one number, given once"
        )]
        if self.from_per_s == self.to_per_s {
            write!(f, "{}", self.from_per_s)
        } else {
            write!(f, "{}..{}", self.from_per_s, self.to_per_s)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_they_are_told() {
        for (text, from_per_s, to_per_s) in [
            ("500", 500.0, 500.0),
            ("0.5", 0.5, 0.5),
            ("100..2000", 100.0, 2000.0),
            ("2000..0", 2000.0, 0.0),
            ("0.5..1.5", 0.5, 1.5),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.from_per_s, rate.to_per_s), (from_per_s, to_per_s));
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_rate_is_told_by_the_part_that_is_no_number() {
        for (text, part) in [("fast", "fast"), ("1..", ""), ("..2", ""), ("1..x", "x")] {
            assert_eq!(text.parse::<Rate>().unwrap_err().part, part, "{text}");
        }
    }
}
