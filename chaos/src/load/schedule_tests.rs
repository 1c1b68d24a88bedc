use proptest::prelude::*;

use super::*;

/// Rates between which a ramp may extend; none that a ramp would spend most of its time at nothing.
fn ramps() -> impl Strategy<Value = Rate> {
    (0.0..1e5_f64, 0.01..1e5_f64, any::<bool>()).prop_map(|(low, high, falls)| {
        let (from_per_s, to_per_s) = if falls { (high, low) } else { (low, high) };
        Rate {
            from_per_s,
            to_per_s,
        }
    })
}

proptest! {
    #[test]
    fn a_vote_is_released_when_due_and_not_before(
        rate in ramps(), total in 1..10_000_000_u64, share in 0.0..1.0_f64
    ) {
        let schedule = Schedule::of(rate, total).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let index = (share * total as f64) as u64;
        let due_at = schedule.due_at(index);
        prop_assert!(schedule.due_by(due_at) > index);
        if let Some(just_before) = due_at.checked_sub(Duration::from_nanos(1)) {
            prop_assert!(schedule.due_by(just_before) <= index);
        }
    }

    #[test]
    fn a_constant_ramp_is_a_constant_rate(per_s in 0.01..1e6_f64, index in 0..10_000_000_u64) {
        let schedule = Schedule::of(Rate::constant(per_s), u64::MAX).unwrap();
        #[expect(clippy::cast_precision_loss)]
        let due_at = Duration::from_secs_f64(index as f64 / per_s);
        prop_assert_eq!(schedule.due_at(index), due_at);
    }

    #[test]
    fn the_integral_of_a_ramp_is_due_in_its_time_and_all_of_it(
        rate in ramps(), length_ms in 1..100_000_u64
    ) {
        let length = Duration::from_millis(length_ms);
        let schedule = Schedule::over(rate, length).unwrap();
        let votes = rate.mean_per_s() * length.as_secs_f64();
        #[expect(clippy::cast_precision_loss)]
        let off = schedule.total() as f64 - votes;
        prop_assert!(off.abs() <= 0.5, "{off}");
        prop_assert_eq!(schedule.due_by(length), schedule.total());
        prop_assert_eq!(schedule.due_by(Duration::MAX), schedule.total());
    }

    #[test]
    fn votes_are_due_in_their_order_and_as_often_as_the_rate_says(
        rate in ramps(), length_ms in 100..100_000_u64, share in 0.0..1.0_f64
    ) {
        let length = Duration::from_millis(length_ms);
        let schedule = Schedule::over(rate, length).unwrap();
        prop_assume!(schedule.total() > 2);
        let time = length.mul_f64(share);
        // By Simpson's rule, which is exact for a line.
        let ends = schedule.rate_at_per_s(Duration::ZERO) + schedule.rate_at_per_s(time);
        let middle = schedule.rate_at_per_s(time / 2);
        let expected = (ends + 4.0 * middle) / 6.0 * time.as_secs_f64();
        #[expect(clippy::cast_precision_loss)]
        let due = schedule.due_by(time) as f64;
        prop_assume!(schedule.rate_at_per_s(time) > 0.0);
        // The first vote is due at once.
        prop_assert!((-1e-3..=1.0 + 1e-3).contains(&(due - expected)), "{due} {expected}");
        let last = schedule.total() - 1;
        prop_assert!(schedule.due_at(last - 1) <= schedule.due_at(last));
    }

    #[test]
    fn lanes_share_every_vote(
        lanes in 1..9_u64, from in 0..1_000_u64, count in 0..1_000_u64
    ) {
        let to = from + count;
        for lane in 0..lanes {
            let expected = (from..to).filter(|index| index % lanes == lane).count() as u64;
            prop_assert_eq!(share_of_lane(lane, lanes, from, to), expected);
        }
    }
}

fn ramp(from_per_s: f64, to_per_s: f64) -> Rate {
    Rate {
        from_per_s,
        to_per_s,
    }
}

#[test]
fn no_more_than_the_total_is_due() {
    let schedule = Schedule::of(Rate::constant(100.0), 50).unwrap();
    assert_eq!(schedule.due_by(Duration::ZERO), 1);
    assert_eq!(schedule.due_by(Duration::from_millis(99)), 10);
    assert_eq!(schedule.due_by(Duration::from_hours(1)), 50);
}

#[test]
fn a_ramp_has_the_times_of_its_formula() {
    // 100·t + 95·t² votes in 10 s: 10,500; half of the time brings 2,875 of them.
    let schedule = Schedule::over(ramp(100.0, 2000.0), Duration::from_secs(10)).unwrap();
    assert_eq!(schedule.total(), 10_500);
    assert_eq!(schedule.due_at(2_875), Duration::from_secs(5));
    assert_eq!(schedule.due_at(195), Duration::from_secs(1));
    // From nothing: 10·t² votes, and the same backwards.
    let rising = Schedule::over(ramp(0.0, 200.0), Duration::from_secs(10)).unwrap();
    assert_eq!(rising.total(), 1_000);
    assert_eq!(rising.due_at(10), Duration::from_secs(1));
    let falling = Schedule::over(ramp(200.0, 0.0), Duration::from_secs(10)).unwrap();
    assert_eq!(falling.due_at(990), Duration::from_secs(9));
    assert_eq!(falling.due_by(Duration::from_secs(10)), 1_000);
}

#[test]
fn rates_that_no_timer_can_follow_are_refused() {
    for per_s in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(Schedule::of(Rate::constant(per_s), 1).is_err(), "{per_s}");
        assert!(Schedule::of(ramp(-1.0, per_s), 1).is_err(), "{per_s}");
    }
    for per_s in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(Schedule::of(ramp(1.0, per_s), 1).is_err(), "{per_s}");
    }
    assert!(Schedule::over(ramp(0.0, 1.0), Duration::from_secs(9)).is_ok());
}
