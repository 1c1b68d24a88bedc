//! The vote app as a program, in what it logs and what the system gives it.

mod logs;
mod open_files;
mod running;
mod warnings;
