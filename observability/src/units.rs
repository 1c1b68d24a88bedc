//! Units: how a number is told to a person, and how Prometheus writes durations.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a signal's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds of latency; told as ms or s.
    Seconds,
    /// Events in a second.
    PerSecond,
    /// A share between 0 and 1; told as per cent.
    Ratio,
    /// A plain number of things.
    Count,
    /// Bytes; told in powers of 1024.
    Bytes,
    /// A length of time; told as days, hours, minutes.
    Age,
    /// 1 is up, 0 is down.
    Up,
}

impl Unit {
    /// The value with its unit, at most nine characters. NaN (no data) is a dash, not a number.
    #[must_use]
    pub fn format(self, value: f64) -> String {
        if value.is_nan() {
            return "–".into();
        }
        match self {
            Self::Seconds if value.abs() < 0.001 => format!("{:.0}µs", value * 1e6),
            Self::Seconds if value.abs() < 1.0 => format!("{:.0}ms", value * 1e3),
            Self::Seconds => format!("{value:.2}s"),
            Self::PerSecond => format!("{}/s", compact(value)),
            Self::Ratio => format!("{:.1}%", value * 100.0),
            Self::Count => compact(value),
            Self::Bytes => bytes(value),
            Self::Age => age(value),
            Self::Up => if value > 0.0 { "up" } else { "DOWN" }.into(),
        }
    }
}

/// A number in at most six characters: `0`, `19.8`, `1234`, `12.3k`, `4.5M`.
fn compact(value: f64) -> String {
    let size = value.abs();
    if size.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    if size >= 1e9 {
        format!("{:.1}G", value / 1e9)
    } else if size >= 1e6 {
        format!("{:.1}M", value / 1e6)
    } else if size >= 1e4 {
        format!("{:.1}k", value / 1e3)
    } else if value.fract() == 0.0 || size >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

fn bytes(value: f64) -> String {
    const STEPS: [(&str, f64); 3] = [
        ("GiB", 1_073_741_824.0),
        ("MiB", 1_048_576.0),
        ("KiB", 1024.0),
    ];
    STEPS
        .iter()
        .find(|(_, size)| value.abs() >= *size)
        .map_or_else(
            || format!("{value:.0}B"),
            |(unit, size)| format!("{:.1}{unit}", value / size),
        )
}

/// A length of time in its two largest units: `42s`, `3m05s`, `2h07m`, `5d03h`.
/// Negative lengths are told as 0s: clocks of two machines may differ by a little.
#[must_use]
pub fn age(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "–".into();
    }
    let whole = Duration::from_secs_f64(seconds.clamp(0.0, 1e12)).as_secs();
    match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        3600..86400 => format!("{}h{:02}m", whole / 3600, whole % 3600 / 60),
        _ => format!("{}d{:02}h", whole / 86400, whole % 86400 / 3600),
    }
}

/// Divides a Prometheus duration by a time scale and writes it as Prometheus does, never
/// below one millisecond.
///
/// # Errors
/// The parser's message when `text` is not a Prometheus duration.
pub fn scale_duration(text: &str, time_scale: f64) -> Result<String, String> {
    Ok(prometheus_duration(scaled(
        parse_duration(text)?,
        time_scale,
    )))
}

/// Reads a Prometheus duration such as `5m`, `1h30m` or `500ms`; `0` and `0s` are zero.
///
/// # Errors
/// The parser's message when `text` is not a Prometheus duration.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(Duration::ZERO);
    }
    promql_parser::util::parse_duration(text)
}

/// The duration divided by the scale, rounded to the millisecond that Prometheus counts in.
#[must_use]
pub fn scaled(duration: Duration, time_scale: f64) -> Duration {
    if duration.is_zero() {
        return duration;
    }
    let millis = (duration.as_secs_f64() * 1000.0 / time_scale)
        .round()
        .max(1.0);
    Duration::from_secs_f64(millis / 1000.0)
}

/// Writes a duration as Prometheus reads it.
#[must_use]
pub fn prometheus_duration(duration: Duration) -> String {
    let rounded = Duration::from_millis(
        u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX),
    );
    promql_parser::util::display_duration(&rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short_and_carry_their_unit() {
        for (unit, value, told) in [
            (Unit::Seconds, 0.0042, "4ms"),
            (Unit::Seconds, 1.5, "1.50s"),
            (Unit::PerSecond, 19.84, "19.8/s"),
            (Unit::Ratio, 0.051, "5.1%"),
            (Unit::Count, 10_500.0, "10.5k"),
            (Unit::Count, 3.0, "3"),
            (Unit::Bytes, 3.0 * 1_048_576.0, "3.0MiB"),
            (Unit::Age, 3725.0, "1h02m"),
            (Unit::Up, 0.0, "DOWN"),
            (Unit::Count, f64::NAN, "–"),
        ] {
            assert_eq!(unit.format(value), told);
        }
    }

    #[test]
    fn durations_scale_to_the_millisecond() {
        assert_eq!(scale_duration("5m", 30.0).unwrap(), "10s");
        assert_eq!(scale_duration("15s", 30.0).unwrap(), "500ms");
        assert_eq!(scale_duration("1h", 7.0).unwrap(), "8m34s286ms");
        assert_eq!(scale_duration("0s", 30.0).unwrap(), "0s");
        assert!(scale_duration("five", 2.0).is_err());
    }
}
