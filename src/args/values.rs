//! Values of arguments: what they may be, and what is told when they are not.

use std::time::Duration;

use url::Url;
use voteops_chaos::catalogue::{Entry, FAULTS, FLOOD, find};
use voteops_chaos::load::{Choice, Rate};

/// Votes in a second: the lowest that is worth a load, and more than a machine can send.
const RATES_PER_S: (f64, f64) = (0.1, 200_000.0);

pub(super) fn http_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("{error}; write http://HOST:PORT"))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err("it must begin with http:// or https:// and name a host".into())
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write 30s, 5m or 1h30m"))
}

/// A JSON object.
pub(super) fn json(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))
}

/// A time between two readings.
pub(crate) fn refresh(text: &str) -> Result<Duration, String> {
    let given = duration(text)?;
    if (Duration::from_millis(200)..=Duration::from_hours(1)).contains(&given) {
        Ok(given)
    } else {
        Err("it must be between 200ms and 1h".into())
    }
}

/// How long a question may take.
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    let given = duration(text)?;
    if (Duration::from_millis(500)..=Duration::from_mins(1)).contains(&given) {
        Ok(given)
    } else {
        Err("it must be between 500ms and 1m".into())
    }
}

pub(crate) fn fault_length(text: &str) -> Result<Duration, String> {
    let given = duration(text)?;
    if (Duration::from_millis(100)..=Duration::from_hours(4)).contains(&given) {
        Ok(given)
    } else {
        Err("it must be between 100ms and 4h".into())
    }
}

/// How long something is held up: what services take.
pub(super) fn latency(text: &str) -> Result<Duration, String> {
    let given = duration(text)?;
    if (Duration::from_millis(1)..=Duration::from_secs(30)).contains(&given) {
        Ok(given)
    } else {
        Err("it must be between 1ms and 30s".into())
    }
}

/// A share as a number from 0 to 1, written as a percentage or as that number.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let unfit = || "it must be above 0% and at most 100%, such as 50% or 0.5".to_owned();
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let given: f64 = number.trim().parse().map_err(|_| unfit())?;
    let share = given / whole;
    // The least that services can tell from none.
    if (1e-6..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(unfit())
    }
}

/// A fault of the catalogue that is held for a while.
pub(super) fn held_fault(text: &str) -> Result<&'static Entry, String> {
    let held = FAULTS.iter().filter(|fault| **fault != FLOOD);
    let names: Vec<_> = held.map(|fault| fault.name).collect();
    find(text)
        .filter(|fault| names.contains(&fault.name))
        .ok_or_else(|| format!("there are {}", names.join(", ")))
}

pub(super) fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let given: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (least..=most).contains(&given) {
        Ok(given)
    } else {
        Err(format!("it must be between {least} and {most}"))
    }
}

pub(super) fn voter_rate(text: &str) -> Result<f64, String> {
    number(text, 0.0, 10_000.0)
}

pub(super) fn flood_rate(text: &str) -> Result<f64, String> {
    number(text, RATES_PER_S.0, RATES_PER_S.1)
}

/// A constant rate, or a ramp, which may begin or end with nothing.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    let rate: Rate = text.parse().map_err(|error| format!("{error}"))?;
    let (least, most) = RATES_PER_S;
    let ends = [rate.from_per_s, rate.to_per_s];
    if ends.iter().all(|end| (0.0..=most).contains(end)) && rate.highest_per_s() >= least {
        Ok(rate)
    } else {
        Err(format!(
            "it must be between {least} and {most}; a ramp may begin or end with 0, such as 0..500"
        ))
    }
}

pub(super) fn choice(text: &str) -> Result<Choice, String> {
    text.parse().map_err(|error| format!("{error}"))
}

pub(super) fn time_scale(text: &str) -> Result<f64, String> {
    number(text, 1.0, 60.0)
}
