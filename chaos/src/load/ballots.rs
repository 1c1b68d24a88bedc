//! Who votes for what.

use super::{Choice, LoadError};

/// Bodies of votes: `{"voter":"NAME-NUMBER","choice":"ID"}`, with all but the number prepared.
pub(super) struct Ballots {
    head: String,
    slips: Vec<Slip>,
}

/// The end of a body, and where in the sum of all weights its choice ends.
struct Slip {
    tail: String,
    below: u64,
}

impl Ballots {
    /// Ballots of the voters whose names begin with `name`.
    ///
    /// # Errors
    /// [`LoadError::NoChoice`], [`LoadError::Weight`] and [`LoadError::Twice`] when the choices are
    /// none to draw from.
    pub(super) fn new(name: &str, choices: &[Choice]) -> Result<Self, LoadError> {
        if choices.is_empty() {
            return Err(LoadError::NoChoice);
        }
        // Without the closing quote, for the number follows.
        let name = quoted(&format!("{name}-"));
        let head = format!("{{\"voter\":{}", &name[..name.len() - 1]);
        let mut below = 0;
        let mut slips = Vec::with_capacity(choices.len());
        for (at, Choice { id, weight }) in choices.iter().enumerate() {
            if *weight == 0 {
                return Err(LoadError::Weight(id.clone()));
            }
            if choices[..at].iter().any(|before| before.id == *id) {
                return Err(LoadError::Twice(id.clone()));
            }
            below += u64::from(*weight);
            let tail = format!("\",\"choice\":{}}}", quoted(id));
            slips.push(Slip { tail, below });
        }
        Ok(Self { head, slips })
    }

    /// The parts of the body of the voter `number`, who decides by the random number `draw`: what
    /// comes before the number, and what after it.
    pub(super) fn body(&self, draw: u64) -> (&[u8], &[u8]) {
        let sum = self.slips.last().map_or(1, |slip| slip.below);
        let drawn = draw % sum;
        let slip = self.slips.iter().find(|slip| drawn < slip.below);
        let tail = slip.map_or("", |slip| slip.tail.as_str());
        (self.head.as_bytes(), tail.as_bytes())
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A random number for `index`, the same in every run with the same seed: one step of `SplitMix64`
/// (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), which unlike a
/// sequential generator needs no state that all connections would have to share.
#[must_use]
pub fn draw(seed: u64, index: u64) -> u64 {
    let z = seed.wrapping_add((index.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
#[path = "ballots_tests.rs"]
mod tests;
