//! The vote app over HTTP, with a real Redis server.

mod bounds;
mod browser;
mod faults;
mod live;
mod outages;
mod pages;
mod repeats;
mod safety;
mod stack;
mod votes;

/// What a test ends with.
type TestResult = Result<(), Box<dyn std::error::Error>>;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
