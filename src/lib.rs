//! What the two programs `voteops` and `voteops-tui` share: arguments, finding the stack, and
//! the dispatch to the libraries that do the work.

pub mod args;
mod chaos;
mod compose;
mod config;
mod console;
mod container;
mod dispatch;
mod doctor;
mod experimenter;
mod experiments;
mod failure;
mod internal;
mod log_file;
mod manual;
mod pipe;
mod runtime;
mod sources;
mod status;
mod up;

pub use chaos::guardian;
pub use dispatch::{dispatch, tui};
pub use failure::{Failure, report};
pub use pipe::end_quietly_without_a_reader;
