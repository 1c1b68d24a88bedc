//! Series and expressions at random.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::prometheus::Labels;
use crate::replay::eval::{Sample, Series};

/// Distance of the samples of the series, in milliseconds.
pub(super) const GRID_MS: i64 = 5_000;
/// Samples of a series.
const SLOTS: usize = 130;

/// Labels with a name.
pub(super) fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    let name = [("__name__", name)];
    let pairs = pairs.iter().chain(&name);
    pairs
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

/// What happens at a scrape: nothing, a marker, or a number.
fn slot() -> impl Strategy<Value = Option<Option<i32>>> {
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(None)),
        30 => (-2..9).prop_map(|step| Some(Some(step))),
    ]
}

/// Gauges walk, counters rise and are reset now and then.
fn samples(counter: bool) -> impl Strategy<Value = Vec<Sample>> {
    // Every third slot is a scrape.
    let slots = prop::collection::vec(slot(), SLOTS / 3);
    (slots, 0..3_i64, 0..3_usize).prop_map(move |(slots, phase, odd)| {
        let mut value = 0.0;
        let slots = slots.into_iter().zip(0_i64..);
        let samples = slots.filter_map(|(slot, number)| {
            let at_ms = (number * 3 + phase) * GRID_MS;
            let Some(step) = slot? else {
                return Some(Sample::stale(at_ms));
            };
            value = match step {
                -2 if counter => 0.0,
                -2 if odd == 0 => return Some(Sample::new(at_ms, f64::NAN)),
                8 if odd == 1 && !counter => return Some(Sample::new(at_ms, f64::INFINITY)),
                step if counter => value + f64::from(step.max(0)) * 0.5,
                step => value + f64::from(step - 3),
            };
            Some(Sample::new(at_ms, value))
        });
        samples.collect()
    })
}

/// Some of the series `a`, `b` (gauges), `c` (counters) and `h_bucket` (a histogram).
pub(super) fn series() -> impl Strategy<Value = Vec<Series>> {
    let plain = ["a", "b", "c"].into_iter().flat_map(|name| {
        let pairs = [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")];
        pairs.map(|(x, y)| (labels(name, &[("x", x), ("y", y)]), name == "c"))
    });
    let buckets = ["0.1", "0.5", "1", "+Inf"]
        .into_iter()
        .flat_map(|le| ["1", "2"].map(|x| (labels("h_bucket", &[("le", le), ("x", x)]), true)));
    let bare = (labels("a", &[]), false);
    let all: Vec<_> = plain.chain(buckets).chain([bare]).collect();
    let most = all.len();
    subsequence(all, most / 2..=most).prop_flat_map(|chosen| {
        let series = chosen.into_iter().map(|(labels, counter)| {
            samples(counter).prop_map(move |samples| Series {
                labels: labels.clone(),
                samples,
            })
        });
        series.collect::<Vec<_>>()
    })
}

/// A time to ask at, often one at which there may be a sample.
pub(super) fn time_ms() -> impl Strategy<Value = i64> {
    prop_oneof![(0..140_i64).prop_map(|slot| slot * GRID_MS), 0..700_000_i64]
}

/// An expression of the supported subset whose result is a vector.
pub(super) fn vector() -> impl Strategy<Value = String> {
    expression().prop_map(|(vector, _)| vector)
}

fn text(of: Vec<&'static str>) -> impl Strategy<Value = String> {
    select(of).prop_map(str::to_owned)
}

fn selector() -> impl Strategy<Value = String> {
    text(vec![
        "a",
        "b",
        "c",
        "a{x=\"1\"}",
        "b{y!=\"2\"}",
        "c{x=~\"1|3\"}",
        "a{x!~\"1\"}",
        "a{x=\"\"}",
        "{__name__=~\"a|b\",x=\"1\"}",
        "nothing{x=\"1\",y=\"1\",y=\"2\",z=~\"3\"}",
        "h_bucket",
    ])
}

fn range() -> impl Strategy<Value = String> {
    let length = select(vec!["4s", "15s", "40s", "1m", "100s", "5m", "11m"]);
    (selector(), length).prop_map(|(selector, length)| format!("{selector}[{length}]"))
}

fn over_time() -> impl Strategy<Value = String> {
    let function = select(vec![
        "rate",
        "increase",
        "delta",
        "irate",
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "sum_over_time",
        "count_over_time",
        "last_over_time",
        "present_over_time",
        "absent_over_time",
    ]);
    let quantile =
        (number(), range()).prop_map(|(q, range)| format!("quantile_over_time({q}, {range})"));
    prop_oneof![
        8 => (function, range()).prop_map(|(function, range)| format!("{function}({range})")),
        1 => quantile,
    ]
}

fn histogram() -> impl Strategy<Value = String> {
    let range = select(vec!["40s", "2m", "5m"]);
    let by = select(vec!["le", "le, x"]);
    (number(), by, range).prop_map(|(q, by, range)| {
        format!("histogram_quantile({q}, sum by ({by}) (rate(h_bucket[{range}])))")
    })
}

fn number() -> impl Strategy<Value = String> {
    text(vec![
        "0", "1", "0.95", "0.5", "3", "-2", "7.25", "NaN", "+Inf",
    ])
}

fn names() -> impl Strategy<Value = String> {
    subsequence(vec!["x", "y", "le", "__name__"], 0..3).prop_map(|names| names.join(", "))
}

fn aggregation(of: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let aggregator = select(vec!["sum", "avg", "min", "max", "count", "group"]);
    let grouping = prop_oneof![
        Just(String::new()),
        names().prop_map(|names| format!(" by ({names})")),
        names().prop_map(|names| format!(" without ({names})")),
    ];
    (aggregator, grouping, of)
        .prop_map(|(aggregator, grouping, of)| format!("{aggregator}{grouping} ({of})"))
}

fn arithmetic() -> impl Strategy<Value = String> {
    text(vec!["+", "-", "*", "/", "%", "^"])
}

fn comparison() -> impl Strategy<Value = String> {
    text(vec!["==", "!=", ">", "<", ">=", "<="])
}

fn operator() -> impl Strategy<Value = String> {
    prop_oneof![
        arithmetic(),
        comparison(),
        comparison().prop_map(|comparison| format!("{comparison} bool")),
    ]
}

fn matching() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        names().prop_map(|names| format!(" on ({names})")),
        names().prop_map(|names| format!(" ignoring ({names})")),
    ]
}

fn many() -> impl Strategy<Value = String> {
    let side = select(vec![
        " on (x) group_left",
        " on (x) group_right",
        " ignoring (x) group_left",
    ]);
    let include = select(vec!["()", "(y)", "(le)"]);
    (side, include).prop_map(|(side, include)| format!("{side} {include}"))
}

fn between(
    left: impl Strategy<Value = String>,
    right: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    let one = (operator(), prop_oneof![3 => matching(), 1 => many()]);
    let set = (text(vec!["and", "or", "unless"]), matching());
    let operator = prop_oneof![2 => one, 1 => set];
    (left, operator, right).prop_map(|(left, (operator, matching), right)| {
        format!("({left}) {operator}{matching} ({right})")
    })
}

fn with_number(
    vector: impl Strategy<Value = String>,
    number: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    let left = any::<bool>();
    (vector, operator(), number, left).prop_map(|(vector, operator, number, left)| {
        if left {
            format!("{number} {operator} ({vector})")
        } else {
            format!("{vector} {operator} {number}")
        }
    })
}

/// A vector and a scalar.
fn expression() -> impl Strategy<Value = (String, String)> {
    let scalar = prop_oneof![3 => number(), 1 => Just("time()".to_owned())];
    let vector = prop_oneof![2 => selector(), 3 => over_time(), 1 => histogram()];
    (vector, scalar).prop_recursive(4, 24, 4, |inner| {
        let vector = || inner.clone().prop_map(|(vector, _)| vector);
        let scalar = || inner.clone().prop_map(|(_, scalar)| scalar);
        let clamp = select(vec!["clamp_min", "clamp_max"]);
        let vectors = prop_oneof![
            4 => aggregation(vector()),
            4 => between(vector(), vector()),
            3 => with_number(vector(), scalar()),
            1 => vector().prop_map(|of| format!("-{of}")),
            1 => vector().prop_map(|of| format!("absent({of})")),
            1 => scalar().prop_map(|of| format!("vector({of})")),
            1 => (clamp, vector(), scalar())
                .prop_map(|(clamp, of, limit)| format!("{clamp}({of}, {limit})")),
            2 => (scalar(), prop_oneof![vector(), aggregation(vector())])
                .prop_map(|(q, of)| format!("histogram_quantile({q}, {of})")),
        ];
        let scalars = prop_oneof![
            2 => scalar(),
            1 => vector().prop_map(|of| format!("scalar({of})")),
            1 => (scalar(), arithmetic(), scalar())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            1 => (scalar(), comparison(), scalar())
                .prop_map(|(left, operator, right)| format!("({left} {operator} bool {right})")),
        ];
        (vectors, scalars)
    })
}
