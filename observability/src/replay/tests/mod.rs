//! The replay against Prometheus's own engine (`promtool test rules`), against simulations, and
//! against closed forms.

mod agreement;
mod alerts;
mod arbitrary;
mod by_hand;
mod closed_forms;
mod outcome;
mod promtool;
mod robust;
mod shipped;
mod windows;
