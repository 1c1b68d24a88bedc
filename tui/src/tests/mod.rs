//! Tests of the whole console: frames, keys, faults, arbitrary input.

mod changes;
mod faults;
mod fixtures;
mod frames;
mod keys;
mod robust;
