//! Kills, stops and cuts off the parts of a voting stack at random instants under constant load, and
//! counts every vote after each time.
//!
//! The stack ([`stack::Stack`]) is two vote apps and two workers as processes, a Redis server with
//! the project's own `redis.conf`, and a ledger: an `SQLite` file or a PostgreSQL server. Between
//! them are proxies ([`proxy::Proxy`]) that can do to connections what networks do. What is done
//! ([`crash::Crash`]) and when is drawn from a seed ([`deck::Deck`]). After each crash the load ends, and then:
//!
//! - every vote answered 202 is recorded, once, for what was chosen and under the id that was answered;
//! - of a voter who changed it, the vote that stands is the last one answered 202, or one whose
//!   answer did not come; a vote with a key that is sent once more changes nothing;
//! - nobody is recorded who did not vote, and no vote was refused but for what was done;
//! - the stream and its list of pending entries are empty;
//! - each entry that is no vote has one dead letter, and nothing else has;
//! - and now and then the whole ledger: what stood after its round stands.

pub mod audit;
pub mod campaign;
pub mod crash;
pub mod deck;
pub mod load;
mod patience;
mod poison;
pub mod proxy;
pub mod report;
pub mod roll;
pub mod sent;
pub mod service;
mod sign;
pub mod stack;
mod voters;
