//! What differs between versions of Prometheus, and what a server may set.

/// How a server evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Semantics {
    /// Prometheus 2 up to 2.51: windows hold samples at both of their ends.
    V2,
    /// Prometheus 2 from 2.52 on: as before, but `rate` decides how far to extrapolate before it
    /// looks at where the counter was zero.
    V2_52,
    /// Prometheus 3: windows do not hold a sample at their beginning.
    V3,
}

impl Semantics {
    /// The semantics of a server that says this version, such as `2.53.1`; the newest for a
    /// version that cannot be read.
    #[must_use]
    pub fn of_version(version: &str) -> Self {
        let mut parts = version.trim_start_matches('v').split('.');
        let mut part = || parts.next().and_then(|part| part.parse::<u32>().ok());
        match (part(), part()) {
            (Some(0..=1), _) | (Some(2), Some(0..=51)) => Self::V2,
            (Some(2), Some(_)) => Self::V2_52,
            _ => Self::V3,
        }
    }

    /// Whether a sample at `at_ms` is in the window that begins at `from_ms`.
    pub(super) fn begins(self, at_ms: i64, from_ms: i64) -> bool {
        if self == Self::V3 {
            at_ms > from_ms
        } else {
            at_ms >= from_ms
        }
    }
}

/// What else an evaluation depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The server's version.
    pub semantics: Semantics,
    /// For how long the newest sample stands for a series (`--query.lookback-delta`).
    pub lookback_ms: i64,
    /// The Unix time at the time 0 of the samples, for `time()`.
    pub epoch_ms: i64,
}

impl Settings {
    /// A server of this version with the default lookback of 5 minutes.
    #[must_use]
    pub fn new(semantics: Semantics) -> Self {
        Self {
            semantics,
            lookback_ms: 300_000,
            epoch_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_tell_semantics() {
        for (version, semantics) in [
            ("2.42.0+ds", Semantics::V2),
            ("2.51.2", Semantics::V2),
            ("v2.53.1", Semantics::V2_52),
            ("3.0.0-rc.1", Semantics::V3),
            ("latest", Semantics::V3),
        ] {
            assert_eq!(Semantics::of_version(version), semantics, "{version}");
        }
    }
}
