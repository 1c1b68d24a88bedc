//! Votes that may be sent again and are taken once.

use std::time::Duration;

use redis::cmd;

use crate::{Error, Queue, STREAM, Vote};

/// What the keys of votes with a key begin with; the id's 16 bytes follow.
pub const ONCE_PREFIX: &str = "{votes}:once:";

/// Adds the vote and remembers its id, or does neither; one script is one transaction also in the
/// append-only file. What is refused ends the script and undoes nothing, so that adding, without which
/// nothing may be remembered, comes first. Answers with what was remembered before: the choice of a vote
/// of this id.
///
/// Where replicas are waited for, a repeated vote is written to as well, without changing anything: it
/// may have been added over another connection, and replicas that have this have that. In its last
/// millisecond the key is deleted by it.
const ADD_ONCE: &str = "
    local before = redis.call('GET', KEYS[2])
    if not before then
        redis.call('XADD', KEYS[1], '*', 'id', ARGV[1], 'voter', ARGV[2], 'choice', ARGV[3])
        redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
        return false
    end
    if ARGV[5] == '1' then redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[2])) end
    return before";

/// What became of a vote with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// It is in the stream now.
    Taken,
    /// It was taken before, and nothing was done.
    Repeated,
    /// A vote of this id was taken before, for another choice, and nothing was done.
    OtherChoice,
}

impl Queue {
    /// Puts a vote at the end of the stream, unless one of the same id was put there within the last
    /// `window`. Any number of processes may do so at once. One round trip, as
    /// [`enqueue`](Self::enqueue); Redis keeps about 120 bytes for the length of the window.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue). After an error the same vote can be sent again.
    pub async fn enqueue_once(&self, vote: &Vote, window: Duration) -> Result<Once, Error> {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut add = cmd("EVAL");
        add.arg(ADD_ONCE).arg(2).arg(STREAM);
        add.arg([ONCE_PREFIX.as_bytes(), vote.id.as_bytes()].concat());
        add.arg(vote.id.hyphenated().to_string());
        add.arg(&vote.voter).arg(&vote.choice).arg(window_ms);
        add.arg(u8::from(self.link.needs_replicas()));
        let before: Option<String> = self.link.durably(&add).await?;
        Ok(match before {
            None => Once::Taken,
            Some(choice) if choice == vote.choice => Once::Repeated,
            Some(_) => Once::OtherChoice,
        })
    }
}
