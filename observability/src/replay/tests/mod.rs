//! The replay against Prometheus's own engine (`promtool test rules`), against simulations, and
//! against the closed forms of `prediction`.

mod agreement;
mod alerts;
mod arbitrary;
mod closed_forms;
mod outcome;
mod promtool;
mod robust;
mod shipped;
mod windows;
