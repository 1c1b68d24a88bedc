//! Reads the load of a step.

use super::check::bounded;
use super::format::{Amount, LoadStep};
use super::problem::Problems;
use super::table::Reader;
use super::values::RATES_PER_S;

/// The most votes that a step may send.
const MOST_VOTES: u64 = 100_000_000;
/// The greatest weight of a choice.
const MOST_WEIGHT: u64 = 1000;

/// Reads `{ rate, for, choices, seed }`; `None` when it lacks something, which is told.
pub(super) fn read(mut table: Reader<'_, '_>, problems: &Problems<'_>) -> Option<LoadStep> {
    let amount = read_amount(&mut table, problems);
    let length = table.duration("for");
    let choices = read_choices(&mut table, problems);
    let seed = table.whole("seed").map_or(0, |seed| seed.value);
    if !table.has("for") {
        table.wrong("the load has no for; write for = \"60s\" beside its rate");
    }
    table.finish();
    let length = length.map(|length| bounded(&length, "for", problems))?;
    Some(LoadStep {
        amount: amount?,
        length,
        choices,
        seed,
    })
}

fn read_amount(table: &mut Reader<'_, '_>, problems: &Problems<'_>) -> Option<Amount> {
    let (has_rate, has_votes) = (table.has("rate"), table.has("votes"));
    // A rate is a number, or a text when it rises or falls.
    let is_text = table.is_text("rate");
    let rate = if is_text {
        let rate = table.parsed("rate", ramp);
        rate.map(|rate| rate.value)
    } else {
        let rate = super::values::per_s(table, "rate", problems);
        rate.map(|rate| (rate, rate))
    };
    let votes = table.whole("votes");
    if has_rate == has_votes {
        table.wrong(
            "a load has either a rate or a number of votes; write one of rate = 100, \
             rate = \"100..2000\" and votes = 4000",
        );
        return None;
    }
    if let Some((from_per_s, to_per_s)) = rate {
        return Some(Amount::Rate {
            from_per_s,
            to_per_s,
        });
    }
    let votes = votes?;
    if !(1..=MOST_VOTES).contains(&votes.value) {
        let told = format!("votes has to be between 1 and {MOST_VOTES}");
        problems.add(votes.at, told);
        return None;
    }
    Some(Amount::Votes(votes.value))
}

/// A rate that goes from one to another, `100..2000`, or stays, `100`.
fn ramp(text: &str) -> Result<(f64, f64), String> {
    let unfit = || {
        let (least, most) = (RATES_PER_S.start(), RATES_PER_S.end());
        format!("write a rate or two, \"100\" or \"100..2000\", each between {least} and {most}")
    };
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let rate = |text: &str| {
        let rate = text.trim().parse::<f64>().ok();
        rate.filter(|rate| RATES_PER_S.contains(rate))
            .ok_or_else(unfit)
    };
    Ok((rate(from)?, rate(to)?))
}

fn read_choices(table: &mut Reader<'_, '_>, problems: &Problems<'_>) -> Vec<(String, u32)> {
    let weights = table.weights("choices").into_iter();
    let weights = weights.filter_map(|(name, weight)| {
        let fit = (1..=MOST_WEIGHT).contains(&weight);
        if !fit || name.value.trim().is_empty() {
            let told = format!(
                "the weight of {:?} has to be between 1 and {MOST_WEIGHT}, and its name not empty",
                name.value
            );
            problems.add(name.at, told);
        }
        Some((name.value, u32::try_from(weight).ok()?))
    });
    weights.collect()
}
