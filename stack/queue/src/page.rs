//! Votes chosen on one page of the ballot, which may be sent again or changed.

use std::time::Duration;

use redis::cmd;
use uuid::Uuid;

use crate::once::ONCE_PREFIX;
use crate::vote::is_key;
use crate::{Error, InvalidVote, Queue, STREAM, Vote};

/// The namespace of the names of voters and pages (RFC 9562, section 5.5): a version 4 UUID, drawn once.
const PAGES: Uuid = Uuid::from_u128(0x2d6e_1c5a_94b7_4f0d_8a3f_b1c0_6e57_d942);

/// How long a vote's id is, in bytes.
const ID_BYTES: usize = 16;

/// Adds the vote unless the voter's last vote came from the same page and was for the same choice, and
/// remembers it as the last. What is remembered is the vote's id, the page and the choice. Adding comes
/// first, for the reason that it does for a vote with a key. Answers with what was remembered before, if
/// nothing was done; where replicas are waited for, that is written to, as a repeated vote with a key is.
const ADD_CHANGED: &str = "
    local last = redis.call('GET', KEYS[2])
    local choice = ARGV[6] .. ARGV[3]
    if last and string.sub(last, 17) == choice then
        if ARGV[7] == '1' then redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[2])) end
        return last
    end
    redis.call('XADD', KEYS[1], '*', 'id', ARGV[1], 'voter', ARGV[2], 'choice', ARGV[3])
    redis.call('SET', KEYS[2], ARGV[5] .. choice, 'PX', ARGV[4])
    return false";

/// One page of the ballot, as one voter has it: from its form come votes that are the same, or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    voter: Uuid,
    page: Uuid,
}

impl Page {
    /// The page that carried the one-time id `id` in its form, and was sent by `voter`.
    ///
    /// # Errors
    /// [`InvalidVote::Page`] when the id is empty, too long or not printable ASCII.
    pub fn new(voter: &str, id: &str) -> Result<Self, InvalidVote> {
        if !is_key(id) {
            return Err(InvalidVote::Page);
        }
        let of = |name: &str| Uuid::new_v5(&PAGES, name.as_bytes());
        Ok(Self {
            voter: of(voter),
            page: of(id),
        })
    }
}

impl Queue {
    /// Puts a vote at the end of the stream, unless the last one that the voter sent from any page within
    /// `window` came from this page and was for the same choice: then nothing is done, and the id of that vote
    /// is returned. Who goes back to a page and chooses otherwise casts a new vote, also for a choice that was
    /// left before, and so does who comes back to it from another page. One round trip; Redis keeps about 150
    /// bytes for each voter for the length of the window.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue). After an error the same page can send again.
    pub async fn enqueue_from_page(
        &self,
        vote: &Vote,
        page: Page,
        window: Duration,
    ) -> Result<Option<Uuid>, Error> {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut add = cmd("EVAL");
        add.arg(ADD_CHANGED).arg(2).arg(STREAM);
        add.arg([ONCE_PREFIX.as_bytes(), page.voter.as_bytes()].concat());
        add.arg(vote.id.hyphenated().to_string());
        add.arg(&vote.voter).arg(&vote.choice).arg(window_ms);
        add.arg(vote.id.as_bytes()).arg(page.page.as_bytes());
        add.arg(u8::from(self.link.needs_replicas()));
        let last: Option<Vec<u8>> = self.link.durably(&add).await?;
        last.map(|last| id_in(&last)).transpose()
    }
}

fn id_in(last: &[u8]) -> Result<Uuid, Error> {
    let id = last.first_chunk::<ID_BYTES>().copied();
    let id =
        id.ok_or_else(|| Error::Other("what is remembered of a page is no vote".to_owned()))?;
    Ok(Uuid::from_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_its_id_and_its_voter() {
        let page = Page::new("ann", "p1").unwrap();
        assert_eq!(Page::new("ann", "p1"), Ok(page));
        for (voter, id) in [("ann", "p2"), ("bob", "p1"), ("p1", "ann")] {
            assert_ne!(Page::new(voter, id), Ok(page), "{voter} {id}");
        }
        let too_long = "p".repeat(crate::MAX_KEY_CHARS + 1);
        for bad in ["", "a\0b", "é", &too_long] {
            assert_eq!(Page::new("ann", bad), Err(InvalidVote::Page), "{bad:?}");
        }
    }
}
