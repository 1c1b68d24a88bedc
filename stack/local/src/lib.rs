//! Runs the whole stack as processes on this machine.
