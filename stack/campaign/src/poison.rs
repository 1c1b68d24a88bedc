//! Entries that are no votes, put in the stream while votes come and things crash: each has one dead letter.

use std::collections::BTreeSet;
use std::io::{Error, Result};
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;
use voteops_queue::test_support::{DeadLetter, command_within};
use voteops_queue::{DeadReason, STREAM};

/// How long until the next. Short, so that a worker that is stopped most likely has one that it was about to
/// bury, and that another worker buries meanwhile.
const PERIOD: Duration = Duration::from_millis(10);

/// How long Redis may take to confirm one.
const PATIENCE: Duration = Duration::from_millis(500);

/// The one field of such an entry, which has its number.
const FIELD: &str = "poison";

/// What was put in the stream so far, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    next: u64,
    /// Those that Redis has confirmed.
    confirmed: BTreeSet<u64>,
    /// Those of which nobody knows whether Redis has them.
    doubtful: BTreeSet<u64>,
    buried: BTreeSet<u64>,
    /// The last dead letter that was looked at.
    last: Option<String>,
}

/// It is being put in.
#[derive(Debug)]
pub(crate) struct Dosing {
    stop: CancellationToken,
    task: JoinHandle<Vec<(u64, bool)>>,
}

impl Poison {
    /// Begins to put entries into the stream of the Redis at `url`.
    pub(crate) fn begin(&self, url: &str) -> Dosing {
        let stop = CancellationToken::new();
        let task = tokio::spawn(dose(self.next, url.to_owned(), stop.clone()));
        Dosing { stop, task }
    }

    /// Ends that, and remembers what was put in.
    ///
    /// # Errors
    /// When the task panicked.
    pub(crate) async fn end(&mut self, dosing: Dosing) -> Result<()> {
        dosing.stop.cancel();
        for (number, is_confirmed) in dosing.task.await.map_err(Error::other)? {
            self.next = self.next.max(number + 1);
            let these = if is_confirmed {
                &mut self.confirmed
            } else {
                &mut self.doubtful
            };
            these.insert(number);
        }
        Ok(())
    }

    /// Where to go on reading dead letters.
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// What is wrong with the dead letters since the last time, all there are once the stream is empty.
    pub(crate) fn look_at(&mut self, letters: &[DeadLetter]) -> Vec<String> {
        let mut wrong = Vec::new();
        for letter in letters {
            self.last = Some(letter.id.clone());
            wrong.extend(self.explain(letter).err());
        }
        for missing in self.confirmed.difference(&self.buried) {
            wrong.push(format!("no dead letter of entry {missing}"));
        }
        self.confirmed.clear();
        wrong
    }

    fn explain(&mut self, letter: &DeadLetter) -> std::result::Result<(), String> {
        let id = &letter.id;
        let numbers = letter.values_of(FIELD);
        let [number] = numbers.as_slice() else {
            return Err(format!("dead letter {id} is of nothing that was put in"));
        };
        let number = number.parse().unwrap_or(u64::MAX);
        if self.buried.contains(&number) {
            return Err(format!("dead letter {id} is the second of entry {number}"));
        }
        if !self.confirmed.contains(&number) && !self.doubtful.contains(&number) {
            return Err(format!("dead letter {id} is of an entry that never was"));
        }
        self.buried.insert(number);
        let reason = DeadReason::Fields.slug();
        if letter.values_of("reason") != [reason] {
            return Err(format!("dead letter {id} has not the reason {reason}"));
        }
        Ok(())
    }
}

/// Which entries were put in, and whether Redis confirmed each.
async fn dose(first: u64, url: String, stop: CancellationToken) -> Vec<(u64, bool)> {
    let mut given = Vec::new();
    for number in first.. {
        let url = url.clone();
        let put = spawn_blocking(move || {
            let number = number.to_string();
            let words = ["XADD", STREAM, "*", FIELD, &number];
            command_within(&url, &words, PATIENCE).is_ok()
        });
        given.push((number, put.await.unwrap_or(false)));
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => (),
            () = stop.cancelled() => break,
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(id: &str, number: &str, reason: &str) -> DeadLetter {
        let fields = [("reason", reason), ("entry", "1-1"), (FIELD, number)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        DeadLetter {
            id: id.to_owned(),
            fields: fields.to_vec(),
        }
    }

    fn given() -> Poison {
        Poison {
            confirmed: [0, 1].into(),
            doubtful: [2].into(),
            ..Poison::default()
        }
    }

    #[test]
    fn each_entry_has_one_dead_letter_and_a_doubtful_one_may_have_it() {
        let (one, two) = (letter("1-1", "0", "fields"), letter("1-2", "1", "fields"));
        assert_eq!(given().look_at(&[one.clone(), two.clone()]).len(), 0);
        let doubtful = letter("1-3", "2", "fields");
        assert_eq!(given().look_at(&[one.clone(), two, doubtful]).len(), 0);
        let wrong = given().look_at(&[one]);
        assert_eq!(wrong, ["no dead letter of entry 1"]);
    }

    #[test]
    fn a_second_one_is_told_also_in_a_later_round() {
        let mut poison = given();
        let both = [letter("1-1", "0", "fields"), letter("1-2", "1", "fields")];
        assert_eq!(poison.look_at(&both).len(), 0);
        let wrong = poison.look_at(&[letter("1-3", "0", "fields")]);
        assert!(wrong[0].contains("the second of entry 0"), "{wrong:?}");
    }

    #[test]
    fn what_nobody_put_in_and_another_reason_are_told() {
        for (number, reason) in [("7", "fields"), ("x", "fields"), ("2", "not_text")] {
            let mut poison = given();
            poison.confirmed.clear();
            let wrong = poison.look_at(&[letter("1-1", number, reason)]);
            assert_eq!(wrong.len(), 1, "{number} {reason}");
        }
    }
}
