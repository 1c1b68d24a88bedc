//! Kills, stops and cuts off the parts of a voting stack at random instants under constant load, and
//! counts every vote after each time.
//!
//! The stack ([`stack::Stack`]) is two vote apps and two workers as processes, a Redis server with
//! the project's own `redis.conf`, and a ledger: an `SQLite` file or a PostgreSQL server. Between
//! them are proxies ([`proxy::Proxy`]) that can do to connections what networks do. What is done
//! ([`crash::Crash`]) and when is drawn from a seed ([`deck::Deck`]). After each crash the load ends, and then:
//!
//! - every vote answered 202 is recorded, once, under the id that was answered;
//! - of a voter who changed it, the vote that stands is the last one answered 202, or one whose
//!   answer did not come;
//! - nobody is recorded who did not vote;
//! - the stream and its list of pending entries are empty;
//! - there are as many dead letters as entries that were no votes.

pub mod audit;
pub mod campaign;
pub mod crash;
pub mod deck;
pub mod load;
mod patience;
pub mod proxy;
pub mod report;
pub mod service;
pub mod stack;
