//! How long votes that may be sent again are remembered: for a shorter time as Redis fills.
//!
//! What is remembered of a vote stays when the vote is recorded. For the full window, votes of ever new voters
//! would fill Redis with it while nothing waits to be counted, and have all others refused until it expires.

use std::time::Duration;

/// The shortest window: a click or a retry that comes twice still is one vote.
const SHORTEST: Duration = Duration::from_secs(10);

/// In how many parts the way from the full window to the shortest is taken.
const STEPS: u64 = 1000;

/// The window while `used` bytes of Redis's memory are, and votes are refused at `limit`: `full` up to half of
/// that, 10 s from three quarters on. In between it falls by the same factor for each byte, not by the same
/// time: half of a long window, with what is in the memory for a whole one already, is more than there is room for.
pub(crate) fn window(full: Duration, used: u64, limit: u64) -> Duration {
    let (begin, way) = (limit / 2, (limit / 4).max(1));
    let done = used.saturating_sub(begin).saturating_mul(STEPS) / way;
    if done == 0 || full <= SHORTEST {
        return full;
    }
    let done = u32::try_from(done.min(STEPS)).map_or(1.0, f64::from) / 1000.0;
    let factor = SHORTEST.as_secs_f64() / full.as_secs_f64();
    full.mul_f64(factor.powf(done)).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FULL: Duration = Duration::from_mins(10);

    /// 97 per cent of the 256 MB of `redis.conf`.
    const LIMIT: u64 = (256 << 20) / 100 * 97;

    #[test]
    fn it_is_full_up_to_half_and_the_shortest_from_three_quarters() {
        for (used, seconds) in [
            (0, 600),
            (400, 600),
            (500, 600),
            (750, 10),
            (999, 10),
            (u64::MAX, 10),
        ] {
            assert_eq!(window(FULL, used, 1000).as_secs(), seconds, "{used}");
        }
        // Half of the way is the geometric mean.
        assert_eq!(window(FULL, 625, 1000).as_secs(), 77);
        for short in [1, 9, 10] {
            let short = Duration::from_secs(short);
            assert_eq!(window(short, 999, 1000), short);
        }
        assert_eq!(window(Duration::MAX, 499, 1000), Duration::MAX);
        assert_eq!(window(FULL, 1, 0), SHORTEST);
    }

    proptest! {
        #[test]
        fn more_memory_is_never_a_longer_window(
            full in 1..100_000_u64, limit in any::<u64>(), one in any::<u64>(), other in any::<u64>(),
        ) {
            let full = Duration::from_secs(full);
            let [less, more] = [one.min(other), one.max(other)];
            let (long, short) = (window(full, less, limit), window(full, more, limit));
            prop_assert!(long >= short && long <= full && short >= SHORTEST.min(full));
        }

        /// 40,000 votes a second of ever new voters, of which Redis remembers 150 bytes each.
        #[test]
        fn what_is_remembered_leaves_room_for_votes(
            per_s in 0..=40_000_u64, minutes in 1..60_u64, others in 0..LIMIT / 3,
        ) {
            let most = most_used(per_s * 150, Duration::from_mins(minutes), others);
            prop_assert!(most < LIMIT, "{most} of {LIMIT}");
        }
    }

    /// The most bytes that are used within two windows, when so many are to be remembered in each second.
    fn most_used(per_s: u64, full: Duration, others: u64) -> u64 {
        const LOOKS_PER_S: u64 = 5;
        let looks = 2 * full.as_secs() * LOOKS_PER_S;
        let mut expires = vec![0; usize::try_from(2 * looks).unwrap()];
        let (mut used, mut most) = (others, 0);
        for look in 0..looks {
            used -= expires[usize::try_from(look).unwrap()];
            let lasts = window(full, used, LIMIT).as_millis() * u128::from(LOOKS_PER_S) / 1000;
            let end = u128::from(look) + lasts.max(1);
            expires[usize::try_from(end).unwrap()] += per_s / LOOKS_PER_S;
            used += per_s / LOOKS_PER_S;
            most = most.max(used);
        }
        most
    }
}
