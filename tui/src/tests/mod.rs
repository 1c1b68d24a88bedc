//! Tests of the whole console: frames, keys, faults, arbitrary input.

mod changes;
mod faults;
pub(crate) mod fixtures;
mod frames;
mod keys;
mod looks;
mod pictures;
mod robust;
