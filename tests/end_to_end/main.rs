//! Whole stacks on real servers, as a user runs them: `up`, `status`, the console, `chaos`, `down`,
//! and what `kill -9` leaves behind. Each test has a stack, a directory and ports of its own.

mod cli;
mod conservation;
mod console;
mod faults;
mod proof;
mod support;
mod up;
