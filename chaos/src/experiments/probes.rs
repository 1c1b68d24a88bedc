//! Reads the probes of a hypothesis, and sees that their bounds leave something to be within.

use voteops_observability::promql::Comparison;

use super::check::parsable;
use super::format::{Probe, Wanted};
use super::problem::{Placed, Problems};
use super::table::Reader;

/// The bounds there are, by their keys.
const BOUNDS: [(&str, Comparison); 5] = [
    ("above", Comparison::Above),
    ("at_least", Comparison::AtLeast),
    ("below", Comparison::Below),
    ("at_most", Comparison::AtMost),
    ("equals", Comparison::Equal),
];

type Bound = (&'static str, Comparison, Placed<f64>);

/// Reads them all; one that lacks something is told, and left out.
pub(super) fn read(tables: Vec<Reader<'_, '_>>, problems: &Problems<'_>) -> Vec<Probe> {
    let mut probes: Vec<Probe> = Vec::new();
    for table in tables {
        let at = table.at;
        if let Some(probe) = read_one(table, problems) {
            if probes.iter().any(|other| other.name == probe.name) {
                let told = format!(
                    "a probe {:?} is there already; name it otherwise",
                    probe.name
                );
                problems.add(at, told);
            }
            probes.push(probe);
        }
    }
    probes
}

fn read_one(mut table: Reader<'_, '_>, problems: &Problems<'_>) -> Option<Probe> {
    let name = table.text("name");
    let promql = table.text("promql");
    let mut bounds = Vec::new();
    let mut has_bounds = false;
    for (key, comparison) in BOUNDS {
        has_bounds |= table.has(key);
        bounds.extend(table.number(key).map(|bound| (key, comparison, bound)));
    }
    let empty = table.flag("empty");
    for key in ["name", "promql"] {
        if !table.has(key) {
            table.wrong(format!("the probe has no {key}; write {key} = \"…\""));
        }
    }
    if let Some(promql) = &promql {
        parsable(promql, problems);
    }
    let is_empty = empty.as_ref().is_some_and(|empty| empty.value);
    match &empty {
        Some(empty) if empty.value && has_bounds => {
            let told = "what is empty has no value to be within bounds; leave empty out, or the \
                        bounds";
            problems.add(empty.at, told);
        }
        _ if !is_empty && !has_bounds => table.wrong(
            "the probe has no tolerance; write above, at_least, below, at_most or equals with a \
             number, or empty = true for an expression that is to give nothing",
        ),
        _ => {}
    }
    consistent(&bounds, problems);
    table.finish();
    Some(Probe {
        name: name?.value,
        promql: promql?.value,
        wanted: if is_empty {
            Wanted::Empty
        } else {
            let bounds = bounds.into_iter();
            Wanted::Within(
                bounds
                    .map(|(_, comparison, bound)| (comparison, bound.value))
                    .collect(),
            )
        },
    })
}

/// Tells of bounds that say the same thing twice, or that nothing is within.
fn consistent(bounds: &[Bound], problems: &Problems<'_>) {
    let find = |keys: [&str; 2]| {
        let found = bounds.iter().filter(move |(key, ..)| keys.contains(key));
        found.collect::<Vec<_>>()
    };
    let (lows, highs) = (find(["above", "at_least"]), find(["below", "at_most"]));
    for sides in [&lows, &highs] {
        if let [(one, ..), (other, _, second)] = sides[..] {
            let told = format!("{one} and {other} bound the same side; leave one of them out");
            problems.add(second.at, told);
        }
    }
    if let ([(low_key, low_is, low)], [(high_key, high_is, high)]) = (&lows[..], &highs[..]) {
        let touching = *low_is == Comparison::AtLeast && *high_is == Comparison::AtMost;
        let possible = low.value < high.value || touching && low.value <= high.value;
        if !possible {
            let told = format!(
                "nothing is both {low_key} {} and {high_key} {}; change one of them",
                low.value, high.value
            );
            problems.add(high.at.max(low.at), told);
        }
    }
    let equals = bounds.iter().find(|(key, ..)| *key == "equals");
    if let Some((_, _, bound)) = equals
        && bounds.len() > 1
    {
        problems.add(
            bound.at,
            "equals needs no other bound; leave the others out",
        );
    }
}
