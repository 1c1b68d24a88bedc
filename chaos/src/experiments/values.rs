//! Reads the parameters of faults. They may be what the faults' own commands take.

use std::time::Duration;

use super::problem::{Placed, Problems};
use super::table::Reader;

/// Rates that can be kept, times a second.
pub(super) const RATES_PER_S: std::ops::RangeInclusive<f64> = 0.1..=200_000.0;

/// How long something is held up: what services take.
pub(super) fn latency(table: &mut Reader<'_, '_>, problems: &Problems<'_>) -> Option<Duration> {
    let latency = table.duration("latency")?;
    let range = Duration::from_millis(1)..=Duration::from_secs(30);
    if !range.contains(&latency.value) {
        problems.add(latency.at, "latency has to be between 1ms and 30s");
        return None;
    }
    Some(latency.value)
}

/// A share, written as a percentage or as a number from 0 to 1.
pub(super) fn share(
    table: &mut Reader<'_, '_>,
    key: &'static str,
    problems: &Problems<'_>,
) -> Option<f64> {
    let share = table.parsed(key, |text| {
        let unfit = "write a share above 0% and at most 100%, such as \"50%\"";
        share_of(text).ok_or_else(|| unfit.to_owned())
    })?;
    // Redis needs the rest to answer at all.
    if key == "to" && share.value > 0.95 {
        problems.add(share.at, "to has to be at most 95%");
        return None;
    }
    Some(share.value)
}

/// The share that a text tells.
fn share_of(text: &str) -> Option<f64> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share = number.trim().parse::<f64>().ok()? / whole;
    // The least that services can tell from none.
    (1e-6..=1.0).contains(&share).then_some(share)
}

/// The status that votes are refused with.
pub(super) fn status(table: &mut Reader<'_, '_>, problems: &Problems<'_>) -> Option<u16> {
    let status = table.whole("status")?;
    let found = u16::try_from(status.value).ok();
    let found = found.filter(|status| (500..=599).contains(status));
    if found.is_none() {
        problems.add(status.at, "status has to be between 500 and 599");
    }
    found
}

/// A number of times a second.
pub(super) fn per_s(
    table: &mut Reader<'_, '_>,
    key: &'static str,
    problems: &Problems<'_>,
) -> Option<f64> {
    let rate = table.number(key)?;
    if !RATES_PER_S.contains(&rate.value) {
        let (least, most) = (RATES_PER_S.start(), RATES_PER_S.end());
        let told = format!("{key} has to be between {least} and {most} a second");
        problems.add(rate.at, told);
        return None;
    }
    Some(rate.value)
}

/// Tells of numbers and shares that choose no target.
pub(super) fn targets(targets: &[Placed<String>], problems: &Problems<'_>) {
    for target in targets {
        let text = target.value.as_str();
        let is_count = text.parse::<u64>().is_ok();
        let chooses = match text {
            "all" => true,
            _ if is_count => text.parse::<u64>().is_ok_and(|count| count > 0),
            _ if text.ends_with('%') => share_of(text).is_some(),
            _ => true,
        };
        if !chooses {
            let told = format!(
                "targets {text:?} are none; write all, a number from 1, a share such as \"50%\", or \
                 names"
            );
            problems.add(target.at, told);
        }
        let is_name = text != "all" && !is_count && !text.ends_with('%');
        if !is_name && targets.len() > 1 {
            let told =
                format!("{text:?} stands alone or not at all; list names, or write it alone");
            problems.add(target.at, told);
        }
    }
}
