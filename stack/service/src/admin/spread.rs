//! Spreads a share evenly over events.

use super::parameters::{PARTS, Share};

/// Says which events a share strikes: by carrying the remainder from one to the next, as
/// Bresenham's line does. Over any run of events the number struck differs from the share by less
/// than one, and a share of 0.2 strikes exactly 20 of any 100 in a row.
#[derive(Debug, Default)]
pub(super) struct Spread {
    /// What is owed, in millionths of an event; below one event between two calls.
    owed: u32,
}

impl Spread {
    /// Whether the next event is struck.
    pub(super) fn strikes(&mut self, share: Share) -> bool {
        self.owed += share.parts();
        let strikes = self.owed >= PARTS;
        if strikes {
            self.owed -= PARTS;
        }
        strikes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn struck(share: f64, events: usize) -> Vec<bool> {
        let share = Share::try_from(json!(share)).unwrap();
        let mut spread = Spread::default();
        (0..events).map(|_| spread.strikes(share)).collect()
    }

    #[test]
    fn any_hundred_in_a_row_have_exactly_their_share() {
        for percent in 1_u8..=100 {
            let struck = struck(f64::from(percent) / 100.0, 1000);
            for window in struck.windows(100) {
                let count = window.iter().filter(|struck| **struck).count();
                assert_eq!(count, usize::from(percent), "{percent} %");
            }
        }
    }

    #[test]
    fn those_struck_are_as_far_apart_as_can_be() {
        let struck = struck(0.25, 12);
        let at: Vec<_> = (0..12).filter(|n| struck[*n]).collect();
        assert_eq!(at, [3, 7, 11]);
    }

    #[test]
    fn a_change_of_the_share_owes_no_more_than_one_event() {
        let [most, least] = [0.999, 0.001].map(|share| Share::try_from(json!(share)).unwrap());
        let mut spread = Spread::default();
        for n in 0..10_000 {
            spread.strikes(if n % 2 == 0 { most } else { least });
            assert!(spread.owed < PARTS);
        }
    }
}
