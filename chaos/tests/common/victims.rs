//! Whom a kill campaign kills, and when, by a seed.

use std::time::Duration;

/// Whom a campaign kills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Victim {
    Runner,
    Guardian,
    Both,
}

/// One killing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Killing {
    pub(crate) victim: Victim,
    /// After the runner's start.
    pub(crate) instant: Duration,
    /// Whether the runner is told to undo before.
    pub(crate) undo_first: bool,
}

/// As many killings as are wanted, each of an instant of less than `latest_us` microseconds.
pub(crate) fn killings(seed: u64, latest_us: u64) -> impl Iterator<Item = Killing> {
    let mut random = seed;
    let victims = [Victim::Runner, Victim::Guardian, Victim::Both];
    victims.into_iter().cycle().map(move |victim| Killing {
        victim,
        instant: Duration::from_micros(next(&mut random) % latest_us),
        undo_first: next(&mut random).is_multiple_of(4),
    })
}

/// `SplitMix64`, see Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
