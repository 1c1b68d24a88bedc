//! The launcher: becomes a component's program, with its life tied to the supervisor's.
//!
//! A child cannot be given a parent-death signal from outside without unsafe code, so each
//! component is started as `voteops internal launch`, which asks for the signal itself and then
//! replaces itself by the program: the process id stays.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// Asks the kernel to kill this process when its parent dies, then becomes `program`.
/// Returns only when that failed, with the reason.
///
/// `parent_pid` closes the gap between fork and the request: a parent that died in it can send
/// no signal any more. The signal comes when the *thread* that started this process ends
/// (prctl(2)), so the supervisor starts its children from its main thread only.
#[must_use]
pub fn become_program(parent_pid: i32, program: &OsString, args: &[OsString]) -> String {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return format!("cannot tie {} to its parent: {error}", program.display());
    }
    if getppid() != Pid::from_raw(parent_pid) {
        return format!("the supervisor (pid {parent_pid}) is gone");
    }
    let error = Command::new(program).args(args).exec();
    format!("cannot start {}: {error}", program.display())
}
