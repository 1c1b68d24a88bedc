//! Which of several targets are meant.

use voteops_chaos::load::draw;
use voteops_chaos::record::Target;

use crate::Failure;
use crate::args::share;
use crate::failure::USAGE;

/// The targets that a flag means: all, so many, a share of them, or those that are named. Of so
/// many or a share the first are taken or, with a seed, those that it draws.
pub(super) fn select(
    there: Vec<Target>,
    flag: &str,
    wanted: &[String],
    seed: Option<u64>,
) -> Result<Vec<Target>, Failure> {
    let names: Vec<_> = there.iter().map(|target| target.name.as_str()).collect();
    let running = names.join(", ");
    if let [one] = wanted {
        if one == "all" {
            return Ok(there);
        }
        if let Some(count) = count(one, there.len()) {
            if count == 0 || count > there.len() {
                let message = format!(
                    "{flag} {one}: {} of them run ({running}); give a number from 1 to that, or a \
                     share such as 50%",
                    there.len()
                );
                return Err(Failure::new(USAGE, message));
            }
            return Ok(drawn(there, count, seed));
        }
    }
    wanted
        .iter()
        .map(|name| {
            let mut meant = there.iter().filter(|target| target.name == *name);
            meant.next().cloned().ok_or_else(|| {
                let told = format!("{flag} {name}: none of that name runs; there are {running}");
                Failure::new(USAGE, told)
            })
        })
        .collect()
}

/// How many a number or a percentage is of so many, rounded up; `None` for a name.
fn count(text: &str, of: usize) -> Option<usize> {
    if !text.ends_with('%') {
        return text.parse().ok();
    }
    // What is no share is none of them.
    let Ok(share) = share(text) else {
        return Some(0);
    };
    let counts = (0..=of).map(|count| (count, f64::from(u32::try_from(count).unwrap_or(u32::MAX))));
    let most = f64::from(u32::try_from(of).unwrap_or(u32::MAX));
    let mut enough = counts.filter(|(_, count)| *count >= share * most - 1e-9);
    enough.next().map(|(count, _)| count.max(1))
}

/// So many of them, in their order.
fn drawn(there: Vec<Target>, count: usize, seed: Option<u64>) -> Vec<Target> {
    let Some(seed) = seed else {
        return there.into_iter().take(count).collect();
    };
    let mut lots: Vec<_> = (0..)
        .take(there.len())
        .map(|index| (draw(seed, index), index))
        .collect();
    lots.sort_unstable();
    let mut taken: Vec<_> = lots
        .into_iter()
        .take(count)
        .map(|(_, index)| index)
        .collect();
    taken.sort_unstable();
    let numbered = (0..).zip(there);
    let taken = numbered.filter(|(index, _)| taken.contains(index));
    taken.map(|(_, target)| target).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use voteops_chaos::process::Process;

    use super::*;

    fn workers(count: i32) -> Vec<Target> {
        let process = |pid| Process {
            pid,
            start_ticks: 1,
        };
        let numbers = 1..=count;
        numbers
            .map(|number| Target::process(format!("worker-{number}"), process(number)))
            .collect()
    }

    fn chosen(count: i32, wanted: &[&str], seed: Option<u64>) -> Result<Vec<String>, String> {
        let wanted: Vec<_> = wanted.iter().map(|text| (*text).to_owned()).collect();
        let selected = select(workers(count), "--workers", &wanted, seed);
        let selected = selected.map_err(|failure| failure.to_string())?;
        Ok(selected.into_iter().map(|target| target.name).collect())
    }

    #[test]
    fn a_number_a_share_and_names_choose_as_they_say() {
        let first = |count: usize| {
            let all = workers(9).into_iter().take(count);
            Ok(all.map(|target| target.name).collect::<Vec<_>>())
        };
        for (wanted, count) in [
            ("all", 9),
            ("2", 2),
            ("50%", 5),
            ("34%", 4),
            ("1%", 1),
            ("100%", 9),
        ] {
            assert_eq!(chosen(9, &[wanted], None), first(count), "{wanted}");
        }
        let named = ["worker-3", "worker-1"];
        assert_eq!(chosen(9, &named, None).unwrap(), named);
    }

    #[test]
    fn what_cannot_be_chosen_is_told_with_what_there_is() {
        for wanted in ["0", "3", "0%", "101%", "x%", "worker-9"] {
            let told = chosen(2, &[wanted], None).unwrap_err();
            assert!(told.starts_with(&format!("--workers {wanted}: ")), "{told}");
            assert!(told.contains("worker-1, worker-2"), "{told}");
        }
    }

    #[test]
    fn a_seed_draws_the_same_ones_each_time_and_others_than_another() {
        let draw = |seed| chosen(20, &["25%"], Some(seed)).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_eq!(draw(1).len(), 5);
        let draws: BTreeSet<_> = (0..50).map(draw).collect();
        assert!(draws.len() > 40, "{}", draws.len());
    }
}
