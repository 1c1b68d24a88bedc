use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn choices(weights: &[(&str, u32)]) -> Vec<Choice> {
    let choice = |(id, weight): &(&str, u32)| Choice {
        id: (*id).to_owned(),
        weight: *weight,
    };
    weights.iter().map(choice).collect()
}

/// How many of the first `votes` each choice gets.
fn counted(ballots: &Ballots, seed: u64, votes: u64) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for index in 0..votes {
        let (head, tail) = ballots.body(draw(seed, index));
        let body: Value = serde_json::from_slice(&[head, b"7", tail].concat()).unwrap();
        let choice = body["choice"].as_str().unwrap().to_owned();
        *counts.entry(choice).or_default() += 1;
    }
    counts
}

#[test]
fn ballots_are_json_whatever_the_names_are() {
    let ballots = Ballots::new("run \"7\"\n", &choices(&[("an\\jing", 1)])).unwrap();
    let (head, tail) = ballots.body(3);
    let read: Value = serde_json::from_slice(&[head, b"42", tail].concat()).unwrap();
    assert_eq!(
        read,
        json!({ "voter": "run \"7\"\n-42", "choice": "an\\jing" })
    );
}

#[test]
fn equal_seeds_vote_alike_and_all_choices_are_taken() {
    let ballots = Ballots::new("run", &choices(&[("a", 1), ("b", 1)])).unwrap();
    let drawn = |seed| {
        let slip = |index| ballots.body(draw(seed, index)).1.to_vec();
        (0..1_000).map(slip).collect::<Vec<_>>()
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
    let first = counted(&ballots, 7, 1_000)["a"];
    assert!((400..600).contains(&first), "{first} of 1000");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        // What is drawn is the same in every run.
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// With p the share of a choice, the count of n votes has the standard deviation
    /// √(n·p·(1 − p)); six of them are passed in two of 10⁹ draws.
    #[test]
    fn choices_get_their_share_of_the_votes(
        seed in any::<u64>(), weights in proptest::collection::vec(1..100_u32, 1..6)
    ) {
        let names: Vec<_> = (0..weights.len()).map(|at| format!("choice-{at}")).collect();
        let given: Vec<_> = names.iter().map(String::as_str).zip(weights.iter().copied()).collect();
        let ballots = Ballots::new("run", &choices(&given)).unwrap();
        let counts = counted(&ballots, seed, 2_000);
        let sum: u32 = weights.iter().sum();
        for (name, weight) in given {
            let share = f64::from(weight) / f64::from(sum);
            let expected = 2_000.0 * share;
            let deviation = (expected * (1.0 - share)).sqrt();
            #[expect(clippy::cast_precision_loss)]
            let count = counts.get(name).copied().unwrap_or(0) as f64;
            prop_assert!((count - expected).abs() <= 6.0 * deviation + 1.0, "{name} {count} {expected}");
        }
    }
}

#[test]
fn choices_that_cannot_be_drawn_are_refused() {
    let refused = |given: &[(&str, u32)]| Ballots::new("run", &choices(given)).err();
    assert!(matches!(refused(&[]), Some(LoadError::NoChoice)));
    assert!(matches!(refused(&[("a", 1), ("b", 0)]), Some(LoadError::Weight(id)) if id == "b"));
    assert!(matches!(refused(&[("a", 1), ("a", 2)]), Some(LoadError::Twice(id)) if id == "a"));
    assert!(refused(&[("a", u32::MAX), ("b", u32::MAX)]).is_none());
}

#[test]
fn draws_are_those_of_splitmix64() {
    // The first outputs of the reference implementation (Vigna, splitmix64.c) for seed 1234567.
    let expected = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
    ];
    assert_eq!([0, 1, 2].map(|index| draw(1_234_567, index)), expected);
}
