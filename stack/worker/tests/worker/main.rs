//! The worker on real servers, in this process and as a program.

mod drain;
mod faults;
mod in_hand;
mod outages;
mod program;
mod stack;

/// What a test ends with.
type TestResult = Result<(), Box<dyn std::error::Error>>;
