//! Tests of the whole console: frames, keys, faults, arbitrary input.

mod changes;
mod clicks;
mod faults;
pub(crate) mod fixtures;
mod frames;
pub(crate) mod grafana;
mod held;
mod indonesian;
mod keys;
mod lang;
mod looks;
mod matrix;
mod pictures;
mod robust;
