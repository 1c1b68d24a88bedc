//! The parameters of faults as JSON has them, each within its bounds from the moment it is read.

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest lease, in milliseconds: one hour.
const LEASE_MAX_MS: u64 = 3_600_000;

/// The longest latency, in milliseconds.
const LATENCY_MAX_MS: u64 = 30_000;

/// One in a million, the least share and its unit.
pub(super) const PARTS: u32 = 1_000_000;

/// How long a fault is in force unless it is renewed: 1 ms to one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease(Duration);

/// How much longer something takes: 1 ms to 30 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "u64")]
pub struct LatencyMs(u64);

/// Which share of events is struck: one in a million to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "f64")]
pub struct Share {
    /// In millionths, so that sums of shares are exact.
    parts: u32,
}

/// A status that tells of a server's failure: 500 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "u16")]
pub struct FailureStatus(StatusCode);

/// A parameter that is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {expected}, not {found}")]
pub struct BadParameter {
    name: &'static str,
    expected: &'static str,
    found: Value,
}

impl Lease {
    /// Reads `lease_ms`; `Null` stands for one that is not there.
    ///
    /// # Errors
    /// [`BadParameter`] when it is no whole number within the bounds.
    pub(super) fn read(value: Value) -> Result<Self, BadParameter> {
        let lease_ms = whole(&value, 1, LEASE_MAX_MS);
        lease_ms
            .map(|lease_ms| Self(Duration::from_millis(lease_ms)))
            .ok_or(BadParameter {
                name: "lease_ms",
                expected: "a whole number from 1 to 3600000",
                found: value,
            })
    }

    /// The lease as a duration.
    pub(super) fn duration(self) -> Duration {
        self.0
    }
}

impl LatencyMs {
    /// The latency as a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl Share {
    /// Every event.
    pub const ALL: Self = Self { parts: PARTS };

    pub(super) fn parts(self) -> u32 {
        self.parts
    }
}

impl FailureStatus {
    /// The status.
    #[must_use]
    pub fn code(self) -> StatusCode {
        self.0
    }
}

impl TryFrom<Value> for LatencyMs {
    type Error = BadParameter;

    fn try_from(value: Value) -> Result<Self, BadParameter> {
        whole(&value, 1, LATENCY_MAX_MS)
            .map(Self)
            .ok_or(BadParameter {
                name: "latency_ms",
                expected: "a whole number from 1 to 30000",
                found: value,
            })
    }
}

impl TryFrom<Value> for Share {
    type Error = BadParameter;

    fn try_from(value: Value) -> Result<Self, BadParameter> {
        let parts = value.as_f64().map(|share| share * f64::from(PARTS));
        // A little room for what a decimal fraction loses as a float.
        let within = parts.filter(|parts| (0.999..=f64::from(PARTS)).contains(parts));
        let Some(parts) = within else {
            return Err(BadParameter {
                name: "share",
                expected: "a number from 0.000001 to 1",
                found: value,
            });
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 to a million once it is rounded"
        )]
        let parts = parts.round() as u32;
        Ok(Self { parts })
    }
}

impl TryFrom<Value> for FailureStatus {
    type Error = BadParameter;

    fn try_from(value: Value) -> Result<Self, BadParameter> {
        whole(&value, 500, 599)
            .and_then(|status| u16::try_from(status).ok())
            .and_then(|status| StatusCode::from_u16(status).ok())
            .map(Self)
            .ok_or(BadParameter {
                name: "status",
                expected: "a whole number from 500 to 599",
                found: value,
            })
    }
}

impl From<LatencyMs> for u64 {
    fn from(latency: LatencyMs) -> Self {
        latency.0
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        Self::from(share.parts) / Self::from(PARTS)
    }
}

impl From<FailureStatus> for u16 {
    fn from(status: FailureStatus) -> Self {
        status.0.as_u16()
    }
}

fn whole(value: &Value, min: u64, max: u64) -> Option<u64> {
    value.as_u64().filter(|number| (min..=max).contains(number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_within_the_bounds_is_told_as_it_was_given() {
        for (value, told) in [(json!(1), 1.0), (json!(0.2), 0.2), (json!(0.000_001), 1e-6)] {
            let share: Share = serde_json::from_value(value).unwrap();
            assert_eq!(serde_json::to_value(share).unwrap(), json!(told));
        }
        for value in [json!(1), json!(30_000)] {
            let latency: LatencyMs = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(latency).unwrap(), value);
        }
        for value in [json!(500), json!(599)] {
            let status: FailureStatus = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(status).unwrap(), value);
        }
        let longest = Lease::read(json!(3_600_000)).unwrap();
        assert_eq!(longest.duration(), Duration::from_hours(1));
    }

    #[test]
    fn what_is_out_of_bounds_is_named_with_them() {
        for value in [json!(0), json!(30_001), json!(1.5), json!(-1), json!("1")] {
            let error = LatencyMs::try_from(value.clone()).unwrap_err().to_string();
            let bounds = "latency_ms must be a whole number from 1 to 30000, not ";
            assert_eq!(error, format!("{bounds}{value}"));
        }
        for value in [json!(0), json!(1.01), json!(-0.5), json!(1e-9), json!(null)] {
            let error = Share::try_from(value).unwrap_err().to_string();
            assert!(error.starts_with("share must be a number from 0.000001 to 1, not "));
        }
        for value in [json!(499), json!(600), json!(200)] {
            let error = FailureStatus::try_from(value).unwrap_err().to_string();
            assert!(error.starts_with("status must be a whole number from 500 to 599, not "));
        }
        for value in [json!(0), json!(3_600_001), Value::Null] {
            let error = Lease::read(value).unwrap_err().to_string();
            assert!(error.starts_with("lease_ms must be a whole number from 1 to 3600000, not "));
        }
    }
}
