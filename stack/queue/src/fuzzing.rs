//! What the fuzz target in `fuzz/` does with any bytes, and the tests with its seeds.

use redis::parse_redis_value;

use crate::entry::{from_claim, from_read};
use crate::{Content, Entry, Position, Vote};

/// Reads what a Redis server might have sent (the RESP protocol, both versions) as the answer to
/// XREADGROUP and to XAUTOCLAIM: it is entries or an error, whatever it is. Tells how many votes are among the entries.
///
/// # Panics
/// When an entry that comes of it is unsound.
#[must_use]
pub fn entries(answer: &[u8]) -> usize {
    let Ok(answer) = parse_redis_value(answer) else {
        return 0;
    };
    let read = from_read(answer.clone()).into_iter().flatten();
    let claimed = from_claim(answer)
        .into_iter()
        .flat_map(|(_, entries)| entries);
    read.chain(claimed).filter(is_sound_vote).count()
}

/// Whether the entry is a vote, which then is one by every rule, and what the entry's fields say.
fn is_sound_vote(entry: &Entry) -> bool {
    assert_eq!(Position::of_entry(&entry.id), Some(entry.position));
    let Content::Vote(vote) = &entry.content else {
        return false;
    };
    let again = Vote::new(vote.id, &vote.voter, &vote.choice);
    assert_eq!(again.as_ref(), Ok(vote));
    for (name, value) in [("voter", &vote.voter), ("choice", &vote.choice)] {
        let field = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert!(entry.fields.contains(&field), "{entry:?}");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed has votes in it when its name says so.
    #[test]
    fn the_seeds_of_the_fuzz_target_are_what_their_names_say() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/entries");
        let mut votes = 0;
        for seed in std::fs::read_dir(seeds).unwrap() {
            let path = seed.unwrap().path();
            let count = entries(&std::fs::read(&path).unwrap());
            let name = path.file_name().unwrap().to_string_lossy();
            assert_eq!(count > 0, name.starts_with("vote"), "{name}");
            votes += count;
        }
        assert!(votes > 0, "no seed has a vote");
    }
}
